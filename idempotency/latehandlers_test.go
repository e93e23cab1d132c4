package idempotency_test

import (
	"context"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/jose/transunion"
)

func TestLateHandlers_ALateHandlerGoesOnAndItsRedeliveryFindsItDone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: memory()}
		m, seen := middleware(t, store, idempotency.Config{Policy: truv.RetryPolicy()})
		calls := 0
		h := m.Handle(func(ctx context.Context, _ *truhook.Verified) error {
			calls++
			time.Sleep(25 * time.Second)
			return ctx.Err()
		})
		began := time.Now()
		w, _ := post(h, event("a"))
		assert.Equal(t, 9*time.Second, time.Since(began), "a second before the provider's limit")
		assert.Equal(t, http.StatusServiceUnavailable, w.Code)
		assert.Equal(t, "10", w.Header().Get("Retry-After"))
		assert.Equal(t, 1, seen.count(idempotency.Late))
		assert.Zero(t, seen.count(idempotency.Handled))

		time.Sleep(time.Second)
		w, _ = post(h, event("a"))
		assert.Equal(t, http.StatusServiceUnavailable, w.Code, "it still runs: heartbeat and lease go on")
		time.Sleep(20 * time.Second)
		w, _ = post(h, event("a"))
		assert.Equal(t, http.StatusOK, w.Code)
		assert.Equal(t, 1, calls)
		assert.Equal(t, 1, seen.count(idempotency.Handled), "reported when it had ended")
		assert.Greater(t, store.called("extend"), 5)
	})
}

func TestLateHandlers_ALateHandlerThatFailsIsReleased(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory()
		m, seen := middleware(t, store, idempotency.Config{Policy: truv.RetryPolicy()})
		res := m.Do(t.Context(), event("a"), func(context.Context) error { time.Sleep(15 * time.Second); return errHandler })
		assert.Equal(t, idempotency.Late, res.Outcome)
		require.NoError(t, m.Wait(t.Context()))
		assert.Equal(t, 1, seen.count(idempotency.Failed))
		assert.Equal(t, idempotency.Handled, m.Do(t.Context(), event("a"), func(context.Context) error { return nil }).Outcome)
	})
}

func TestLateHandlers_ALatePanicEndsInTheObserver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory()
		m, seen := middleware(t, store, idempotency.Config{Policy: truv.RetryPolicy()})
		for i, ends := range []func(){
			func() { panic("late") }, func() { panic(http.ErrAbortHandler) }, runtime.Goexit,
		} {
			res := m.Do(t.Context(), event("a"), func(context.Context) error { time.Sleep(15 * time.Second); ends(); return nil })
			assert.Equal(t, idempotency.Late, res.Outcome)
			require.NoError(t, m.Wait(t.Context()))
			assert.Equal(t, i+1, seen.count(idempotency.LatePanicked))
			var p *idempotency.PanicError
			require.ErrorAs(t, seen.last(t, idempotency.LatePanicked).Err, &p)
			if i == 0 {
				assert.Equal(t, "late", p.Value)
				assert.Contains(t, string(p.Stack), "latehandlers_test.go")
			}
			assert.Equal(t, idempotency.Owned, peek(t, store, "a").State, "given back")
		}
		assert.Zero(t, seen.count(idempotency.Panicked))
	})
}

func TestLateHandlers_WhenAnswersComeEarly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg  idempotency.Config
		want time.Duration
		late bool
	}{
		"derived from Truv":      {idempotency.Config{Policy: truv.RetryPolicy()}, 9 * time.Second, true},
		"Truval has no limit":    {idempotency.Config{Policy: truval.RetryPolicy()}, 29 * time.Second, false},
		"Trulioo has no limit":   {idempotency.Config{Policy: trulioo.RetryPolicy()}, 29 * time.Second, false},
		"TransUnion has none":    {idempotency.Config{Policy: transunion.RetryPolicy()}, 29 * time.Second, false},
		"negative is never":      {idempotency.Config{Policy: truv.RetryPolicy(), AnswerWithin: -1}, 29 * time.Second, false},
		"own, without any limit": {idempotency.Config{AnswerWithin: 3 * time.Second}, 3 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m, _ := middleware(t, memory(), c.cfg)
				began := time.Now()
				res := m.Do(t.Context(), event("a"), func(context.Context) error { time.Sleep(29 * time.Second); return nil })
				assert.Equal(t, c.want, time.Since(began))
				assert.Equal(t, c.late, res.Outcome == idempotency.Late)
				time.Sleep(time.Hour)
			})
		})
	}
}

func TestLateHandlers_WrapNeverAnswersEarly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, _ := middleware(t, memory(), idempotency.Config{Policy: truv.RetryPolicy(), AnswerWithin: time.Second})
		h := m.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Minute) }))
		began := time.Now()
		w, _ := post(h, event("a"))
		assert.Equal(t, http.StatusOK, w.Code)
		assert.Equal(t, time.Minute, time.Since(began))
	})
}

func TestLateHandlers_AtMost64HandlersAreLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, seen := middleware(t, memory(), idempotency.Config{Policy: truv.RetryPolicy()})
		var wg sync.WaitGroup
		var mu sync.Mutex
		outcomes := map[idempotency.Outcome]int{}
		for i := range 80 {
			wg.Go(func() {
				res := m.Do(t.Context(), event(string(rune('a'+i))), func(context.Context) error {
					time.Sleep(30 * time.Second)
					return nil
				})
				mu.Lock()
				defer mu.Unlock()
				outcomes[res.Outcome]++
			})
		}
		wg.Wait()
		assert.Equal(t, map[idempotency.Outcome]int{idempotency.Late: 64, idempotency.Handled: 16}, outcomes)
		assert.Equal(t, 16, seen.count(idempotency.LateOverflow))
		require.NoError(t, m.Wait(t.Context()))
		assert.Equal(t, 80, seen.count(idempotency.Handled))
	})
}

func TestLateHandlers_WaitReturnsWhenTheLastLateHandlerHasEnded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory()
		m, _ := middleware(t, store, idempotency.Config{Policy: truv.RetryPolicy()})
		require.NoError(t, m.Wait(t.Context()), "nothing is late")
		for _, id := range []string{"a", "b"} {
			m.Do(t.Context(), event(id), func(context.Context) error { time.Sleep(30 * time.Second); return nil })
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.ErrorIs(t, m.Wait(ctx), context.DeadlineExceeded)
		began := time.Now()
		others := make(chan error, 2) // several may wait
		for range cap(others) {
			go func() { others <- m.Wait(t.Context()) }()
		}
		require.NoError(t, m.Wait(t.Context()))
		for range cap(others) {
			require.NoError(t, <-others)
		}
		assert.Equal(t, 20*time.Second, time.Since(began)) // b began 9 s after a, and 1 s went by
		for _, id := range []string{"a", "b"} {
			assert.Equal(t, idempotency.Done, peek(t, store, id).State, "settled, not only returned")
		}
		res := m.Do(t.Context(), event("c"), func(context.Context) error { time.Sleep(10 * time.Second); return nil })
		assert.Equal(t, idempotency.Late, res.Outcome, "Wait takes nothing away")
		require.NoError(t, m.Wait(t.Context()))
	})
}

func TestLateHandlers_WaitReturnsAfterTheStoreWasTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: memory()}
		m, _ := middleware(t, store, idempotency.Config{Policy: truv.RetryPolicy()})
		store.set(func(call string) error {
			if call == "complete" {
				time.Sleep(400 * time.Millisecond) // on its way
				if store.called(call) == 1 {
					return errStore // and again: nobody waits for the answer
				}
			}
			return nil
		}, nil)
		m.Do(t.Context(), event("a"), func(context.Context) error { time.Sleep(15 * time.Second); return nil })
		require.NoError(t, m.Wait(t.Context()))
		assert.Equal(t, idempotency.Done, peek(t, store.Store, "a").State)
	})
}

func TestLateHandlers_AnEventWithoutAKeyIsNeverLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, _ := middleware(t, memory(), idempotency.Config{Policy: truv.RetryPolicy()})
		res := m.Do(t.Context(), event(""), func(context.Context) error { time.Sleep(time.Minute); return nil })
		assert.Equal(t, idempotency.Handled, res.Outcome)
	})
}

func TestLateHandlers_ALateHandlersContextStillEndsWithItsLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: memory()}
		m, seen := middleware(t, store, idempotency.Config{Policy: truv.RetryPolicy()})
		var cause error
		res := m.Do(t.Context(), event("a"), func(ctx context.Context) error {
			<-ctx.Done()
			cause = context.Cause(ctx)
			return ctx.Err()
		})
		assert.Equal(t, idempotency.Late, res.Outcome)
		store.set(failing("extend"), nil)
		require.NoError(t, m.Wait(t.Context()))
		assert.ErrorIs(t, cause, idempotency.ErrLeaseLost)
		synctest.Wait() // the renewal reports after it has ended the context
		assert.Equal(t, 1, seen.count(idempotency.LeaseLost))
	})
}
