package truhook_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

func status(h http.Handler, r *http.Request) int {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

func TestBody_OverTheBudgetIsOverloadedUntilTheHandlerEnded(t *testing.T) {
	t.Parallel()
	inside, leave := make(chan struct{}), make(chan struct{})
	first := true
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if first {
			first = false
			close(inside)
			<-leave
		}
		w.WriteHeader(http.StatusNoContent)
	})
	body := bytes.Repeat([]byte("x"), 900)
	wrapped := truhook.NewMiddleware(truvVerifier(t), truhook.Config{MaxBufferedBytes: 1000}).Wrap(h)
	answered := make(chan int)
	go func() { answered <- status(wrapped, signed(body)) }()
	<-inside
	w := httptest.NewRecorder()
	wrapped.ServeHTTP(w, signed(body))
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Equal(t, "close", w.Header().Get("Connection"))
	require.Equal(t, http.StatusNoContent, status(wrapped, signed([]byte("x"))), "a small one still fits")
	close(leave)
	require.Equal(t, http.StatusNoContent, <-answered)
	require.Equal(t, http.StatusNoContent, status(wrapped, signed(body)), "all is given back")
}

func TestBody_BudgetIsGivenBackHoweverARequestEnds(t *testing.T) {
	t.Parallel()
	body := bytes.Repeat([]byte("x"), 900)
	panicking := io.MultiReader(bytes.NewReader(body[:600]), readerFunc(func([]byte) (int, error) { panic(http.ErrAbortHandler) }))
	tests := map[string]struct {
		v truhook.Verifier
		h http.Handler
		r func() *http.Request
	}{
		"accepted":            {truvVerifier(t), noContent(), func() *http.Request { return signed(body) }},
		"refused":             {refusing(truhook.Refused), noContent(), func() *http.Request { return signed(body) }},
		"the handler panics":  {truvVerifier(t), http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("x") }), func() *http.Request { return signed(body) }},
		"the verifier panics": {truhook.VerifierFunc(func(context.Context, *truhook.Delivery) (*truhook.Verified, error) { panic("x") }), noContent(), func() *http.Request { return signed(body) }},
		"incomplete":          {truvVerifier(t), noContent(), func() *http.Request { r := signed(body); cutShort(r); return r }},
		"incomplete, chunked": {truvVerifier(t), noContent(), func() *http.Request {
			r := signed(body)
			r.ContentLength = -1
			r.Body = http.MaxBytesReader(nil, r.Body, 800)
			return r
		}},
		"too large":       {truvVerifier(t), noContent(), func() *http.Request { r := signed(body); r.Body = io.NopCloser(endless{}); return r }},
		"the body panics": {truvVerifier(t), noContent(), func() *http.Request { r := signed(body); r.Body = io.NopCloser(panicking); return r }},
		"the body panics late": {truvVerifier(t), noContent(), func() *http.Request {
			r := signed(body)
			r.ContentLength = -1
			r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body[:600]), readerFunc(func([]byte) (int, error) { panic("x") })))
			return r
		}},
		"OnReject panics":     {refusing(truhook.Refused), noContent(), func() *http.Request { return signed(body) }},
		"refused by the head": {truvVerifier(t), noContent(), func() *http.Request { r := signed(body); r.Header.Del("X-Webhook-Sign"); return r }},
		"announced too large": {truvVerifier(t), noContent(), func() *http.Request { r := signed(body); r.ContentLength = 1 << 40; return r }},
		"the context has ended": {truvVerifier(t), noContent(), func() *http.Request {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return signed(body).WithContext(ctx)
		}},
		"over the budget itself": {truvVerifier(t), noContent(), func() *http.Request { return signed(bytes.Repeat(body, 4)) }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var v truhook.Verifier = tt.v
			swap := &v
			m := truhook.NewMiddleware(truhook.VerifierFunc(func(ctx context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
				return (*swap).Verify(ctx, d)
			}), truhook.Config{MaxBodyBytes: 1600, MaxBufferedBytes: 1700, OnReject: func(http.ResponseWriter, *http.Request, error) {
				if name == "OnReject panics" && *swap != nil {
					panic("x")
				}
			}})
			wrapped := m.Wrap(tt.h)
			for range 3 {
				func() {
					defer func() { _ = recover() }()
					wrapped.ServeHTTP(httptest.NewRecorder(), tt.r())
				}()
			}
			v = accepting("x")
			require.Equal(t, http.StatusNoContent, status(m.Wrap(noContent()), signed(bytes.Repeat([]byte("y"), 1600))), "every byte is free again")
		})
	}
}

func TestBody_BudgetIsNeverExceededByManyAtOnce(t *testing.T) {
	t.Parallel()
	const size, fits = 1000, 3
	var running, most atomic.Int64
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		now := running.Add(1)
		for old := most.Load(); now > old && !most.CompareAndSwap(old, now); old = most.Load() {
		}
		running.Add(-1)
		w.WriteHeader(http.StatusNoContent)
	})
	wrapped := truhook.NewMiddleware(accepting("x"), truhook.Config{MaxBufferedBytes: fits * (size + 1)}).Wrap(h)
	var all sync.WaitGroup
	var accepted, overloaded atomic.Int64
	for range 200 {
		all.Go(func() {
			switch status(wrapped, signed(bytes.Repeat([]byte("x"), size))) {
			case http.StatusNoContent:
				accepted.Add(1)
			case http.StatusServiceUnavailable:
				overloaded.Add(1)
			default:
				assert.Fail(t, "neither accepted nor overloaded")
			}
		})
	}
	all.Wait()
	require.LessOrEqual(t, most.Load(), int64(fits))
	require.Positive(t, accepted.Load())
	require.Equal(t, int64(200), accepted.Load()+overloaded.Load())
	for range fits {
		require.Equal(t, http.StatusNoContent, status(wrapped, signed(bytes.Repeat([]byte("x"), size))))
	}
}

// Whoever raises one limit must not find every large body refused by the default of the other.
func TestBody_DefaultBudgetHoldsOneBodyOfTheLargestSize(t *testing.T) {
	t.Parallel()
	const size = 50 << 20
	r := httptest.NewRequest(http.MethodPost, "/", io.LimitReader(endless{}, size))
	r.ContentLength = -1
	d, err := truhook.NewMiddleware(accepting("x"), truhook.Config{MaxBodyBytes: size, BodyTimeout: time.Hour}).ReadDelivery(httptest.NewRecorder(), r)
	require.NoError(t, err)
	require.Len(t, d.Body, size)
}
