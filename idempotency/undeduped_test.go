package idempotency_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/idempotency"
)

var away = failing("claim", "extend", "complete", "release", "order", "forget")

func TestUndeduped_WithoutItAnOutageAsksForTheEventAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: memory()}
		m, seen := middleware(t, store, idempotency.Config{Policy: truval.RetryPolicy()})
		store.set(away, nil)
		res := m.Do(t.Context(), event("a"), func(context.Context) error { t.Error("called"); return nil })
		assert.Equal(t, idempotency.Result{Outcome: idempotency.Unavailable, Status: 503, RetryAfter: time.Second}, res)
		assert.Equal(t, 3, store.called("claim"), "the same call is repeated")
		assert.ErrorIs(t, seen.last(t, idempotency.Unavailable).Err, errStore)
		store.set(nil, nil)
		assert.Equal(t, idempotency.Handled, m.Do(t.Context(), event("a"), func(context.Context) error { return nil }).Outcome)
	})
}

func TestUndeduped_TheHandlerRunsWithoutAClaimAndThatIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: memory()}
		m, seen := middleware(t, store, idempotency.Config{Policy: truval.RetryPolicy(), HandleUndeduped: true})
		store.set(away, nil)
		do := func(err error) idempotency.Result {
			return m.Do(t.Context(), event("a"), func(ctx context.Context) error {
				c, _ := idempotency.FromContext(ctx)
				assert.Zero(t, c.Attempt)
				assert.Equal(t, idempotency.OrderUnknown, c.Order)
				assert.Len(t, c.IdempotencyKey, 32, "an API that is called can still tell")
				return err
			})
		}
		assert.Equal(t, idempotency.Failed, do(errHandler).Outcome)
		assert.Equal(t, idempotency.Result{Outcome: idempotency.Handled, Status: 200}, do(nil))
		assert.Equal(t, idempotency.Handled, do(nil).Outcome, "nobody remembers it")
		assert.Equal(t, 3, seen.count(idempotency.NotDeduped))
		assert.ErrorIs(t, seen.last(t, idempotency.NotDeduped).Err, errStore)
		for _, call := range []string{"complete", "release", "extend"} {
			assert.Zero(t, store.called(call), call)
		}
		store.set(nil, nil)
		assert.Equal(t, idempotency.Handled, m.Do(t.Context(), event("a"), func(context.Context) error { return nil }).Outcome)
		assert.Equal(t, 3, seen.count(idempotency.NotDeduped))
	})
}

func TestUndeduped_DeliveriesAtOnceInOneProcessHaveOneEffect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: memory()}
		m, _ := middleware(t, store, idempotency.Config{Policy: truval.RetryPolicy(), HandleUndeduped: true})
		store.set(away, nil)
		var effects atomic.Int64
		outcomes := together(t, m, 20, func(context.Context) error { time.Sleep(time.Second); effects.Add(1); return nil })
		assert.EqualValues(t, 1, effects.Load())
		assert.Equal(t, map[idempotency.Outcome]int{idempotency.Handled: 1, idempotency.Duplicate: 19}, outcomes)
	})
}

func TestUndeduped_DeliveriesThatDoNotWaitDoNotRunEither(t *testing.T) {
	t.Parallel()
	full := func() idempotency.Store {
		s := idempotency.NewMemory(idempotency.MemoryConfig{MaxEntries: 1})
		fill(t, s, 1)
		return s
	}
	down := func() idempotency.Store {
		s := &flaky{Store: memory()}
		s.set(away, nil)
		return s
	}
	for name, c := range map[string]struct {
		store  func() idempotency.Store
		wait   time.Duration
		copies int
		want   map[idempotency.Outcome]int
	}{
		"no wait":                {down, -1, 8, map[idempotency.Outcome]int{idempotency.Handled: 1, idempotency.InFlight: 7}},
		"no wait, a full store":  {full, -1, 8, map[idempotency.Outcome]int{idempotency.Handled: 1, idempotency.InFlight: 7}},
		"more than 64 that wait": {down, 0, 70, map[idempotency.Outcome]int{idempotency.Handled: 1, idempotency.Duplicate: 64, idempotency.InFlight: 5}},
	} {
		synctest.Test(t, func(t *testing.T) {
			m, seen := middleware(t, c.store(), idempotency.Config{HandleUndeduped: true, Wait: c.wait})
			var calls atomic.Int64
			outcomes := together(t, m, c.copies, func(context.Context) error { calls.Add(1); time.Sleep(2 * time.Second); return nil })
			assert.EqualValues(t, 1, calls.Load(), name)
			assert.Equal(t, c.want, outcomes, name)
			assert.Equal(t, 1, seen.count(idempotency.NotDeduped), name)
			assert.Equal(t, idempotency.Handled, m.Do(t.Context(), event("a"), func(context.Context) error { return nil }).Outcome, name)
		})
	}
}

func TestUndeduped_AFullStoreAndAnOrderThatCannotBeAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		full := idempotency.NewMemory(idempotency.MemoryConfig{MaxEntries: 1})
		m, seen := middleware(t, full, idempotency.Config{HandleUndeduped: true})
		ok := func(context.Context) error { return nil }
		assert.Equal(t, idempotency.Handled, m.Do(t.Context(), event("a"), ok).Outcome)
		assert.Equal(t, idempotency.Handled, m.Do(t.Context(), event("b"), ok).Outcome)
		assert.ErrorIs(t, seen.last(t, idempotency.NotDeduped).Err, idempotency.ErrFull)

		store := &flaky{Store: memory()}
		store.set(failing("order"), nil)
		m, seen = ordered(t, store, idempotency.Config{HandleUndeduped: true, SkipStale: true})
		order, outcome := label(m, fact{ID: "1", Resource: "task", At: time.Now()}, nil)
		assert.Equal(t, "unknown", order)
		assert.Equal(t, idempotency.Handled, outcome)
		assert.Equal(t, 1, seen.count(idempotency.StoreError))
		assert.Zero(t, seen.count(idempotency.NotDeduped), "it was claimed")
	})
}
