package idempotency_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/retry"
)

func TestHandlerTimeout_FollowsFromThePolicy(t *testing.T) {
	t.Parallel()
	hours := retry.Policy{Attempts: 3, Delays: []retry.Delay{{Base: time.Hour}}}
	for name, c := range map[string]struct {
		cfg  idempotency.Config
		want time.Duration
	}{
		"truv":           {idempotency.Config{Policy: truv.RetryPolicy()}, 60 * time.Second},
		"truval":         {idempotency.Config{Policy: truval.RetryPolicy()}, 30 * time.Second},
		"unpublished":    {idempotency.Config{}, 30 * time.Second},
		"hours of delay": {idempotency.Config{Policy: hours}, 80 * time.Minute},
		"own":            {idempotency.Config{Policy: truv.RetryPolicy(), HandlerTimeout: 3 * time.Second}, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := &flaky{Store: memory()}
				c.cfg.AnswerWithin = -1
				m, seen := middleware(t, store, c.cfg)
				began := time.Now()
				res := m.Do(t.Context(), event("a"), func(ctx context.Context) error {
					<-ctx.Done()
					assert.Equal(t, c.want, time.Since(began))
					assert.ErrorIs(t, context.Cause(ctx), idempotency.ErrHandlerTimeout)
					return ctx.Err()
				})
				assert.Equal(t, idempotency.Failed, res.Outcome, "it has looked at its context: given back")
				assert.Equal(t, 503, res.Status)
				failed := seen.last(t, idempotency.Failed)
				assert.ErrorIs(t, failed.Err, idempotency.ErrHandlerTimeout)
				assert.ErrorIs(t, failed.Err, context.Canceled)
				assert.Equal(t, c.want, failed.Duration)
				synctest.Wait() // the timer's goroutine reports, after it has ended the context
				assert.Equal(t, 1, seen.count(idempotency.TimedOut))
				assert.Equal(t, idempotency.Handled, m.Do(t.Context(), event("a"), func(context.Context) error { return nil }).Outcome)
			})
		})
	}
}

func TestHandlerTimeout_EndsInEachForm(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(m *idempotency.Middleware, fn func(context.Context) error) int{
		"Do": func(m *idempotency.Middleware, fn func(context.Context) error) int {
			return m.Do(context.Background(), event("a"), fn).Status
		},
		"Handle": func(m *idempotency.Middleware, fn func(context.Context) error) int {
			w, _ := post(m.Handle(func(ctx context.Context, _ *truhook.Verified) error { return fn(ctx) }), event("a"))
			return w.Code
		},
		"Wrap": func(m *idempotency.Middleware, fn func(context.Context) error) int {
			w, _ := post(m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if fn(r.Context()) != nil {
					w.WriteHeader(http.StatusInternalServerError)
				}
			})), event("a"))
			return w.Code
		},
		"no id": func(m *idempotency.Middleware, fn func(context.Context) error) int {
			return m.Do(context.Background(), event(""), fn).Status
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			m, _ := middleware(t, memory(), idempotency.Config{Policy: truval.RetryPolicy()})
			began := time.Now()
			status := do(m, func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) })
			assert.GreaterOrEqual(t, status, 500, name)
			assert.Equal(t, 30*time.Second, time.Since(began), name)
		})
	}
}

func TestHandlerTimeout_CodeThatIgnoresItRunsOnAndIsToldOf(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: memory()}
		m, seen := middleware(t, store, idempotency.Config{Policy: truval.RetryPolicy()})
		began := time.Now()
		res := m.Do(t.Context(), event("a"), func(context.Context) error { time.Sleep(time.Hour); return nil })
		assert.Equal(t, idempotency.TimedOut, res.Outcome)
		assert.Equal(t, 503, res.Status)
		assert.Equal(t, 31*time.Second, time.Since(began), "with a second to clean up")
		assert.Equal(t, 1, seen.count(idempotency.TimedOut))
		assert.Equal(t, 30*time.Second, seen.last(t, idempotency.TimedOut).Duration)
		renewals := store.called("extend")
		time.Sleep(time.Minute)
		assert.Equal(t, renewals, store.called("extend"), "the lease is no longer renewed")
		require.NoError(t, m.Wait(t.Context()))
		assert.Equal(t, time.Hour, time.Since(began))
		assert.Equal(t, time.Hour, seen.last(t, idempotency.Handled).Duration, "and its end is told")
		assert.Equal(t, idempotency.Done, peek(t, store.Store, "a").State, "nobody had taken over")
	})
}

func TestHandlerTimeout_ALatePanicIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, seen := middleware(t, memory(), idempotency.Config{})
		m.Do(t.Context(), event("a"), func(context.Context) error { time.Sleep(time.Minute); panic("late") })
		require.NoError(t, m.Wait(t.Context()))
		assert.Equal(t, 1, seen.count(idempotency.LatePanicked))
	})
}

func TestHandlerTimeout_64HungHandlersBlockNoSlowDelivery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, seen := middleware(t, memory(), idempotency.Config{Policy: truv.RetryPolicy()})
		hung := make(chan struct{})
		slow := func(id string, fn func()) idempotency.Outcome {
			return m.Do(t.Context(), event(id), func(context.Context) error { fn(); return nil }).Outcome
		}
		for i := range 64 {
			go slow(fmt.Sprint(i), func() { <-hung })
		}
		time.Sleep(10 * time.Second)
		assert.Equal(t, 64, seen.count(idempotency.Late))
		assert.Equal(t, idempotency.Handled, slow("before", func() { time.Sleep(10 * time.Second) }), "all places are taken")
		assert.Equal(t, 1, seen.count(idempotency.LateOverflow))
		time.Sleep(time.Minute)
		assert.Equal(t, 64, seen.count(idempotency.TimedOut))
		assert.Equal(t, idempotency.Late, slow("after", func() { time.Sleep(10 * time.Second) }), "and all are free")
		assert.Equal(t, 1, seen.count(idempotency.LateOverflow))
		close(hung)
		require.NoError(t, m.Wait(t.Context()))
		for i := range 64 { // each place was given back once
			go slow(fmt.Sprint("again ", i), func() { time.Sleep(20 * time.Second) })
		}
		time.Sleep(10 * time.Second)
		assert.Equal(t, idempotency.Handled, slow("overflow", func() { time.Sleep(9500 * time.Millisecond) }))
		assert.Equal(t, 2, seen.count(idempotency.LateOverflow))
		require.NoError(t, m.Wait(t.Context()))
	})
}

func TestHandlerTimeout_NegativeIsForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, seen := middleware(t, memory(), idempotency.Config{HandlerTimeout: -1})
		res := m.Do(t.Context(), event("a"), func(ctx context.Context) error { time.Sleep(24 * time.Hour); return ctx.Err() })
		assert.Equal(t, idempotency.Handled, res.Outcome)
		assert.Zero(t, seen.count(idempotency.TimedOut))
	})
}

func TestHandler_ASenderThatHasClosedItsHalfIsServed(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m, _ := middleware(t, memory(), idempotency.Config{Policy: truv.RetryPolicy()})
	for _, want := range []idempotency.Outcome{idempotency.Handled, idempotency.Duplicate} {
		res := m.Do(ctx, event("a"), func(ctx context.Context) error { return ctx.Err() })
		assert.Equal(t, want, res.Outcome)
	}
}

// sinking is a store that panics when an event is settled.
type sinking struct{ idempotency.Store }

func (sinking) Complete(context.Context, idempotency.Key, idempotency.Token) error { panic("bug") }
func (sinking) Release(context.Context, idempotency.Key, idempotency.Token) error  { panic("bug") }

func TestHandler_AStoreThatPanicsAfterTheResponseDoesNotEndTheProcess(t *testing.T) {
	t.Parallel()
	for _, err := range []error{nil, errHandler} {
		synctest.Test(t, func(t *testing.T) {
			m, seen := middleware(t, sinking{memory()}, idempotency.Config{Policy: truv.RetryPolicy()})
			res := m.Do(t.Context(), event("a"), func(context.Context) error { time.Sleep(15 * time.Second); return err })
			assert.Equal(t, idempotency.Late, res.Outcome)
			require.NoError(t, m.Wait(t.Context()))
			assert.Equal(t, 1, seen.count(idempotency.LatePanicked))
			assert.Panics(t, func() { m.Do(t.Context(), event("b"), func(context.Context) error { return err }) }, "net/http ends the request")
			assert.Equal(t, idempotency.InFlight, m.Do(t.Context(), event("b"), nil).Outcome, "nothing is locked, its lease runs out")
			time.Sleep(time.Minute)
		})
	}
}
