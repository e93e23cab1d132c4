package idempotency_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/idempotency"
)

// Each of these defects was reproduced in another library; the name says what happened there.

func TestDefect_D1AFailedHandlerIsNotDroppedAsADuplicate(t *testing.T) {
	t.Parallel()
	m, _ := middleware(t, memory(), idempotency.Config{Policy: truv.RetryPolicy()})
	calls, successes := 0, 0
	for range 3 {
		m.Do(t.Context(), event("a"), func(context.Context) error {
			if calls++; calls == 1 {
				return errHandler
			}
			successes++
			return nil
		})
	}
	assert.Equal(t, 2, calls)
	assert.Equal(t, 1, successes)
}

func TestDefect_D2DistinctEventsAreNeverTakenForOne(t *testing.T) {
	t.Parallel()
	key := func(v *truhook.Verified) (string, error) { return string(v.Payload), nil } // the worst: a whole body
	m, err := idempotency.NewMiddleware(memory(), "test", key, idempotency.Config{})
	require.NoError(t, err)
	handled := 0
	for i := range 20_000 {
		body := fmt.Sprintf(`{"webhook_id":"%032x","event_type":"task-status-updated","event_created_at":`+
			`"2022-08-24T13:55:12.%06dZ","product":"income","link_id":"%032x","status":"done"}`, i, i%1_000_000, i*7)
		m.Do(t.Context(), event(body), func(context.Context) error { handled++; return nil })
	}
	assert.Equal(t, 20_000, handled)
}

func TestDefect_D3AnAnswerOf500IsNotReplayed(t *testing.T) {
	t.Parallel()
	m, _ := middleware(t, memory(), idempotency.Config{Policy: truval.RetryPolicy()})
	calls := 0
	h := m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if calls++; calls == 1 {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	var codes []int
	for range 3 {
		w, _ := post(h, event("a"))
		codes = append(codes, w.Code)
	}
	assert.Equal(t, []int{500, 200, 200}, codes)
	assert.Equal(t, 2, calls)
}

func TestDefect_D4ALostReplyIsNotTakenForADuplicate(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"claim", "complete", "release", "extend", "order"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := &flaky{Store: memory()}
				m, seen := middleware(t, store, idempotency.Config{
					Policy: truval.RetryPolicy(), Wait: -1,
					Version: func(v *truhook.Verified) (string, time.Time, error) { return string(v.Payload), time.Now(), nil },
				})
				cut := 0
				store.set(nil, func(name string) error { // every second reply of this call is cut on the wire
					if name == call {
						if cut++; cut%2 == 1 {
							return errStore
						}
					}
					return nil
				})
				for i := range 50 {
					attempt := 0
					for range 2 {
						m.Do(t.Context(), event(fmt.Sprint(i)), func(ctx context.Context) error {
							c, _ := idempotency.FromContext(ctx)
							attempt++
							assert.EqualValues(t, attempt, c.Attempt, "no attempt is counted twice")
							if call == "extend" {
								time.Sleep(3 * time.Second)
							}
							if attempt == 1 {
								return errHandler
							}
							return ctx.Err()
						})
					}
					assert.Equal(t, 2, attempt, "event %d: one failure, one success", i)
					assert.Equal(t, idempotency.Done, peek(t, store.Store, fmt.Sprint(i)).State)
				}
				assert.Positive(t, cut)
				assert.Equal(t, 50, seen.count(idempotency.Handled))
				assert.Zero(t, seen.count(idempotency.LeaseLost)+seen.count(idempotency.InFlight)+seen.count(idempotency.Fenced))
			})
		})
	}
}

func TestDefect_D5ASenderThatTimesOutThreeTimesHasOneEffect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, _ := middleware(t, memory(), idempotency.Config{Policy: truv.RetryPolicy(), AnswerWithin: -1})
		effects := 0
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			m.Do(ctx, event("a"), func(context.Context) error {
				time.Sleep(11 * time.Second)
				effects++
				return nil
			})
			assert.Error(t, ctx.Err(), "the sender has given up before")
			cancel()
			if effects > 0 {
				break
			}
		}
		for range 2 {
			m.Do(t.Context(), event("a"), func(context.Context) error { effects++; return nil })
		}
		assert.Equal(t, 1, effects)
	})
}

func TestDefect_D6AStalledHolderThatFailsLateDoesNotFreeItsSuccessorsRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: memory()}
		m, _ := middleware(t, store, idempotency.Config{Policy: truval.RetryPolicy(), Wait: -1, AnswerWithin: -1})
		effects := 0
		store.set(failing("extend"), nil) // the holder is stalled: it does not renew
		go m.Do(t.Context(), event("a"), func(context.Context) error {
			time.Sleep(3 * time.Second)
			return errHandler
		})
		time.Sleep(2*time.Second + time.Millisecond) // the heartbeat of this instant has failed too
		store.set(nil, nil)
		go m.Do(t.Context(), event("a"), func(context.Context) error {
			time.Sleep(5 * time.Second)
			effects++
			return nil
		})
		time.Sleep(2 * time.Second) // the holder has failed, its successor is at work
		third := m.Do(t.Context(), event("a"), func(context.Context) error { effects++; return nil })
		assert.Equal(t, idempotency.InFlight, third.Outcome)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, 1, effects)
	})
}

func TestDefect_D7AStormOfDuplicatesWritesNothing(t *testing.T) {
	t.Parallel()
	store := &flaky{Store: memory()}
	m, _ := middleware(t, store, idempotency.Config{Policy: truv.RetryPolicy()})
	m.Do(t.Context(), event("a"), func(context.Context) error { return nil })
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range 10 {
				assert.Equal(t, idempotency.Duplicate, m.Do(t.Context(), event("a"), nil).Outcome)
			}
		})
	}
	wg.Wait()
	assert.LessOrEqual(t, store.calls["claim"], 641, "those that came at once may share one")
	delete(store.calls, "claim")
	assert.Equal(t, map[string]int{"complete": 1}, store.calls)
}

// aws-powertools/powertools-lambda-typescript#5675: a rejected duplicate deleted the running original's lock.
func TestDefect_ARejectedDuplicateLeavesTheRunningOriginalAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: memory()}
		m, _ := middleware(t, store, idempotency.Config{Policy: truv.RetryPolicy(), AnswerWithin: -1, Wait: -1})
		go m.Do(t.Context(), event("a"), func(context.Context) error { time.Sleep(20 * time.Second); return nil })
		synctest.Wait()
		for range 5 {
			assert.Equal(t, idempotency.InFlight, m.Do(t.Context(), event("a"), nil).Outcome)
		}
		assert.Zero(t, store.called("release"))
		assert.Equal(t, idempotency.Busy, peek(t, store.Store, "a").State)
		time.Sleep(time.Minute)
	})
}

// Abilityai/trinity#1437: a key derived from the body swallowed every identical ping.
func TestDefect_IdenticalBodiesOfDifferentEventsAreAllHandled(t *testing.T) {
	t.Parallel()
	key := func(v *truhook.Verified) (string, error) { return v.Proofs[0].KeyID, nil }
	m, err := idempotency.NewMiddleware(memory(), "test", key, idempotency.Config{})
	require.NoError(t, err)
	handled := 0
	for i := range 10 {
		v := &truhook.Verified{Payload: []byte("ping"), Proofs: []truhook.Proof{{KeyID: fmt.Sprint(i)}}}
		m.Do(t.Context(), v, func(context.Context) error { handled++; return nil })
	}
	assert.Equal(t, 10, handled)
}

func TestDefect_TwoDeliveriesAtOnceHaveOneEffect(t *testing.T) {
	t.Parallel()
	m, _ := middleware(t, memory(), idempotency.Config{Policy: truv.RetryPolicy()})
	var mu sync.Mutex
	effects := map[string]int{}
	h := m.Handle(func(_ context.Context, v *truhook.Verified) error {
		mu.Lock()
		defer mu.Unlock()
		effects[string(v.Payload)]++
		return nil
	})
	var wg sync.WaitGroup
	for i := range 400 {
		wg.Go(func() {
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			h.ServeHTTP(w, r.WithContext(truhook.NewContext(r.Context(), event(fmt.Sprint(i%50)))))
			assert.Contains(t, []int{200, 503}, w.Code)
		})
	}
	wg.Wait()
	assert.Len(t, effects, 50)
	for id, n := range effects {
		assert.Equal(t, 1, n, id)
	}
}
