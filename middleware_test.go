package truhook_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
)

func TestMiddleware_HandlerGetsTheExactBytesThatWereVerified(t *testing.T) {
	t.Parallel()
	bodies := map[string][]byte{
		"empty":         {},
		"one byte":      {'x'},
		"JSON":          []byte(`{"a": 1.0, "b":"\u00e9\/"}`),
		"invalid UTF-8": {0xff, 0xfe, '{', 0xc3, 0x28, '}', 0xed, 0xa0, 0x80},
		"NUL":           []byte("{\x00}\x00\x00"),
		"BOM":           []byte("\xef\xbb\xbf{}"),
		"CRLF":          []byte("{\r\n}\r\n\r\n"),
		"LF at the end": []byte("{}\n"),
		"64 KiB":        bytes.Repeat([]byte{0, 1, 2, 0xff}, 16<<10),
		"1 MiB":         bytes.Repeat([]byte("\r\n\x00\xff"), 256<<10),
	}
	for name, body := range bodies {
		for _, chunked := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				r := signed(body)
				if chunked {
					r.ContentLength, r.TransferEncoding = -1, []string{"chunked"}
				}
				h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					got, err := io.ReadAll(r.Body)
					assert.NoError(t, err)
					assert.True(t, bytes.Equal(body, got))
					v, ok := truhook.FromContext(r.Context())
					assert.True(t, ok)
					assert.True(t, bytes.Equal(body, v.Payload))
					assert.Equal(t, []truhook.Proof{{Scheme: "truv", KeyID: "current"}}, v.Proofs)
					w.WriteHeader(http.StatusNoContent)
				})
				w, o := judge(t, truvVerifier(t), truhook.Config{}, h, r)
				require.NoError(t, o.Err)
				require.Equal(t, http.StatusNoContent, w.Code)
			})
		}
	}
}

func TestMiddleware_EveryOtherByteOfTheBodyIsRefused(t *testing.T) {
	t.Parallel()
	for original, sent := range map[string]string{
		"{\r\n}": "{\n}", "{}": "{}\n", "\xef\xbb\xbf{}": "{}", `{"a":"é"}`: `{"a":"\u00e9"}`, "{\x00}": "{}", "\xff": "\xef\xbf\xbd", "x": "",
	} {
		r := signed([]byte(sent))
		r.Header.Set("X-Webhook-Sign", truvHeader([]byte(original)))
		w, o := judge(t, truvVerifier(t), truhook.Config{}, unreached(t), r)
		requireRefused(t, truhook.SignatureMismatch, w, o)
	}
}

func TestMiddleware_WrongHeadIsRefusedBeforeAByteOfTheBodyIsRead(t *testing.T) {
	t.Parallel()
	good := truvHeader([]byte("body"))
	tests := map[string]struct {
		lines []string
		want  truhook.Reason
	}{
		"missing":    {nil, truhook.MissingSignature},
		"empty":      {[]string{""}, truhook.MissingSignature},
		"twice":      {[]string{good, good}, truhook.DuplicateHeader},
		"malformed":  {[]string{"v1=zz"}, truhook.MalformedSignature},
		"truncated":  {[]string{good[:len(good)-2]}, truhook.MalformedSignature},
		"too long":   {[]string{good + strings.Repeat("0", 5000)}, truhook.HeaderTooLong},
		"no prefix":  {[]string{good[3:]}, truhook.MalformedSignature},
		"other case": {[]string{"V1=" + good[3:]}, truhook.MalformedSignature},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := &countingReader{Reader: strings.NewReader("body")}
			r := httptest.NewRequest(http.MethodPost, "/", body)
			r.Body, r.ContentLength = body, 4
			r.Header["X-Webhook-Sign"] = tt.lines
			w, o := judge(t, truvVerifier(t), truhook.Config{}, unreached(t), r)
			requireRefused(t, tt.want, w, o)
			require.Zero(t, body.reads.Load())
			require.NotNil(t, o.Delivery)
			require.Nil(t, o.Delivery.Body)
			require.Zero(t, o.VerifyDuration, "the verifier did not run")
			require.Zero(t, o.ReadDuration)
		})
	}
}

func TestMiddleware_PrecheckRunsBeforeTheBodyAndWithoutIt(t *testing.T) {
	t.Parallel()
	body := &countingReader{Reader: strings.NewReader("body")}
	var order []string
	v := headed{
		func(ctx context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
			order = append(order, "verify "+string(d.Body))
			return accepting("x").Verify(ctx, d)
		},
		func(_ context.Context, d *truhook.Delivery) error {
			require.Nil(t, d.Body)
			require.Zero(t, body.reads.Load())
			order = append(order, "precheck")
			return nil
		},
	}
	h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { order = append(order, "handler") })
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Body, r.ContentLength = body, 4
	cfg := truhook.Config{Observe: func(context.Context, truhook.Observation) { order = append(order, "observe") }}
	truhook.NewMiddleware(v, cfg).Wrap(h).ServeHTTP(httptest.NewRecorder(), r)
	require.Equal(t, []string{"precheck", "verify body", "observe", "handler"}, order)
}

func TestMiddleware_ContentEncodingIsLeftAlone(t *testing.T) {
	t.Parallel()
	body := []byte("\x1f\x8b\x08\x00 not even gzip")
	r := signed(body)
	r.Header.Set("Content-Encoding", "gzip, br")
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, _ := io.ReadAll(r.Body)
		assert.Equal(t, body, got)
		assert.Equal(t, "gzip, br", r.Header.Get("Content-Encoding"))
	})
	_, o := judge(t, truvVerifier(t), truhook.Config{}, h, r)
	require.NoError(t, o.Err)
}

func TestMiddleware_ReplayedRequestIsConsistent(t *testing.T) {
	t.Parallel()
	body := []byte(`{"a":1}`)
	for name, change := range map[string]func(*http.Request){
		"plain":   func(*http.Request) {},
		"chunked": func(r *http.Request) { r.ContentLength, r.TransferEncoding = -1, []string{"chunked"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := signed(body)
			change(r)
			h := http.HandlerFunc(func(w http.ResponseWriter, got *http.Request) {
				assert.Equal(t, int64(len(body)), got.ContentLength)
				assert.Empty(t, got.TransferEncoding)
				first, err := io.ReadAll(got.Body)
				assert.NoError(t, err)
				assert.Equal(t, body, first)
				second, err := io.ReadAll(got.Body) // a body is read once, as net/http has it
				assert.NoError(t, err)
				assert.Empty(t, second)
				assert.NoError(t, got.Body.Close())
				assert.NotSame(t, r, got, "the caller's request is not changed")
			})
			before := r.ContentLength
			_, o := judge(t, truvVerifier(t), truhook.Config{}, h, r)
			require.NoError(t, o.Err)
			require.Equal(t, before, r.ContentLength)
		})
	}
}

func TestMiddleware_EmptyBodyIsReplayedAsNone(t *testing.T) {
	t.Parallel()
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, http.NoBody, r.Body)
		v, _ := truhook.FromContext(r.Context())
		assert.Empty(t, v.Payload)
	})
	for _, body := range []io.Reader{nil, http.NoBody, strings.NewReader("")} {
		r := httptest.NewRequest(http.MethodPost, "/", body)
		r.Header.Set("X-Webhook-Sign", truvHeader(nil))
		_, o := judge(t, truvVerifier(t), truhook.Config{}, h, r)
		require.NoError(t, o.Err)
		require.NotNil(t, o.Delivery.Body, "read, and empty")
	}
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Body = nil
	r.Header.Set("X-Webhook-Sign", truvHeader(nil))
	_, o := judge(t, truvVerifier(t), truhook.Config{}, h, r)
	require.NoError(t, o.Err)
}

func TestMiddleware_EveryMethodIsVerified(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "PATCH", "BREW"} {
		r := httptest.NewRequest(method, "/", strings.NewReader("x"))
		w, o := judge(t, truvVerifier(t), truhook.Config{}, unreached(t), r)
		requireRefused(t, truhook.MissingSignature, w, o)
	}
}

func TestMiddleware_VerdictIsTheVerifiersAlone(t *testing.T) {
	t.Parallel()
	both := func(_ context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
		return &truhook.Verified{Payload: d.Body}, truhook.Refused
	}
	neither := func(context.Context, *truhook.Delivery) (*truhook.Verified, error) { return nil, nil }
	var nilPointer *hmacsig.Verifier
	var nilError *truhook.Error
	tests := map[string]struct {
		v    truhook.Verifier
		want truhook.Reason
	}{
		"an error beside a verdict":      {truhook.VerifierFunc(both), truhook.Refused},
		"neither verdict nor error":      {truhook.VerifierFunc(neither), truhook.Internal},
		"an error without a Reason":      {refusing(errPlain), truhook.Internal},
		"an unlisted Reason":             {refusing(truhook.Reason("my-own")), truhook.Internal},
		"the empty Reason":               {refusing(truhook.Reason("")), truhook.Internal},
		"an Error that is nil":           {refusing(nilError), truhook.Internal},
		"a nil *hmacsig.Verifier":        {nilPointer, truhook.NoKey},
		"a zero hmacsig.Verifier":        {&hmacsig.Verifier{}, truhook.NoKey},
		"a nil VerifierFunc":             {truhook.VerifierFunc(nil), truhook.NoKey},
		"a nil verifier that panics":     {(*counting)(nil), truhook.Internal},
		"a nil verifier inside of AllOf": {truhook.AllOf(accepting("a"), nilPointer), truhook.NoKey},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, o := judge(t, tt.v, truhook.Config{}, unreached(t), signed([]byte("x")))
			requireRefused(t, tt.want, w, o)
			require.GreaterOrEqual(t, w.Code, 400)
			_ = o.LogValue()
		})
	}
}

func TestMiddleware_NilArgumentsPanicAtStart(t *testing.T) {
	t.Parallel()
	require.Panics(t, func() { truhook.NewMiddleware(nil, truhook.Config{}) })
	require.Panics(t, func() { truhook.NewMiddleware(accepting("x"), truhook.Config{}).Wrap(nil) })
}

func TestMiddleware_NilOrZeroMiddlewareRefusesEverything(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]*truhook.Middleware{"nil": nil, "zero": {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			m.Wrap(unreached(t)).ServeHTTP(w, signed([]byte("x")))
			require.Equal(t, http.StatusServiceUnavailable, w.Code)
			_, err := m.Verify(t.Context(), &truhook.Delivery{})
			require.ErrorIs(t, err, truhook.NoKey)
			_, err = m.ReadDelivery(httptest.NewRecorder(), signed([]byte("x")))
			require.ErrorIs(t, err, truhook.NoKey)
		})
	}
}

// A sender may close its side after the request, and net/http then ends the context: the verdict is what the bytes
// deserve.
func TestMiddleware_VerdictDoesNotDependOnTheContext(t *testing.T) {
	t.Parallel()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, entry := range map[string]func(r *http.Request) error{
		"Wrap": func(r *http.Request) error {
			_, o := judge(t, truvVerifier(t), truhook.Config{}, noContent(), r.WithContext(ended))
			return o.Err
		},
		"Wrap, while the body is read": func(r *http.Request) error {
			ctx, cancel := context.WithCancel(t.Context())
			body := r.Body
			r.Body = io.NopCloser(readerFunc(func(p []byte) (int, error) { cancel(); return body.Read(p) }))
			_, o := judge(t, truvVerifier(t), truhook.Config{}, noContent(), r.WithContext(ctx))
			return o.Err
		},
		"ReadDelivery and Verify": func(r *http.Request) error {
			m := truhook.NewMiddleware(truvVerifier(t), truhook.Config{})
			d, err := m.ReadDelivery(httptest.NewRecorder(), r.WithContext(ended))
			if err == nil {
				_, err = m.Verify(ended, d)
			}
			return err
		},
	} {
		require.NoError(t, entry(signed([]byte("x"))), name)
		r := signed([]byte("x"))
		r.Header.Set("X-Webhook-Sign", truvHeader([]byte("y")))
		require.ErrorIs(t, entry(r), truhook.SignatureMismatch, name)
		r.Header.Del("X-Webhook-Sign")
		require.ErrorIs(t, entry(r), truhook.MissingSignature, name)
	}
}

func TestMiddleware_ContextEndsTheWaitsOfAVerifier(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	v := truhook.VerifierFunc(func(ctx context.Context, _ *truhook.Delivery) (*truhook.Verified, error) {
		cancel()
		<-ctx.Done()
		return nil, &truhook.Error{Reason: truhook.Canceled, Err: ctx.Err()}
	})
	w, o := judge(t, v, truhook.Config{}, unreached(t), signed([]byte("x")).WithContext(ctx))
	requireRefused(t, truhook.Canceled, w, o)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestMiddleware_DeliveryIsWhatArrived(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 2, 1, 2, 3, 4, time.UTC)
	var got truhook.Delivery
	v := truhook.VerifierFunc(func(ctx context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
		got = *d
		return accepting("x").Verify(ctx, d)
	})
	r := httptest.NewRequest(http.MethodPut, "https://receiver.example/a%2Fb/../c?q=%20&q", strings.NewReader("x"))
	r.RemoteAddr = "192.0.2.7:4711"
	r.Header.Set("Received", "1999-01-01T00:00:00Z")
	judge(t, v, truhook.Config{Now: func() time.Time { return at }}, noContent(), r)
	require.Equal(t, http.MethodPut, got.Method)
	require.Equal(t, r.RequestURI, got.RequestURI)
	require.Contains(t, got.RequestURI, "/a%2Fb/../c?q=%20&q")
	require.Equal(t, "receiver.example", got.Host)
	require.Equal(t, "192.0.2.7:4711", got.RemoteAddr)
	require.Equal(t, at, got.Received)
	require.NotNil(t, got.TLS)
	require.Equal(t, []byte("x"), got.Body)
}

func TestMiddleware_StripPrefixDoesNotChangeTheRequestURI(t *testing.T) {
	t.Parallel()
	v := truhook.VerifierFunc(func(ctx context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
		if d.RequestURI != "/api/hooks/x?y" {
			return nil, truhook.WrongPath
		}
		return accepting("x").Verify(ctx, d)
	})
	h := truhook.NewMiddleware(v, truhook.Config{}).Wrap(noContent())
	w := httptest.NewRecorder()
	http.StripPrefix("/api", h).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/api/hooks/x?y", nil))
	require.Equal(t, http.StatusNoContent, w.Code)
}

func TestMiddleware_RequestThatNoServerParsedHasARequestURIToo(t *testing.T) {
	t.Parallel()
	r, err := http.NewRequest(http.MethodPost, "https://receiver.example/a?b", nil)
	require.NoError(t, err)
	r.Header = nil
	d, err := truhook.NewMiddleware(accepting("x"), truhook.Config{}).ReadDelivery(httptest.NewRecorder(), r)
	require.NoError(t, err)
	require.Equal(t, "/a?b", d.RequestURI)
	require.NotNil(t, d.Header)
}

func TestMiddleware_WrapWritesNothingOnSuccessAndHandsOnTheWriter(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	h := http.HandlerFunc(func(got http.ResponseWriter, _ *http.Request) {
		assert.Same(t, w, got)
		assert.Empty(t, got.Header())
	})
	truhook.NewMiddleware(truvVerifier(t), truhook.Config{}).Wrap(h).ServeHTTP(w, signed([]byte("x")))
	require.Empty(t, w.Header())
	require.Empty(t, w.Body.String())
}

func TestMiddleware_OneWrapServesSeveralRoutesAndNests(t *testing.T) {
	t.Parallel()
	m := truhook.NewMiddleware(truvVerifier(t), truhook.Config{})
	w := httptest.NewRecorder()
	m.Wrap(m.Wrap(noContent())).ServeHTTP(w, signed([]byte("twice")))
	require.Equal(t, http.StatusNoContent, w.Code)
}

func TestMiddleware_FromContextOutsideOfVerification(t *testing.T) {
	t.Parallel()
	v, ok := truhook.FromContext(t.Context())
	require.False(t, ok)
	require.Nil(t, v)
	v, ok = truhook.FromContext(truhook.NewContext(t.Context(), nil))
	require.False(t, ok)
	require.Nil(t, v)
	want := &truhook.Verified{}
	v, ok = truhook.FromContext(truhook.NewContext(t.Context(), want))
	require.True(t, ok)
	require.Same(t, want, v)
}

func TestMiddleware_DetailFindsTheFirstOfItsType(t *testing.T) {
	t.Parallel()
	v := &truhook.Verified{Proofs: []truhook.Proof{{}, {Detail: 7}, {Detail: "a"}, {Detail: "b"}, {Detail: errors.New("e")}}}
	s, ok := truhook.Detail[string](v)
	require.True(t, ok)
	require.Equal(t, "a", s)
	_, ok = truhook.Detail[bool](v)
	require.False(t, ok)
	_, ok = truhook.Detail[string](nil)
	require.False(t, ok)
	e, ok := truhook.Detail[error](v)
	require.True(t, ok)
	require.EqualError(t, e, "e")
}
