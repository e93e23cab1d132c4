package truhook_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

func TestBody_LimitOfTheBody(t *testing.T) {
	t.Parallel()
	const limit = 1000
	for size, want := range map[int]truhook.Reason{
		0: "", 1: "", limit - 1: "", limit: "", limit + 1: truhook.BodyTooLarge, 10 * limit: truhook.BodyTooLarge,
	} {
		for name, announce := range map[string]int64{"announced": int64(size), "chunked": -1} {
			body := bytes.Repeat([]byte("x"), size)
			r := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(bytes.NewReader(body)))
			r.ContentLength = announce
			v := &counting{}
			w, o := judge(t, v, truhook.Config{MaxBodyBytes: limit}, noContent(), r)
			require.Equal(t, want, truhook.ReasonOf(o.Err), "%s, %d", name, size)
			if want == "" {
				require.Equal(t, http.StatusNoContent, w.Code)
				require.Len(t, o.Delivery.Body, size)
				continue
			}
			requireRefused(t, want, w, o)
			require.Zero(t, v.asked.Load(), "nobody hashes a body that was cut")
			require.Nil(t, o.Delivery.Body)
		}
	}
}

func TestBody_DefaultLimitIsOneMebibyte(t *testing.T) {
	t.Parallel()
	for _, given := range []int64{0, -1, -1 << 63} {
		for size, want := range map[int]truhook.Reason{1 << 20: "", 1<<20 + 1: truhook.BodyTooLarge} {
			r := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(bytes.NewReader(make([]byte, size))))
			r.ContentLength = -1
			_, o := judge(t, accepting("x"), truhook.Config{MaxBodyBytes: given}, noContent(), r)
			require.Equal(t, want, truhook.ReasonOf(o.Err))
		}
	}
}

func TestBody_LargestLimitDoesNotOverflow(t *testing.T) {
	t.Parallel()
	cfg := truhook.Config{MaxBodyBytes: 1<<63 - 1, MaxBufferedBytes: 1<<63 - 1}
	_, o := judge(t, accepting("x"), cfg, noContent(), signed([]byte("x")))
	require.NoError(t, o.Err)
}

func TestBody_AnnouncementOverTheLimitIsRefusedUnread(t *testing.T) {
	t.Parallel()
	for _, announced := range []int64{1<<20 + 1, 1 << 40, 1<<63 - 1} {
		body := &countingReader{Reader: endless{}}
		r := httptest.NewRequest(http.MethodPost, "/", body)
		r.ContentLength = announced
		w, o := judge(t, accepting("x"), truhook.Config{}, unreached(t), r)
		requireRefused(t, truhook.BodyTooLarge, w, o)
		require.Zero(t, body.reads.Load())
	}
}

func TestBody_EndlessBodyIsReadOneByteBeyondTheLimit(t *testing.T) {
	t.Parallel()
	for _, announced := range []int64{-1, 10, 100_000} { // 10 is a lie, as net/http would not let it through
		body := &countingReader{Reader: endless{}}
		r := httptest.NewRequest(http.MethodPost, "/", body)
		r.ContentLength = announced
		v := &counting{}
		w, o := judge(t, v, truhook.Config{MaxBodyBytes: 100_000}, unreached(t), r)
		requireRefused(t, truhook.BodyTooLarge, w, o)
		require.Equal(t, int64(100_001), body.bytes.Load())
		require.Zero(t, v.asked.Load())
	}
}

func TestBody_BodyCutShortIsIncompleteAndNotHashed(t *testing.T) {
	t.Parallel()
	broken := func(text string, err error) io.Reader {
		return io.MultiReader(strings.NewReader(text), readerFunc(func([]byte) (int, error) { return 0, err }))
	}
	tests := map[string]struct {
		body      io.Reader
		announced int64
	}{
		"nothing of one":               {strings.NewReader(""), 1},
		"no body at all":               {http.NoBody, 5},
		"unexpected EOF":               {broken("xy", io.ErrUnexpectedEOF), 3},
		"unexpected EOF, chunked":      {broken("xy", io.ErrUnexpectedEOF), -1},
		"an error at once":             {broken("", errPlain), 3},
		"an error behind all of it":    {broken("xyz", errPlain), 3},
		"a wrapped EOF":                {broken("xyz", errors.Join(io.EOF)), -1},
		"an error together with bytes": {readerFunc(func(p []byte) (int, error) { return copy(p, "xyz"), errPlain }), 3},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodPost, "/", tt.body)
			r.ContentLength = tt.announced
			v := &counting{}
			w, o := judge(t, v, truhook.Config{}, unreached(t), r)
			requireRefused(t, truhook.BodyIncomplete, w, o)
			require.Equal(t, "close", w.Header().Get("Connection"))
			require.Zero(t, v.asked.Load())
			require.Nil(t, o.Delivery.Body)
		})
	}
}

func TestBody_WhatArrivedCountsWhereMoreCameThanWasAnnounced(t *testing.T) {
	t.Parallel()
	r := signed([]byte("twelve bytes"))
	r.ContentLength = 5
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got, _ := io.ReadAll(r.Body)
		assert.Equal(t, "twelve bytes", string(got))
		assert.Equal(t, int64(12), r.ContentLength)
	})
	_, o := judge(t, truvVerifier(t), truhook.Config{}, h, r)
	require.NoError(t, o.Err)
}

func TestBody_LowerLimitInFrontOfUsIsStillTooLarge(t *testing.T) {
	t.Parallel()
	r := signed(bytes.Repeat([]byte("x"), 100))
	r.ContentLength = -1
	r.Body = http.MaxBytesReader(nil, r.Body, 50)
	w, o := judge(t, truvVerifier(t), truhook.Config{}, unreached(t), r)
	requireRefused(t, truhook.BodyTooLarge, w, o)
	var e *http.MaxBytesError
	require.ErrorAs(t, o.Err, &e)

	h := truhook.NewMiddleware(truvVerifier(t), truhook.Config{}).Wrap(unreached(t))
	s := serve(t, http.MaxBytesHandler(h, 50), false)
	status, _ := post(t, s, truvHeader([]byte("x")), io.MultiReader(strings.NewReader(strings.Repeat("x", 100))))
	require.Equal(t, http.StatusRequestEntityTooLarge, status)
}

func TestBody_BytesThatComeWithTheEndCount(t *testing.T) {
	t.Parallel()
	body := []byte("all at once")
	r := signed(body)
	done := false
	r.Body = io.NopCloser(readerFunc(func(p []byte) (int, error) {
		if done {
			return 0, io.EOF
		}
		done = true
		return copy(p, body), io.EOF
	}))
	w, o := judge(t, truvVerifier(t), truhook.Config{}, noContent(), r)
	require.NoError(t, o.Err)
	require.Equal(t, http.StatusNoContent, w.Code)
}

func TestBody_OneByteAtATime(t *testing.T) {
	t.Parallel()
	body := bytes.Repeat([]byte("ab\x00"), 1000)
	r := signed(body)
	r.ContentLength = -1
	r.Body = io.NopCloser(iotestOneByte{bytes.NewReader(body)})
	_, o := judge(t, truvVerifier(t), truhook.Config{}, noContent(), r)
	require.NoError(t, o.Err)
}

type iotestOneByte struct{ io.Reader }

func (o iotestOneByte) Read(p []byte) (int, error) { return o.Reader.Read(p[:min(1, len(p))]) }

func TestBody_NoOneCanGrowWhatTheHandlerSharesWithTheReplay(t *testing.T) {
	t.Parallel()
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		v, _ := truhook.FromContext(r.Context())
		assert.Equal(t, len(v.Payload), cap(v.Payload))
	})
	_, o := judge(t, truvVerifier(t), truhook.Config{}, h, signed([]byte("x")))
	require.NoError(t, o.Err)
}

// Something in front of the middleware put another body in the place of the one that was announced.
func TestBody_Replaced(t *testing.T) {
	t.Parallel()
	body := []byte(`{"a":"` + strings.Repeat("x", 100) + `"}`)
	for name, test := range map[string]struct {
		body      io.Reader
		announced int64
		signed    []byte
		want      truhook.Reason
	}{
		"shrunk":                      {bytes.NewReader(body), int64(len(body)) + 50, body, ""},
		"grown":                       {bytes.NewReader(body), 7, body, ""},
		"grown by a byte":             {bytes.NewReader(body), int64(len(body)) - 1, body, ""},
		"a byte at a time":            {iotestOneByte{bytes.NewReader(body)}, 7, body, ""},
		"with the end":                {iotest.DataErrReader(bytes.NewReader(body)), 7, body, ""},
		"of unknown length":           {bytes.NewReader(body), -1, body, ""},
		"of a length that is not set": {bytes.NewReader(body), 0, body, ""},
		"shrunk, refused":             {bytes.NewReader(body), int64(len(body)) + 50, body[1:], truhook.BodyReplaced},
		"grown, refused":              {bytes.NewReader(body), 7, body[1:], truhook.BodyReplaced},
		"read in part":                {bytes.NewReader(body[3:]), int64(len(body)), body, truhook.BodyReplaced},
		"read already":                {bytes.NewReader(nil), int64(len(body)), body, truhook.BodyIncomplete},
		"gone":                        {http.NoBody, int64(len(body)), body, truhook.BodyIncomplete},
		"not replaced, refused":       {bytes.NewReader(body), int64(len(body)), body[1:], truhook.SignatureMismatch},
		"unknown, refused":            {bytes.NewReader(body), -1, body[1:], truhook.SignatureMismatch},
		"unknown, read already":       {bytes.NewReader(nil), -1, body, truhook.BodyReplaced},
		"unknown, gone":               {http.NoBody, -1, body, truhook.BodyReplaced},
		"cut by the network":          {io.MultiReader(bytes.NewReader(body[:9]), iotest.ErrReader(io.ErrUnexpectedEOF)), int64(len(body)), body, truhook.BodyIncomplete},
		"another error at the end":    {io.MultiReader(bytes.NewReader(body), iotest.ErrReader(errPlain)), 7, body, truhook.BodyIncomplete},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request := func() *http.Request {
				r := httptest.NewRequest(http.MethodPost, "/", nil)
				r.Header.Set("X-Webhook-Sign", truvHeader(test.signed))
				r.Body, r.ContentLength = io.NopCloser(test.body), test.announced
				if test.body == http.NoBody {
					r.Body = http.NoBody
				}
				return r
			}
			seek := func() {
				if s, ok := test.body.(io.Seeker); ok {
					_, _ = s.Seek(0, io.SeekStart)
				}
			}
			h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				got, _ := io.ReadAll(r.Body)
				assert.Equal(t, string(body), string(got))
				assert.Equal(t, int64(len(body)), r.ContentLength)
				w.WriteHeader(http.StatusNoContent)
			})
			_, o := judge(t, truvVerifier(t), truhook.Config{}, h, request())
			require.Equal(t, test.want, truhook.ReasonOf(o.Err), "%v", o.Err)
			if test.want == truhook.BodyReplaced { // whichever of several verifiers says it, and in which order
				other := refusing(truhook.MissingSignature)
				for _, v := range []truhook.Verifier{
					truhook.AnyOf(other, truvVerifier(t)), truhook.AnyOf(truvVerifier(t), other),
					truhook.AllOf(accepting("x"), truhook.AnyOf(other, truhook.Require(truvVerifier(t), truhook.HeadCheck("x", func(*truhook.Delivery) error { return nil })))),
				} {
					seek()
					_, o := judge(t, v, truhook.Config{}, unreached(t), request())
					require.Equal(t, test.want, truhook.ReasonOf(o.Err), "%v", o.Err)
				}
				seek()
				_, o := judge(t, truhook.AnyOf(other, refusing(truhook.Expired)), truhook.Config{}, unreached(t), request())
				require.Equal(t, truhook.MissingSignature, truhook.ReasonOf(o.Err), "nobody judged the body")
			}
			if _, again := test.body.(io.Seeker); !again {
				return
			}
			seek()
			m := truhook.NewMiddleware(truvVerifier(t), truhook.Config{})
			d, err := m.ReadDelivery(httptest.NewRecorder(), request())
			if err == nil {
				_, err = m.Verify(t.Context(), d)
			}
			require.Equal(t, test.want, truhook.ReasonOf(err), "%v", err)
			if test.want == truhook.BodyReplaced {
				require.ErrorIs(t, err, truhook.SignatureMismatch, "what was refused is in the chain")
			}
		})
	}
}

// The sender signs, then packs; a middleware unpacks and leaves the length. Small events grow when they are packed.
func TestBody_ReplacedOnARealServer(t *testing.T) {
	t.Parallel()
	unpack := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			z, err := gzip.NewReader(r.Body)
			assert.NoError(t, err)
			r.Body = io.NopCloser(z)
			next.ServeHTTP(w, r)
		})
	}
	for _, http2 := range []bool{false, true} {
		s := serve(t, unpack(truhook.NewMiddleware(truvVerifier(t), truhook.Config{}).Wrap(echo())), http2)
		drain := func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				next.ServeHTTP(w, r)
			})
		}
		drained := serve(t, drain(truhook.NewMiddleware(truvVerifier(t), truhook.Config{}).Wrap(echo())), http2)
		for name, body := range map[string]io.Reader{
			"announced": strings.NewReader("{}"), "of unknown length": struct{ io.Reader }{strings.NewReader("{}")},
		} {
			status, _ := post(t, drained, truvHeader([]byte("{}")), body)
			require.GreaterOrEqual(t, status, http.StatusInternalServerError, "a body %s that something in front has read", name)
		}
		for _, size := range []int{1, 10, 5_000, 200_000} {
			body := []byte(`{"a":"` + strings.Repeat("x", size) + `"}`)
			var packed bytes.Buffer
			w := gzip.NewWriter(&packed)
			_, _ = w.Write(body)
			require.NoError(t, w.Close())
			status, got := post(t, s, truvHeader(body), bytes.NewReader(packed.Bytes()))
			require.Equal(t, http.StatusOK, status, size)
			require.True(t, string(body) == got)
			status, _ = post(t, s, truvHeader(packed.Bytes()), bytes.NewReader(packed.Bytes()))
			require.Equal(t, http.StatusInternalServerError, status, "%d: signed as it was packed", size)
		}
	}
}

// What replaces a body may say another length than the one that was announced, or none.
func TestBody_ReplacedWithALengthOfItsOwn(t *testing.T) {
	t.Parallel()
	put := func(r *http.Request, body string, length int64) {
		_, _ = io.Copy(io.Discard, r.Body)
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), length
	}
	const sent, other = `{"a": 1}`, `{"a":1}`
	for name, test := range map[string]struct {
		front     func(r *http.Request)
		signed    string
		want      int
		whenUnset int // where the sender announces no length
	}{
		"nothing":                      {func(*http.Request) {}, sent, 200, 200},
		"nothing, forged":              {func(*http.Request) {}, other, 401, 401},
		"of its own length":            {func(r *http.Request) { put(r, other, int64(len(other))) }, sent, 500, 500},
		"of its own length, signed":    {func(r *http.Request) { put(r, other, int64(len(other))) }, other, 200, 200},
		"of unknown length":            {func(r *http.Request) { put(r, other, -1) }, sent, 500, 401},
		"of no length":                 {func(r *http.Request) { put(r, other, 0) }, sent, 500, 500},
		"none":                         {func(r *http.Request) { put(r, "", 0); r.Body = http.NoBody }, sent, 500, 401},
		"of unknown length, no header": {func(r *http.Request) { put(r, other, -1); r.Header.Del("Content-Length") }, sent, 500, 401},
		"of its own length, no header": {func(r *http.Request) { put(r, other, int64(len(other))); r.Header.Del("Content-Length") }, sent, 500, 500},
		"of the same length":           {func(r *http.Request) { put(r, `{"b": 1}`, int64(len(sent))) }, sent, 401, 500},
	} {
		for _, http2 := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", HTTP/2"}[http2], func(t *testing.T) {
				t.Parallel()
				wrapped := truhook.NewMiddleware(truvVerifier(t), truhook.Config{}).Wrap(echo())
				s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					test.front(r)
					wrapped.ServeHTTP(w, r)
				}), http2)
				status, _ := post(t, s, truvHeader([]byte(test.signed)), strings.NewReader(sent))
				if http2 && name == "of unknown length, no header" { // as it is without any replacement
					require.Equal(t, http.StatusUnauthorized, status)
				} else {
					require.Equal(t, test.want, status)
				}
				status, _ = post(t, s, truvHeader([]byte(test.signed)), struct{ io.Reader }{strings.NewReader(sent)})
				require.Equal(t, test.whenUnset, status, "announced by nobody")
			})
		}
	}
}

// A Read of another middleware's that breaks the contract of io.Reader is no panic and leaks nothing.
func TestBody_ReadThatBreaksItsContract(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		read readerFunc
		want truhook.Reason
	}{
		"more than there is room": {func(p []byte) (int, error) { return len(p) + 1, nil }, truhook.Internal},
		"far more":                {func([]byte) (int, error) { return math.MaxInt, io.EOF }, truhook.Internal},
		"less than nothing":       {func([]byte) (int, error) { return -1, nil }, truhook.Internal},
		"nothing, for ever":       {func([]byte) (int, error) { return 0, nil }, truhook.BodyIncomplete},
		"it panics":               {func([]byte) (int, error) { panic("x") }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := bytes.Repeat([]byte("x"), 900)
			for _, announced := range []int64{-1, 900, 100, 0} {
				m := truhook.NewMiddleware(accepting("x"), truhook.Config{MaxBufferedBytes: 2000})
				for _, behind := range []int{0, 1, 100, 600, 900} {
					r := httptest.NewRequest(http.MethodPost, "/", nil)
					r.Body, r.ContentLength = io.NopCloser(io.MultiReader(bytes.NewReader(body[:behind]), unbuffered{test.read})), announced
					if test.want == "" {
						require.Panics(t, func() { m.Wrap(noContent()).ServeHTTP(httptest.NewRecorder(), r) })
						r.Body = io.NopCloser(test.read)
						require.Panics(t, func() { _, _ = m.ReadDelivery(httptest.NewRecorder(), r) })
						continue
					}
					_, err := m.ReadDelivery(httptest.NewRecorder(), r)
					require.Equal(t, test.want, truhook.ReasonOf(err), "%d behind, %d announced: %v", behind, announced, err)
				}
				require.Equal(t, http.StatusNoContent, status(m.Wrap(noContent()), signed(bytes.Repeat([]byte("y"), 2000))), "every byte is free again")
			}
		})
	}
}

// unbuffered hides the WriterTo that io.MultiReader would look for.
type unbuffered struct{ io.Reader }

// stalling announces a length, sends a part of it and waits until the test ends.
func stalling(t *testing.T, announced int64, sent int) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Header.Set("X-Webhook-Sign", truvHeader(nil))
	r.ContentLength = announced
	rest := bytes.NewReader(make([]byte, sent))
	r.Body = io.NopCloser(readerFunc(func(p []byte) (int, error) {
		if rest.Len() > 0 {
			return rest.Read(p)
		}
		<-t.Context().Done()
		return 0, io.ErrUnexpectedEOF
	}))
	return r
}

// Strangers who announce bodies and send none do not stop the deliveries of others.
func TestBody_AnnouncementsHoldLittle(t *testing.T) {
	t.Parallel()
	type crowd struct {
		n    int
		of   int64
		sent int
	}
	for name, test := range map[string]struct {
		max    int64
		crowds []crowd
		sizes  []int // of the deliveries that still pass
	}{
		"1,026 by default":            {0, []crowd{{1026, 1_000_000, 0}}, []int{1_000, 10_000, 100_000}},
		"chunked":                     {0, []crowd{{5000, -1, 0}}, []int{1_000, 10_000, 100_000}},
		"of all sizes":                {2 << 20, []crowd{{40, 1_000_000, 0}, {6, 30_000, 0}, {8, 10_000, 0}, {16, 3_000, 0}, {32, 1_000, 0}, {24, 300, 0}}, []int{1_000, 10_000, 100_000}},
		"large ones fill their part":  {2 << 20, []crowd{{1000, 1_000_000, 0}}, []int{1_000, 10_000, 16 << 10}},
		"large ones that half came":   {2 << 20, []crowd{{1000, 1_000_000, 500_000}}, []int{1_000, 10_000, 16 << 10}},
		"chunked ones that half came": {2 << 20, []crowd{{1000, -1, 500_000}}, []int{1_000, 10_000, 16 << 10}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := truhook.NewMiddleware(truvVerifier(t), truhook.Config{MaxBufferedBytes: test.max})
				wrapped := m.Wrap(noContent())
				for _, c := range test.crowds {
					for range c.n {
						go wrapped.ServeHTTP(httptest.NewRecorder(), stalling(t, c.of, c.sent))
					}
				}
				synctest.Wait()
				for _, size := range test.sizes {
					require.Equal(t, http.StatusNoContent, status(wrapped, signed(make([]byte, size))), size)
				}
			})
		})
	}
}

// What is held is at most twice what has arrived, so strangers have to send half of what they want to fill.
func TestBody_BudgetFollowsWhatHasArrived(t *testing.T) {
	t.Parallel()
	for _, announced := range []int64{-1, 1 << 20} {
		for _, sent := range []int{20_000, 33_000, 70_000, 150_000, 300_000} {
			synctest.Test(t, func(t *testing.T) {
				m := truhook.NewMiddleware(truvVerifier(t), truhook.Config{MaxBufferedBytes: 4 << 20})
				wrapped := m.Wrap(noContent())
				go wrapped.ServeHTTP(httptest.NewRecorder(), stalling(t, announced, sent))
				synctest.Wait()
				free := 3<<20 - max(2*sent, 16<<10) // for large bodies
				require.Equal(t, http.StatusNoContent, status(wrapped, signed(make([]byte, min(free, 1<<20)))))
				for range free/(300<<10) - 1 { // others that hold 300 KiB each
					go wrapped.ServeHTTP(httptest.NewRecorder(), stalling(t, 300<<10, 300<<10-1))
				}
				synctest.Wait()
				require.Equal(t, http.StatusNoContent, status(wrapped, signed(make([]byte, 200<<10))), "%d of %d", sent, announced)
			})
		}
	}
}
