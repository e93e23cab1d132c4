package idempotency_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
)

// A fact is an event with an order.
type fact struct {
	ID, Resource string
	At           time.Time
	Broken       bool
}

func (f fact) verified() *truhook.Verified {
	b, _ := json.Marshal(f)
	return &truhook.Verified{Payload: b}
}

func parse(v *truhook.Verified) (f fact) {
	_ = json.Unmarshal(v.Payload, &f)
	return f
}

func factID(v *truhook.Verified) (string, error) { return parse(v).ID, nil }

func sequence(v *truhook.Verified) (string, time.Time, error) {
	f := parse(v)
	if f.Broken {
		return "", time.Time{}, errors.New("no time in it")
	}
	return f.Resource, f.At, nil
}

func ordered(t *testing.T, s idempotency.Store, cfg idempotency.Config) (*idempotency.Middleware, *observed) {
	t.Helper()
	o := &observed{}
	cfg.Policy, cfg.Version, cfg.Observe, cfg.Logger = truv.RetryPolicy(), sequence, o.Observe, silent
	m, err := idempotency.NewMiddleware(s, "test", factID, cfg)
	assert.NoError(t, err)
	return m, o
}

// label handles f and returns the order its handler was told, and the outcome.
func label(m *idempotency.Middleware, f fact, err error) (order string, o idempotency.Outcome) {
	order = "not called"
	res := m.Do(context.Background(), f.verified(), func(ctx context.Context) error {
		c, _ := idempotency.FromContext(ctx)
		order = c.Order.String()
		return err
	})
	return order, res.Outcome
}

func TestOrder_TheHandlerIsToldTheOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, seen := ordered(t, memory(), idempotency.Config{})
		now := time.Now()
		for _, step := range []struct {
			f     fact
			err   error
			order string
			want  idempotency.Outcome
		}{
			{fact{ID: "1", Resource: "task", At: now}, nil, "newer", idempotency.Handled},
			{fact{ID: "1", Resource: "task", At: now}, nil, "not called", idempotency.Duplicate},
			{fact{ID: "2", Resource: "task", At: now.Add(-time.Second)}, nil, "older", idempotency.Handled},
			{fact{ID: "3", Resource: "task", At: now}, nil, "same", idempotency.Handled},
			{fact{ID: "4", Resource: "task", At: now.Add(time.Microsecond)}, errHandler, "newer", idempotency.Failed},
			{fact{ID: "4", Resource: "task", At: now.Add(time.Microsecond)}, nil, "same", idempotency.Handled},
			{fact{ID: "5", Resource: "order", At: now.Add(-time.Minute)}, nil, "newer", idempotency.Handled},
			{fact{ID: "6"}, nil, "unknown", idempotency.Handled},
			{fact{ID: "7", Resource: "task"}, nil, "unknown", idempotency.Handled},
			{fact{ID: "8", At: now}, nil, "unknown", idempotency.Handled},
		} {
			order, outcome := label(m, step.f, step.err)
			assert.Equal(t, step.order, order, step.f.ID)
			assert.Equal(t, step.want, outcome, step.f.ID)
		}
		assert.Equal(t, 1, seen.count(idempotency.OutOfOrder))
		assert.Equal(t, idempotency.Older, seen.last(t, idempotency.OutOfOrder).Order)
	})
}

func TestOrder_SkipStaleCompletesWithoutCalling(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory()
		m, seen := ordered(t, store, idempotency.Config{SkipStale: true})
		label(m, fact{ID: "new", Resource: "task", At: time.Now()}, nil)
		old := fact{ID: "old", Resource: "task", At: time.Now().Add(-time.Second)}
		order, outcome := label(m, old, nil)
		assert.Equal(t, "not called", order)
		assert.Equal(t, idempotency.Stale, outcome)
		assert.Equal(t, 1, seen.count(idempotency.Stale))
		assert.Zero(t, seen.count(idempotency.OutOfOrder))
		assert.Equal(t, idempotency.Done, peek(t, store, "old").State)
	})
}

func TestOrder_AVersionFromTheFutureDoesNotMoveTheGate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, seen := ordered(t, memory(), idempotency.Config{SkipStale: true})
		order, outcome := label(m, fact{ID: "1", Resource: "task", At: time.Now().Add(6 * time.Minute)}, nil)
		assert.Equal(t, "unknown", order)
		assert.Equal(t, idempotency.Handled, outcome)
		order, _ = label(m, fact{ID: "2", Resource: "task", At: time.Now()}, nil)
		assert.Equal(t, "newer", order, "one wrong clock makes nothing stale")
		assert.Equal(t, 1, seen.count(idempotency.FutureVersion))
		order, _ = label(m, fact{ID: "3", Resource: "task", At: time.Now().Add(4 * time.Minute)}, nil)
		assert.Equal(t, "newer", order, "clocks may differ by five minutes")
	})
}

func TestOrder_AnEventOlderThanTheRetentionIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: memory()}
		m, seen := ordered(t, store, idempotency.Config{Retention: time.Hour})
		captured := fact{ID: "1", Resource: "task", At: time.Now()}
		_, outcome := label(m, captured, nil)
		assert.Equal(t, idempotency.Handled, outcome)
		for range 70 { // from the first minute to beyond the retention: nobody can replay it at any time
			time.Sleep(time.Minute)
			order, outcome := label(m, captured, nil)
			assert.Equal(t, "not called", order)
			assert.Contains(t, []idempotency.Outcome{idempotency.Duplicate, idempotency.TooOld}, outcome)
		}
		assert.Positive(t, seen.count(idempotency.TooOld))
		res := m.Do(t.Context(), captured.verified(), nil)
		assert.Equal(t, idempotency.Result{Outcome: idempotency.TooOld, Status: 503, RetryAfter: time.Second}, res,
			"nobody has it: it is not acknowledged")
	})
}

func TestOrder_AnEventThatCannotBeOrderedIsHandled(t *testing.T) {
	t.Parallel()
	m, seen := ordered(t, memory(), idempotency.Config{SkipStale: true})
	order, outcome := label(m, fact{ID: "1", Broken: true}, nil)
	assert.Equal(t, "unknown", order)
	assert.Equal(t, idempotency.Handled, outcome)
	order, _ = label(m, fact{ID: "2", Resource: "a\x00b", At: time.Now()}, nil)
	assert.Equal(t, "newer", order, "a NUL is a byte as any other")
	assert.Equal(t, 1, seen.count(idempotency.VersionFailed))
}

func TestOrder_AGateThatCannotBeAskedGivesTheEventBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: memory()}
		m, seen := ordered(t, store, idempotency.Config{})
		store.set(failing("order"), nil)
		f := fact{ID: "1", Resource: "task", At: time.Now()}
		order, outcome := label(m, f, nil)
		assert.Equal(t, "not called", order)
		assert.Equal(t, idempotency.Unavailable, outcome)
		assert.Equal(t, 1, seen.count(idempotency.StoreError))
		store.set(nil, nil)
		order, outcome = label(m, f, nil)
		assert.Equal(t, "newer", order)
		assert.Equal(t, idempotency.Handled, outcome)
	})
}

// No handler starts for an older event, unless it is told so, after one has started for a newer one.
func TestOrder_NoHandlerStartsUnawareAfterANewerOne(t *testing.T) {
	t.Parallel()
	m, _ := ordered(t, memory(), idempotency.Config{})
	base := time.Now().Add(-time.Minute)
	var mu sync.Mutex
	newest := map[string]int{}
	var wg sync.WaitGroup
	for i := range 1000 {
		wg.Go(func() {
			n := i * 7919 % 1000 / 4 // four of each instant, shuffled
			f := fact{ID: fmt.Sprint(i), Resource: fmt.Sprint("task ", i%5), At: base.Add(time.Duration(n) * time.Microsecond)}
			m.Do(t.Context(), f.verified(), func(ctx context.Context) error {
				c, _ := idempotency.FromContext(ctx)
				mu.Lock()
				defer mu.Unlock()
				switch c.Order {
				case idempotency.Older:
				case idempotency.Newer, idempotency.Same:
					// A newer one may have started between the gate and this line, so this alone proves nothing ...
					newest[f.Resource] = max(newest[f.Resource], n)
				default:
					t.Error("unknown order")
				}
				return nil
			})
		})
	}
	wg.Wait()
	// ... but what comes now is older than all of them, or is told to be the same.
	for r, n := range newest {
		order, _ := label(m, fact{ID: "again " + r, Resource: r, At: base.Add(time.Duration(n) * time.Microsecond)}, nil)
		assert.Equal(t, "same", order, r)
		order, _ = label(m, fact{ID: "before " + r, Resource: r, At: base.Add(time.Duration(n-1) * time.Microsecond)}, nil)
		assert.Equal(t, "older", order, r)
	}
}
