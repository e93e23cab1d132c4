package idempotency_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
)

func TestFlight_CopiesOfAFailingEventAreNeverAcknowledged(t *testing.T) {
	t.Parallel()
	for _, policy := range policies {
		for _, copies := range []int{1, 8, 16, 34, 64, 100} {
			t.Run(fmt.Sprint(policy.Provider, " ", copies), func(t *testing.T) {
				t.Parallel()
				m, _ := middleware(t, memory(), idempotency.Config{Policy: policy})
				refused := errors.New("connection refused")
				for range 4 {
					var wg sync.WaitGroup
					for range copies {
						wg.Go(func() {
							res := m.Do(t.Context(), event("a"), func(context.Context) error { return refused })
							assert.Equal(t, 503, res.Status, res.Outcome)
							assert.Positive(t, res.RetryAfter)
						})
					}
					wg.Wait()
				}
				calls := 0
				res := m.Do(t.Context(), event("a"), func(context.Context) error { calls++; return nil })
				assert.Equal(t, idempotency.Handled, res.Outcome, "the next delivery after the outage")
				assert.Equal(t, 1, calls)
			})
		}
	}
}

// together sends n deliveries of one event while its first one is being handled, and returns all outcomes.
func together(t *testing.T, m *idempotency.Middleware, n int, fn func(context.Context) error) map[idempotency.Outcome]int {
	t.Helper()
	var mu sync.Mutex
	outcomes := map[idempotency.Outcome]int{}
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			res := m.Do(t.Context(), event("a"), fn)
			mu.Lock()
			defer mu.Unlock()
			outcomes[res.Outcome]++
		})
	}
	wg.Wait()
	return outcomes
}

func TestFlight_AWaiterWhosePredecessorFailedDoesNotRun(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func() error{
		"an error": func() error { return errHandler },
		"a panic":  func() error { panic("bug") },
	} {
		synctest.Test(t, func(t *testing.T) {
			store := &flaky{Store: memory()}
			m, _ := middleware(t, store, idempotency.Config{Policy: truv.RetryPolicy()})
			var calls atomic.Int64
			first := make(chan struct{})
			go func() {
				defer close(first)
				defer func() { _ = recover() }()
				m.Do(t.Context(), event("a"), func(context.Context) error { calls.Add(1); time.Sleep(time.Second); return fail() })
			}()
			synctest.Wait()
			began := time.Now()
			outcomes := together(t, m, 33, func(context.Context) error { calls.Add(1); return nil })
			<-first
			assert.Equal(t, map[idempotency.Outcome]int{idempotency.InFlight: 33}, outcomes, name)
			assert.Equal(t, time.Second, time.Since(began), "%s: they know at once", name)
			assert.EqualValues(t, 1, calls.Load(), name)
			assert.Equal(t, 1, store.called("claim"), "%s: the store was not asked", name)
			assert.Equal(t, idempotency.Handled, m.Do(t.Context(), event("a"), func(context.Context) error { return nil }).Outcome)
		})
	}
}

func TestFlight_WaitersOfAHandledEventAreDuplicates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: memory()}
		m, _ := middleware(t, store, idempotency.Config{Policy: truv.RetryPolicy()})
		outcomes := together(t, m, 34, func(context.Context) error { time.Sleep(time.Second); return nil })
		assert.Equal(t, map[idempotency.Outcome]int{idempotency.Handled: 1, idempotency.Duplicate: 33}, outcomes)
		assert.Equal(t, 1, store.called("claim"))
		assert.Equal(t, idempotency.Done, peek(t, store.Store, "a").State, "the store was told before them")
	})
}

func TestFlight_AWaiterWithOtherContentIsReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		seen := &observed{}
		same := func(*truhook.Verified) (string, error) { return "same", nil }
		m, err := idempotency.NewMiddleware(memory(), "test", same, idempotency.Config{Observe: seen.Observe, Logger: silent})
		require.NoError(t, err)
		go m.Do(t.Context(), event("one"), func(context.Context) error { time.Sleep(time.Second); return nil })
		synctest.Wait()
		assert.Equal(t, idempotency.Duplicate, m.Do(t.Context(), event("two"), nil).Outcome)
		assert.Equal(t, idempotency.NewFingerprint([]byte("one")), seen.last(t, idempotency.Mismatch).Stored)
	})
}

func TestFlight_AnotherProcessIsPolled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want idempotency.Outcome
	}{"it succeeds": {nil, idempotency.Duplicate}, "it fails": {errHandler, idempotency.Handled}} {
		synctest.Test(t, func(t *testing.T) {
			store := memory()
			here, _ := middleware(t, store, idempotency.Config{Policy: truv.RetryPolicy()})
			there, _ := middleware(t, store, idempotency.Config{Policy: truv.RetryPolicy()})
			go there.Do(t.Context(), event("a"), func(context.Context) error { time.Sleep(time.Second); return c.err })
			synctest.Wait()
			began := time.Now()
			res := here.Do(t.Context(), event("a"), func(context.Context) error { return nil })
			assert.Equal(t, c.want, res.Outcome, name)
			assert.Less(t, time.Since(began), 1300*time.Millisecond, name)
		})
	}
}

// behind is a store whose clock is a moment behind: its leases end later than it says.
type behind struct{ idempotency.Store }

func (b behind) Claim(ctx context.Context, c idempotency.ClaimRequest) (idempotency.Record, error) {
	r, err := b.Store.Claim(ctx, c)
	if r.State == idempotency.Busy {
		r.LeaseLeft = max(1, r.LeaseLeft-200*time.Millisecond)
	}
	return r, err
}

func TestFlight_ADeliveryWaitsAQuarterOfASecondBeyondALease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory()
		k, err := idempotency.NewKey("test", "a")
		require.NoError(t, err)
		_, err = store.Claim(t.Context(), idempotency.ClaimRequest{ // a process that dies
			Key: k, Token: idempotency.NewToken(), Lease: 2 * time.Second, Retain: time.Hour,
		})
		require.NoError(t, err)
		m, _ := middleware(t, behind{store}, idempotency.Config{})
		began := time.Now()
		res := m.Do(t.Context(), event("a"), func(context.Context) error { return nil })
		assert.Equal(t, idempotency.Handled, res.Outcome)
		assert.InDelta(t, 2, time.Since(began).Seconds(), 0.1)
	})
}

func TestFlight_AHungHandlerKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, seen := middleware(t, memory(), idempotency.Config{Policy: truv.RetryPolicy()})
		hung := make(chan struct{})
		res := m.Do(t.Context(), event("a"), func(context.Context) error { <-hung; return nil })
		assert.Equal(t, idempotency.Late, res.Outcome)
		time.Sleep(55 * time.Second) // its 60 s are over, its lease is not
		res = m.Do(t.Context(), event("a"), func(ctx context.Context) error {
			c, _ := idempotency.FromContext(ctx)
			assert.EqualValues(t, 2, c.Attempt)
			return nil
		})
		if res.Outcome == idempotency.InFlight {
			time.Sleep(res.RetryAfter)
			res = m.Do(t.Context(), event("a"), func(context.Context) error { return nil })
		}
		assert.Equal(t, idempotency.Handled, res.Outcome)
		close(hung)
		require.NoError(t, m.Wait(t.Context()))
		assert.Equal(t, 1, seen.count(idempotency.Fenced), "its late success is told from the other")
	})
}

func TestFlight_ADeliveryThatMayNotWaitAsksTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: memory()}
		m, _ := middleware(t, store, idempotency.Config{Policy: truv.RetryPolicy(), Wait: -1})
		go m.Do(t.Context(), event("a"), func(context.Context) error { time.Sleep(time.Second); return nil })
		synctest.Wait()
		began := time.Now()
		res := m.Do(t.Context(), event("a"), nil)
		assert.Equal(t, idempotency.InFlight, res.Outcome)
		assert.Equal(t, 10*time.Second, res.RetryAfter, "the store's word, not a guess")
		assert.Zero(t, time.Since(began))
		assert.Equal(t, 2, store.called("claim"))
		time.Sleep(time.Minute)
	})
}
