package idempotency_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/retry"
)

func TestAcknowledged_APermanentFailureWithoutADeadLetterIsNot(t *testing.T) {
	t.Parallel()
	for _, p := range policies {
		store := memory()
		m, seen := middleware(t, store, idempotency.Config{Policy: p})
		do := func(err error) idempotency.Result {
			return m.Do(t.Context(), event("a"), func(context.Context) error { return err })
		}
		for range 3 {
			res := do(retry.Permanent(errHandler))
			assert.Equal(t, idempotency.Failed, res.Outcome, p.Provider)
			assert.Equal(t, 503, res.Status, p.Provider)
			assert.Equal(t, idempotency.Owned, peek(t, store, "a").State, "given back")
		}
		assert.True(t, retry.IsPermanent(seen.last(t, idempotency.Failed).Err))
		assert.Equal(t, idempotency.Handled, do(nil).Outcome)
	}
}

func TestAcknowledged_AnEventThatWasHandedOverIsHandledAgainAfterForget(t *testing.T) {
	t.Parallel()
	m, _ := middleware(t, memory(), idempotency.Config{DeadLetter: taken})
	do := func(err error) idempotency.Outcome {
		return m.Do(t.Context(), event("a"), func(context.Context) error { return err }).Outcome
	}
	require.NoError(t, m.Forget(t.Context(), "a"), "nobody remembers it")
	assert.Equal(t, idempotency.DeadLettered, do(retry.Permanent(errHandler)))
	assert.Equal(t, idempotency.Duplicate, do(nil))
	require.NoError(t, m.Forget(t.Context(), "a"))
	assert.Equal(t, idempotency.Handled, do(nil))
	m.Do(t.Context(), event("b"), func(ctx context.Context) error {
		assert.ErrorIs(t, m.Forget(ctx, "b"), idempotency.ErrInFlight)
		return nil
	})
	assert.Error(t, m.Forget(t.Context(), ""))
	assert.Error(t, (*idempotency.Middleware)(nil).Forget(t.Context(), "a"))
	assert.Error(t, (&idempotency.Middleware{}).Forget(t.Context(), "a"))
}

func TestAcknowledged_AnOldEventIsHandedOverOnceARetention(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		handed, room := 0, false
		m, seen := ordered(t, memory(), idempotency.Config{
			DeadLetter: func(ctx context.Context, v *truhook.Verified, err error) error {
				assert.ErrorIs(t, err, idempotency.ErrTooOld)
				assert.Equal(t, "old", parse(v).ID)
				c, ok := idempotency.FromContext(ctx)
				assert.True(t, ok)
				assert.Positive(t, c.Attempt)
				if !room {
					return errors.New("no room")
				}
				handed++
				return nil
			},
		})
		old := fact{ID: "old", Resource: "task", At: time.Now().Add(-32 * 24 * time.Hour)}
		send := func() idempotency.Result {
			return m.Do(t.Context(), old.verified(), func(context.Context) error { t.Error("called"); return nil })
		}
		assert.Equal(t, 503, send().Status, "nobody has it yet")
		assert.Equal(t, 1, seen.count(idempotency.DeadLetterFailed))
		room = true
		assert.Equal(t, idempotency.Result{Outcome: idempotency.TooOld, Status: 200}, send())
		for range 20 { // however often it is replayed
			assert.Equal(t, idempotency.Result{Outcome: idempotency.Duplicate, Status: 200}, send())
			time.Sleep(24 * time.Hour)
		}
		assert.Equal(t, 1, handed)
		time.Sleep(12 * 24 * time.Hour)
		assert.Equal(t, idempotency.TooOld, send().Outcome)
		assert.Equal(t, 2, handed, "once a retention")
	})
}

func TestAcknowledged_AClockThatIsMonthsAheadAcknowledgesNothingAway(t *testing.T) {
	t.Parallel()
	for name, dead := range map[string]func(context.Context, *truhook.Verified, error) error{"nobody takes it": nil, "handed over": taken} {
		m, seen := ordered(t, memory(), idempotency.Config{
			DeadLetter: dead, Now: func() time.Time { return time.Now().Add(90 * 24 * time.Hour) },
		})
		for i := range 5 {
			_, outcome := label(m, fact{ID: fmt.Sprint(i), Resource: "task", At: time.Now()}, nil)
			assert.Equal(t, idempotency.TooOld, outcome, name)
		}
		res := m.Do(t.Context(), fact{ID: "6", At: time.Now()}.verified(), nil)
		assert.Equal(t, dead != nil, res.Status == 200, name)
		assert.Equal(t, 6, seen.count(idempotency.TooOld))
	}
}

func TestAcknowledged_ATimeThatNoEventHasMakesNoneTooOld(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{
		{}, time.Unix(0, 0), time.Unix(1, 0), time.Unix(-1<<40, 0), time.Date(2014, 12, 31, 23, 59, 59, 0, time.UTC),
		time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(1<<40, 0), time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC),
	} {
		seen := &observed{}
		m, err := idempotency.NewMiddleware(memory(), "test", id, idempotency.Config{
			Policy: truv.RetryPolicy(), Observe: seen.Observe, Logger: silent, SkipStale: true,
			Version: func(*truhook.Verified) (string, time.Time, error) { return "task", at, nil },
		})
		require.NoError(t, err)
		res := m.Do(t.Context(), event("a"), func(ctx context.Context) error {
			c, _ := idempotency.FromContext(ctx)
			assert.Equal(t, idempotency.OrderUnknown, c.Order)
			return nil
		})
		assert.Equal(t, idempotency.Handled, res.Outcome, at)
		assert.Equal(t, !at.IsZero(), seen.count(idempotency.VersionFailed) == 1, at)
	}
}

func TestAcknowledged_ARecordedDeliveryIsJudgedAsOfItsArrival(t *testing.T) {
	t.Parallel()
	for _, year := range []int{2016, 2023, 2026} {
		at := time.Date(year, 3, 2, 9, 30, 0, 0, time.UTC)
		m, seen := ordered(t, memory(), idempotency.Config{Now: time.Now})
		ctx := truhook.WithReceived(t.Context(), at.Add(time.Second))
		var order idempotency.Order
		res := m.Do(ctx, fact{ID: "1", Resource: "task", At: at}.verified(), func(ctx context.Context) error {
			c, _ := idempotency.FromContext(ctx)
			order = c.Order
			return nil
		})
		assert.Equal(t, idempotency.Handled, res.Outcome, year)
		assert.Equal(t, idempotency.Newer, order, year)
		assert.Zero(t, seen.count(idempotency.TooOld))
	}
}
