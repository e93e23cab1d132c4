//go:build !race

// The race detector makes sync.Pool forget what it holds, so what is counted here has no meaning under it.

package truhook_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

// rewound is a body that can be read again without an allocation of its own.
type rewound struct{ bytes.Reader }

func (*rewound) Close() error { return nil }

// silentWriter is a ResponseWriter that allocates nothing.
type silentWriter struct{ header http.Header }

func (w silentWriter) Header() http.Header         { return w.header }
func (w silentWriter) Write(b []byte) (int, error) { return len(b), nil }
func (w silentWriter) WriteHeader(int)             {}

// perDelivery measures one delivery of size bytes through a middleware.
func perDelivery(t *testing.T, size int) (allocated, allocations int64) {
	t.Helper()
	body := bytes.Repeat([]byte("x"), size)
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Header.Set("X-Webhook-Sign", truvHeader(body))
	r.ContentLength = int64(size)
	source := &rewound{}
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	wrapped := truhook.NewMiddleware(truvVerifier(t), truhook.Config{}).Wrap(h)
	w := silentWriter{http.Header{}}
	return allocationsOf(func() {
		source.Reset(body)
		r.Body = source
		wrapped.ServeHTTP(w, r)
	})
}

// allocationsOf returns what one call of f allocates, on average. It counts for the whole process, so the tests that
// use it do not run in parallel.
func allocationsOf(f func()) (bytes, count int64) {
	const runs = 500
	f() // fills pools
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		f()
	}
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc-before.TotalAlloc) / runs, int64(after.Mallocs-before.Mallocs) / runs
}

// The middleware allocates one buffer of the size of the body and a fixed amount besides, which the difference between
// two sizes takes out.
func TestExchange_MiddlewareAllocatesTheBodyOnce(t *testing.T) {
	small, smallCount := perDelivery(t, 1<<10)
	large, largeCount := perDelivery(t, 9<<10)
	t.Logf("1 KiB: %d bytes in %d allocations; 9 KiB: %d bytes in %d", small, smallCount, large, largeCount)
	require.InDelta(t, smallCount, largeCount, 1)
	require.InDelta(t, 8<<10, large-small, 1<<10, "8 KiB more of body is 8 KiB more, and not twice that")
	require.Less(t, small, int64(2<<10), "the fixed part and the body of 1 KiB")
}

func TestExchange_LyingLengthDoesNotAllocate(t *testing.T) {
	const limit = 256 << 20
	m := truhook.NewMiddleware(accepting("x"), truhook.Config{MaxBodyBytes: limit, MaxBufferedBytes: 1 << 20})
	allocated, _ := allocationsOf(func() { // announces 256 MiB and sends one byte: only what arrives counts
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("x"))
		r.ContentLength = limit
		w := httptest.NewRecorder()
		m.Wrap(noContent()).ServeHTTP(w, r)
		require.Equal(t, http.StatusNoContent, w.Code)
	})
	require.Less(t, allocated, int64(32<<10))
}

func TestExchange_RefusedHeadAllocatesNoBody(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.ContentLength = 1 << 20
	r.Body = io.NopCloser(endless{})
	wrapped := truhook.NewMiddleware(truvVerifier(t), truhook.Config{}).Wrap(noContent())
	w := silentWriter{http.Header{}}
	allocated, _ := allocationsOf(func() { wrapped.ServeHTTP(w, r) })
	require.Less(t, allocated, int64(2<<10))
}

// What a delivery costs is a promise: the exchange, the verdict and the body; a refusal by the head has no body.
func TestExchange_Allocations(t *testing.T) {
	body := bytes.Repeat([]byte("x"), 1<<10)
	status := func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusUnauthorized) }
	for name, test := range map[string]struct {
		signature string
		cfg       truhook.Config
		want      float64
	}{
		"accepted":                          {truvHeader(body), truhook.Config{}, 3},
		"accepted and observed":             {truvHeader(body), truhook.Config{Observe: func(context.Context, truhook.Observation) {}}, 3},
		"refused by the head":               {"", truhook.Config{}, 4},
		"refused by the head, in its form":  {"v1=00", truhook.Config{}, 4},
		"refused by the head, and OnReject": {"", truhook.Config{OnReject: status}, 3},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		if test.signature != "" {
			r.Header.Set("X-Webhook-Sign", test.signature)
		}
		r.ContentLength = int64(len(body))
		source := &rewound{}
		test.cfg.Logger = slog.New(slog.DiscardHandler)
		wrapped := truhook.NewMiddleware(truvVerifier(t), test.cfg).Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
		}))
		w := silentWriter{http.Header{}}
		got := testing.AllocsPerRun(500, func() {
			source.Reset(body)
			r.Body = source
			wrapped.ServeHTTP(w, r)
		})
		require.LessOrEqual(t, got, test.want, name)
	}
}
