package truhook_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

func TestTheLimitOfTheBody(t *testing.T) {
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

func TestTheDefaultLimitIsOneMebibyte(t *testing.T) {
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

func TestTheLargestLimitDoesNotOverflow(t *testing.T) {
	t.Parallel()
	cfg := truhook.Config{MaxBodyBytes: 1<<63 - 1, MaxBufferedBytes: 1<<63 - 1}
	_, o := judge(t, accepting("x"), cfg, noContent(), signed([]byte("x")))
	require.NoError(t, o.Err)
}

func TestAnAnnouncementOverTheLimitIsRefusedUnread(t *testing.T) {
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

func TestAnEndlessBodyIsReadOneByteBeyondTheLimit(t *testing.T) {
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

func TestABodyCutShortIsIncompleteAndNotHashed(t *testing.T) {
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

func TestWhatArrivedCountsWhereMoreCameThanWasAnnounced(t *testing.T) {
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

func TestALowerLimitInFrontOfUsIsStillTooLarge(t *testing.T) {
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

func TestBytesThatComeWithTheEndCount(t *testing.T) {
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

func TestOneByteAtATime(t *testing.T) {
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

func TestNoOneCanGrowWhatTheHandlerSharesWithTheReplay(t *testing.T) {
	t.Parallel()
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		v, _ := truhook.FromContext(r.Context())
		assert.Equal(t, len(v.Payload), cap(v.Payload))
	})
	_, o := judge(t, truvVerifier(t), truhook.Config{}, h, signed([]byte("x")))
	require.NoError(t, o.Err)
}
