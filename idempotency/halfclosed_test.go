package idempotency_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
)

// net/http ends the context of a request whose sender closes its half of the connection; the sender still reads.
func TestHandler_ASenderThatClosesItsHalfGetsTheResponse(t *testing.T) {
	t.Parallel()
	for name, wrap := range map[string]func(m *idempotency.Middleware, fn func(context.Context) error) http.Handler{
		"Handle": func(m *idempotency.Middleware, fn func(context.Context) error) http.Handler {
			return m.Handle(func(ctx context.Context, _ *truhook.Verified) error { return fn(ctx) })
		},
		"Wrap": func(m *idempotency.Middleware, fn func(context.Context) error) http.Handler {
			return m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if fn(r.Context()) != nil {
					w.WriteHeader(http.StatusInternalServerError)
				}
			}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := memory()
			m, _ := middleware(t, store, idempotency.Config{Policy: truv.RetryPolicy()})
			ended := make(chan struct{}) // net/http has noticed
			h := wrap(m, func(ctx context.Context) error { <-ended; return ctx.Err() })
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // as the verifying middleware does: net/http watches the sender from then on
				defer context.AfterFunc(r.Context(), func() { close(ended) })()
				h.ServeHTTP(w, r.WithContext(truhook.NewContext(r.Context(), event("a"))))
			}))
			defer s.Close()
			c, err := net.Dial("tcp", s.Listener.Addr().String())
			require.NoError(t, err)
			defer c.Close()
			_, err = io.WriteString(c, "POST / HTTP/1.1\r\nHost: receiver.example\r\nContent-Length: 2\r\n\r\n{}")
			require.NoError(t, err)
			require.NoError(t, c.(*net.TCPConn).CloseWrite())
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			require.NoError(t, err)
			_ = res.Body.Close()
			assert.Equal(t, http.StatusOK, res.StatusCode)
			assert.Equal(t, idempotency.Done, peek(t, store, "a").State)
		})
	}
}
