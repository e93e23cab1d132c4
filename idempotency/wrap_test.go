package idempotency_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/retry"
)

func TestWrap_CompletesWhat2xxAnswersAndReleasesTheRest(t *testing.T) {
	t.Parallel()
	for status, done := range map[int]bool{
		0: true, 200: true, 202: true, 204: true, 299: true, 301: false, 304: false, 400: false, 404: false, 422: false,
		429: false, 500: false, 503: false,
	} {
		store := memory()
		m, seen := middleware(t, store, idempotency.Config{Policy: truv.RetryPolicy()})
		h := m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, ok := idempotency.FromContext(r.Context())
			assert.True(t, ok)
			assert.EqualValues(t, 1, c.Attempt)
			_, ok = truhook.FromContext(r.Context())
			assert.True(t, ok, "what was verified is still there")
			w.Header().Set("X-Own", "1")
			if status != 0 {
				w.WriteHeader(status)
				if status != 204 && status != 304 {
					_, _ = io.WriteString(w, "own text")
				}
			}
		}))
		w, _ := post(h, event("a"))
		want := status
		if status == 0 {
			want = 200
		}
		if status/100 == 3 {
			assert.Equal(t, 503, w.Code, "a redirect is no answer to a webhook")
		} else {
			assert.Equal(t, want, w.Code, "the handler's answer is passed on")
			assert.Equal(t, "1", w.Header().Get("X-Own"))
		}
		if status == 500 {
			assert.Equal(t, "own text", w.Body.String())
		}
		state := idempotency.Owned
		if done {
			state = idempotency.Done
		} else {
			assert.ErrorContains(t, seen.last(t, idempotency.Failed).Err, fmt.Sprint(status))
		}
		assert.Equal(t, state, peek(t, store, "a").State, status)
	}
}

func TestWrap_FailChangesTheAnswerOfAWrappedHandler(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err          error
		write, flush bool
		status       int
		state        idempotency.State
	}{
		"before anything is written": {errHandler, false, false, 503, idempotency.Owned},
		"after a 200":                {errHandler, true, false, 503, idempotency.Owned},
		"after a flush: too late":    {errHandler, true, true, 200, idempotency.Owned},
		"for good":                   {retry.Permanent(errHandler), true, false, 200, idempotency.Done},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := memory()
			m, _ := middleware(t, store, idempotency.Config{Policy: truv.RetryPolicy(), DeadLetter: taken})
			h := m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if c.write {
					w.Header().Set("X-Own", "1")
					_, _ = io.WriteString(w, "all is well")
				}
				if c.flush {
					w.(http.Flusher).Flush()
				}
				claimed, _ := idempotency.FromContext(r.Context())
				claimed.Fail(c.err)
			}))
			w, _ := post(h, event("a"))
			assert.Equal(t, c.status, w.Code)
			assert.Equal(t, c.state, peek(t, store, "a").State)
			if !c.flush {
				assert.NotContains(t, w.Body.String(), "all is well")
				assert.Empty(t, w.Header().Get("X-Own"))
			}
		})
	}
}

func TestWrap_FailOverridesAnAnswerThatTruvalWouldTakeAsFinal(t *testing.T) {
	t.Parallel()
	m, _ := middleware(t, memory(), idempotency.Config{Policy: truval.RetryPolicy()})
	h := m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _ := idempotency.FromContext(r.Context())
		c.Fail(errHandler)
		w.WriteHeader(http.StatusConflict)
	}))
	w, _ := post(h, event("a"))
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
}

// Truv takes a redirect as accepted and Truval as the end of it: the event that was given back would not come again.
func TestWrap_ARedirectOfAWrappedHandlerAsksForTheEventAgain(t *testing.T) {
	t.Parallel()
	for _, p := range policies {
		store := memory()
		m, _ := middleware(t, store, idempotency.Config{Policy: p})
		w, _ := post(m.Wrap(http.RedirectHandler("/login", http.StatusFound)), event("a"))
		assert.Equal(t, http.StatusServiceUnavailable, w.Code, p.Provider)
		assert.Empty(t, w.Header().Get("Location"))
		assert.Equal(t, idempotency.Owned, peek(t, store, "a").State)
	}
}

func TestWrap_AWrappedHandlerIsNotCalledForADuplicateOrAnUnverifiedRequest(t *testing.T) {
	t.Parallel()
	m, _ := middleware(t, memory(), idempotency.Config{})
	calls := 0
	h := m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { calls++; w.WriteHeader(http.StatusCreated) }))
	var codes []int
	for range 3 {
		w, _ := post(h, event("a"))
		codes = append(codes, w.Code)
	}
	assert.Equal(t, []int{201, 200, 200}, codes)
	w, _ := post(h, nil)
	assert.Equal(t, http.StatusInternalServerError, w.Code)
	assert.Equal(t, 1, calls)
}

func TestWrap_APanicOfAWrappedHandlerReleasesAndWritesNothing(t *testing.T) {
	t.Parallel()
	store := memory()
	m, _ := middleware(t, store, idempotency.Config{})
	h := m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
		_, _ = io.WriteString(w, "all is well")
		panic(http.ErrAbortHandler)
	}))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r.WithContext(truhook.NewContext(r.Context(), event("a"))))
	}))
	defer s.Close()
	_, err := http.Post(s.URL, "application/json", nil) //nolint:bodyclose // there is none
	require.Error(t, err, "the provider sees no answer at all")
	assert.Equal(t, idempotency.Owned, peek(t, store, "a").State)
}

func TestWrap_ALongAnswerGoesOutAsItComes(t *testing.T) {
	t.Parallel()
	m, _ := middleware(t, memory(), idempotency.Config{})
	part := strings.Repeat("x", 1000)
	h := m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		w.WriteHeader(http.StatusTeapot) // net/http takes the first
		for range 100 {
			n, err := io.WriteString(w, part)
			assert.NoError(t, err)
			assert.Equal(t, 1000, n)
		}
		w.Header().Set("X-Too-Late", "1")
	}))
	w, _ := post(h, event("a"))
	assert.Equal(t, http.StatusAccepted, w.Code)
	assert.Equal(t, 100_000, w.Body.Len())
	assert.Empty(t, w.Result().Header.Get("X-Too-Late"))
}

func TestWrap_TheWrappedWriterServesTheResponseController(t *testing.T) {
	t.Parallel()
	m, _ := middleware(t, memory(), idempotency.Config{})
	h := m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		rc := http.NewResponseController(w)
		assert.NoError(t, rc.SetWriteDeadline(time.Now().Add(time.Minute)))
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Del("X-Removed")
		w.WriteHeader(http.StatusAccepted)
		assert.NoError(t, rc.Flush())
		_, _ = io.WriteString(w, "after")
	}))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Outer", "1")
		w.Header().Set("X-Removed", "1")
		h.ServeHTTP(w, r.WithContext(truhook.NewContext(r.Context(), event("a"))))
	}))
	defer s.Close()
	res, err := http.Post(s.URL, "application/json", nil)
	require.NoError(t, err)
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	assert.Equal(t, http.StatusAccepted, res.StatusCode)
	assert.Equal(t, "after", string(body))
	assert.Equal(t, "1", res.Header.Get("X-Outer"))
	assert.Empty(t, res.Header.Get("X-Removed"))
}

func TestWrap_APlainServeMuxWithAFailingHandlerIsSeenAs5xxAndReleased(t *testing.T) {
	t.Parallel()
	store := memory()
	m, _ := middleware(t, store, idempotency.Config{Policy: truval.RetryPolicy()})
	attempts := 0
	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/truval", m.Handle(func(context.Context, *truhook.Verified) error {
		if attempts++; attempts == 1 {
			return errHandler
		}
		return nil
	}))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r.WithContext(truhook.NewContext(r.Context(), event("a"))))
	}))
	defer s.Close()
	for _, want := range []int{503, 200, 200} {
		res, err := http.Post(s.URL+"/webhooks/truval", "application/json", nil)
		require.NoError(t, err)
		_ = res.Body.Close()
		assert.Equal(t, want, res.StatusCode)
	}
	assert.Equal(t, 2, attempts)
	assert.Equal(t, idempotency.Done, peek(t, store, "a").State)
}
