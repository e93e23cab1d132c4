package truhook_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
)

// testSecret was made for these tests.
const testSecret = "sandbox-7e577e577e577e577e577e577e577e577e577e57"

var errPlain = errors.New("a plain error")

// macOf signs without the library that is under test.
func macOf(secret string, body []byte) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write(body)
	return h.Sum(nil)
}

func truvHeader(body []byte) string { return "v1=" + hex.EncodeToString(macOf(testSecret, body)) }

func truvVerifier(t testing.TB) truhook.Verifier {
	t.Helper()
	v, err := truv.New(testSecret)
	require.NoError(t, err)
	return v
}

// signed is a genuine request with this body.
func signed(body []byte) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/webhooks/truv?b=%2F&a", bytes.NewReader(body))
	r.Header.Set("X-Webhook-Sign", truvHeader(body))
	return r
}

// cutShort makes the body of r end as one of net/http does where the connection breaks.
func cutShort(r *http.Request) {
	r.Body = io.NopCloser(io.MultiReader(r.Body, readerFunc(func([]byte) (int, error) { return 0, io.ErrUnexpectedEOF })))
	r.ContentLength++
}

func accepting(scheme string) truhook.VerifierFunc {
	return func(_ context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
		return &truhook.Verified{Payload: d.Body, Proofs: []truhook.Proof{{Scheme: scheme}}}, nil
	}
}

func refusing(err error) truhook.VerifierFunc {
	return func(context.Context, *truhook.Delivery) (*truhook.Verified, error) { return nil, err }
}

// headed is a verifier with a Precheck.
type headed struct {
	truhook.VerifierFunc
	precheck func(context.Context, *truhook.Delivery) error
}

func (h headed) Precheck(ctx context.Context, d *truhook.Delivery) error { return h.precheck(ctx, d) }

// counting counts how often it was asked, and accepts.
type counting struct{ asked atomic.Int64 }

func (c *counting) Verify(ctx context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
	c.asked.Add(1)
	return accepting("counting").Verify(ctx, d)
}

// countingReader counts what is read from it.
type countingReader struct {
	io.Reader
	reads, bytes atomic.Int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	c.reads.Add(1)
	n, err := c.Reader.Read(p)
	c.bytes.Add(int64(n))
	return n, err
}

func (c *countingReader) Close() error { return nil }

// endless is a body that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// unreached is a handler that must not run.
func unreached(t *testing.T) http.Handler {
	return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler ran for a refused delivery") })
}

func noContent() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
}

// judge sends r through a middleware and returns the answer and what was observed.
func judge(t *testing.T, v truhook.Verifier, cfg truhook.Config, h http.Handler, r *http.Request) (
	*httptest.ResponseRecorder, truhook.Observation,
) {
	t.Helper()
	var seen []truhook.Observation
	cfg.Observe = func(_ context.Context, o truhook.Observation) { seen = append(seen, o) }
	w := httptest.NewRecorder()
	truhook.NewMiddleware(v, cfg).Wrap(h).ServeHTTP(w, r)
	require.Len(t, seen, 1, "Observe is called exactly once")
	return w, seen[0]
}

// requireRefused checks that the answer is the reason's status with its standard text and nothing else.
func requireRefused(t *testing.T, want truhook.Reason, w *httptest.ResponseRecorder, o truhook.Observation) {
	t.Helper()
	require.Equal(t, want, truhook.ReasonOf(o.Err), "%v", o.Err)
	require.Nil(t, o.Verified)
	require.Equal(t, want.Status(), w.Code)
	require.Equal(t, http.StatusText(want.Status())+"\n", w.Body.String())
}

func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }
