//go:build !race

// The race detector makes sync.Pool forget what it holds, so what is counted here has no meaning under it.

package truhook_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

// The buffers through which a large body passes are used again: it costs what a small one does. Not parallel:
// AllocsPerRun counts what the process allocates.
func TestExchange_LargeBodiesAllocateNoMoreThanSmallOnes(t *testing.T) {
	for _, size := range []int{256, 10 << 10, 16 << 10, 64 << 10, 100 << 10} {
		body := bytes.Repeat([]byte("x"), size)
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set("X-Webhook-Sign", truvHeader(body))
		r.ContentLength = int64(size)
		wrapped := truhook.NewMiddleware(truvVerifier(t), truhook.Config{Logger: slog.New(slog.DiscardHandler)}).Wrap(noContent())
		source, w := &rewound{}, silentWriter{http.Header{}}
		got := testing.AllocsPerRun(200, func() {
			source.Reset(body)
			r.Body = source
			wrapped.ServeHTTP(w, r)
		})
		require.LessOrEqual(t, got, 3.0, "%d bytes", size)
	}
}
