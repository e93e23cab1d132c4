package idempotency_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/idempotency"
)

var away = failing("claim", "extend", "complete", "release", "order")

func TestWithoutAFallbackAnOutageAsksForTheEventAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: memory()}
		m, seen := middleware(t, store, idempotency.Config{Policy: truval.RetryPolicy()})
		store.set(away, nil)
		res := m.Do(t.Context(), event("a"), func(context.Context) error { t.Error("called"); return nil })
		assert.Equal(t, idempotency.Result{Outcome: idempotency.Unavailable, Status: 503}, res)
		assert.Equal(t, 3, store.called("claim"), "the same call is repeated")
		assert.ErrorIs(t, seen.last(t, idempotency.Unavailable).Err, errStore)
		store.set(nil, nil)
		assert.Equal(t, idempotency.Handled, m.Do(t.Context(), event("a"), func(context.Context) error { return nil }).Outcome)
	})
}

func TestAFallbackHandlesOnceThroughAnOutageAndAfterIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: memory()}
		m, seen := middleware(t, store, idempotency.Config{Policy: truval.RetryPolicy(), Fallback: memory(), Wait: -1})
		calls := map[string]int{}
		do := func(id string, err error) idempotency.Outcome {
			return m.Do(t.Context(), event(id), func(context.Context) error { calls[id]++; return err }).Outcome
		}
		assert.Equal(t, idempotency.Handled, do("before", nil))
		store.set(away, nil)
		assert.Equal(t, idempotency.Handled, do("during", nil))
		assert.Equal(t, idempotency.Duplicate, do("during", nil))
		assert.Equal(t, idempotency.Failed, do("fails", errHandler))
		assert.Equal(t, 3, seen.count(idempotency.FellBack))
		store.set(nil, nil)
		assert.Equal(t, idempotency.Duplicate, do("before", nil))
		assert.Equal(t, idempotency.Duplicate, do("during", nil), "what the fallback has done is done")
		assert.Equal(t, idempotency.Done, peek(t, store.Store, "during").State, "and the store knows it now")
		assert.Equal(t, idempotency.Handled, do("fails", nil))
		assert.EqualValues(t, 2, seen.last(t, idempotency.Handled).Attempt, "the attempt in the fallback counts")
		assert.Equal(t, idempotency.Handled, do("after", nil))
		assert.Equal(t, map[string]int{"before": 1, "during": 1, "fails": 2, "after": 1}, calls)
	})
}

func TestAHandlerThatTheFallbackStartedHasNoTwinWhenTheStoreIsBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: memory()}
		m, _ := middleware(t, store, idempotency.Config{Policy: truv.RetryPolicy(), Fallback: memory(), AnswerWithin: -1})
		store.set(away, nil)
		go m.Do(t.Context(), event("a"), func(context.Context) error { time.Sleep(time.Minute); return nil })
		synctest.Wait()
		time.Sleep(time.Second)
		store.set(nil, nil)
		res := m.Do(t.Context(), event("a"), func(context.Context) error { t.Error("a twin"); return nil })
		assert.Equal(t, idempotency.InFlight, res.Outcome)
		assert.EqualValues(t, 2, peek(t, store.Store, "a").Attempt, "the store's record was given back, and counted once")
		time.Sleep(time.Minute)
		res = m.Do(t.Context(), event("a"), func(context.Context) error { t.Error("a twin"); return nil })
		assert.Equal(t, idempotency.Duplicate, res.Outcome)
	})
}

func TestAHandlerThatTheStoreStartedHasNoTwinInTheFallback(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: memory()}
		m, seen := middleware(t, store, idempotency.Config{Policy: truv.RetryPolicy(), Fallback: memory()})
		res := m.Do(t.Context(), event("a"), func(context.Context) error { time.Sleep(15 * time.Second); return nil })
		assert.Equal(t, idempotency.Late, res.Outcome)
		store.set(away, nil)
		res = m.Do(t.Context(), event("a"), func(context.Context) error { t.Error("a twin in the same process"); return nil })
		assert.Equal(t, idempotency.InFlight, res.Outcome)
		store.set(nil, nil)
		assert.NoError(t, m.Wait(t.Context()))
		assert.Equal(t, 1, seen.count(idempotency.Handled))
	})
}

func TestTheFallbackKnowsWhatThisProcessDidBeforeTheOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: memory()}
		m, _ := middleware(t, store, idempotency.Config{Policy: truval.RetryPolicy(), Fallback: memory()})
		var told []uint32
		do := func(id string, err error) idempotency.Outcome {
			return m.Do(t.Context(), event(id), func(ctx context.Context) error {
				c, _ := idempotency.FromContext(ctx)
				told = append(told, c.Attempt)
				return err
			}).Outcome
		}
		assert.Equal(t, idempotency.Handled, do("done", nil))
		assert.Equal(t, idempotency.Failed, do("failed", errHandler))
		store.set(away, nil)
		assert.Equal(t, idempotency.Duplicate, do("done", nil))
		assert.Equal(t, idempotency.Failed, do("failed", errHandler))
		store.set(nil, nil)
		assert.Equal(t, idempotency.Handled, do("failed", nil))
		assert.Equal(t, []uint32{1, 1, 2, 3}, told, "the attempt only grows")
	})
}

func TestAFallbackServesWhereOnlyTheGateCannotBeAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: memory()}
		m, seen := ordered(t, store, idempotency.Config{Fallback: memory()})
		store.set(failing("order"), nil) // as a full store does: every redelivery would meet the same
		order, outcome := label(m, fact{ID: "2", Resource: "task", At: time.Now()}, nil)
		assert.Equal(t, idempotency.Handled, outcome)
		assert.Equal(t, "newer", order, "the fallback has a gate")
		assert.Equal(t, 1, seen.count(idempotency.StoreError))
		store.set(nil, nil)
		order, _ = label(m, fact{ID: "1", Resource: "task", At: time.Now().Add(-time.Minute)}, nil)
		assert.Equal(t, "older", order, "what the fallback has seen counts when the store is back")
	})
}

func TestAFullStoreFallsBackToo(t *testing.T) {
	t.Parallel()
	m, seen := middleware(t, idempotency.NewMemory(idempotency.MemoryConfig{MaxEntries: 1}), idempotency.Config{Fallback: memory()})
	for _, id := range []string{"a", "b", "c"} {
		assert.Equal(t, idempotency.Handled, m.Do(t.Context(), event(id), func(context.Context) error { return nil }).Outcome)
		assert.Equal(t, idempotency.Duplicate, m.Do(t.Context(), event(id), nil).Outcome)
	}
	assert.Equal(t, 4, seen.count(idempotency.FellBack))
}

func TestAFallbackThatIsAwayTooAsksForTheEventAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, fallback := &flaky{Store: memory()}, &flaky{Store: memory()}
		store.set(away, nil)
		fallback.set(away, nil)
		m, seen := middleware(t, store, idempotency.Config{Fallback: fallback})
		assert.Equal(t, idempotency.Unavailable, m.Do(t.Context(), event("a"), nil).Outcome)
		assert.Equal(t, 2, seen.count(idempotency.StoreError))
	})
}

func TestAnOutageWhileTheHandlerRunsLosesTheLeaseNotTheEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: memory()}
		m, seen := middleware(t, store, idempotency.Config{Policy: truv.RetryPolicy(), AnswerWithin: -1})
		res := m.Do(t.Context(), event("a"), func(ctx context.Context) error {
			store.set(away, nil)
			<-ctx.Done()
			return context.Cause(ctx)
		})
		assert.Equal(t, idempotency.Failed, res.Outcome)
		assert.Equal(t, 1, seen.count(idempotency.LeaseLost))
		store.set(nil, nil)
		assert.Equal(t, idempotency.Handled, m.Do(t.Context(), event("a"), func(context.Context) error { return nil }).Outcome)
	})
}
