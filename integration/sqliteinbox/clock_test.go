package sqliteinbox_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/inbox/sqliteinbox"
	"github.com/truhook/truhook/retry"
)

// A clock is ahead of the machine's.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) set(ahead time.Duration) { c.ahead.Store(int64(ahead)) }

func TestRun_BeginsWhatAWrongClockHasAccepted(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]time.Duration{"a day": 24 * time.Hour, "ten seconds": 10 * time.Second, "a century": 100 * 365 * 24 * time.Hour} {
		for how, c := range map[string]struct {
			running bool // Run has begun before the event came
			other   bool // Run is that of another process, whose clock was never wrong
			dead    bool // the event was dead, and was replayed
		}{
			"put right before Run":                     {},
			"put right while Run runs":                 {running: true},
			"put right before another process":         {other: true},
			"beside another process whose clock is ok": {running: true, other: true},
			"replayed before Run":                      {dead: true},
			"replayed beside another process":          {running: true, other: true, dead: true},
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				each(t, func(t *testing.T, db *sql.DB) {
					wrong, j := &clock{}, &journal{}
					accepts := newQueue(t, db, sqliteinbox.Config{Now: wrong.now})
					works := accepts
					if c.other {
						works = newQueue(t, db, sqliteinbox.Config{})
					}
					if c.dead {
						enqueue(t, accepts, "a")
						stop := start(t, accepts, func(context.Context, *truhook.Verified) error { return retry.Permanent(errHandler) })
						require.EqualValues(t, 1, idle(t, accepts).Dead)
						stop()
					}
					fn := func(ctx context.Context, v *truhook.Verified) error { j.add(ctx, "%s", v.Payload); return nil }
					want := []string{"payload of a"}
					if c.running {
						start(t, works, fn)
						enqueue(t, works, "first")
						j.wait(t, "payload of first")
						want = append(want, "payload of first")
					}
					wrong.set(step)
					if c.dead {
						require.NoError(t, accepts.Replay(t.Context(), message("a").Key))
					} else {
						enqueue(t, accepts, "a")
					}
					wrong.set(0)
					if !c.running {
						start(t, works, fn)
					}
					j.wait(t, want...)
				})
			})
		}
	}
}

// What a wrong clock has accepted is put right a part at a time, and what can be begun is begun meanwhile: all of a
// million rows at once would keep the database for longer than a call may take.
func TestRun_PutsRightALongQueueWhileItWorks(t *testing.T) {
	const rows = 3500
	each(t, func(t *testing.T, db *sql.DB) {
		q := newQueue(t, db, sqliteinbox.Config{Concurrency: 64, Poll: time.Minute}) // it looks when one has ended
		data, err := message("any").MarshalJSON()
		require.NoError(t, err)
		ahead := time.Now().Add(time.Hour).UnixMicro()
		_, err = db.ExecContext(t.Context(), `
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
INSERT INTO truhook_inbox (scope, id, state, due, attempt, base, accepted_at, fingerprint, message, error)
SELECT 'truv/test', 'row ' || i, 1, ?2, 0, 0, ?2, x'00', ?3, '' FROM n`, rows, ahead, data)
		require.NoError(t, err)
		begun, goOn := make(chan struct{}, rows), make(chan struct{})
		start(t, q, func(context.Context, *truhook.Verified) error { begun <- struct{}{}; <-goOn; return nil })
		left := func() (n int) {
			row := db.QueryRowContext(t.Context(), "SELECT count(*) FROM truhook_inbox WHERE state = 1 AND due >= ?", ahead)
			require.NoError(t, row.Scan(&n))
			return n
		}
		<-begun
		assert.Positive(t, left(), "not all at once")
		close(goOn)
		eventually(t, func() bool { return left() == 0 })
	})
}

func TestRun_WhatIsDoneIsRememberedForTheRetentionWhateverTheClockSaidBefore(t *testing.T) {
	t.Parallel()
	const retention = 48 * time.Hour
	for name, c := range map[string]struct {
		accepted time.Duration // by how much the clock was ahead then
		inTx     bool          // it completes the event itself
	}{
		"accepted now":                    {},
		"accepted in 1970":                {accepted: -56 * 365 * 24 * time.Hour},
		"accepted in 1970, by Complete":   {accepted: -56 * 365 * 24 * time.Hour, inTx: true},
		"accepted tomorrow":               {accepted: 24 * time.Hour},
		"accepted tomorrow, by Complete":  {accepted: 24 * time.Hour, inTx: true},
		"accepted long before it is done": {accepted: -retention},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, db *sql.DB) {
				machine := &clock{}
				q := newQueue(t, db, sqliteinbox.Config{Now: machine.now, Retention: retention})
				machine.set(c.accepted)
				enqueue(t, q, "a")
				machine.set(0)
				stop := start(t, q, func(ctx context.Context, _ *truhook.Verified) error {
					if !c.inTx {
						return nil
					}
					tx, err := db.BeginTx(ctx, nil)
					if err != nil {
						return err
					}
					defer tx.Rollback() //nolint:errcheck // does nothing after a commit
					if err := q.Complete(ctx, tx); err != nil {
						return err
					}
					return tx.Commit()
				})
				idle(t, q)
				stop()
				for _, age := range []time.Duration{0, retention - time.Minute} {
					machine.set(age)
					n, err := q.Prune(t.Context(), 10)
					require.NoError(t, err)
					assert.Zero(t, n, age)
					duplicate, err := q.Enqueue(t.Context(), message("a"))
					require.NoError(t, err)
					assert.True(t, duplicate, age)
				}
				machine.set(retention + max(0, c.accepted) + time.Hour)
				n, err := q.Prune(t.Context(), 10)
				require.NoError(t, err)
				assert.Equal(t, 1, n)
			})
		})
	}
}

func TestRun_BeginsNothingEarlyForTheSakeOfAWrongClock(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		s, j := &seen{}, &journal{}
		q := newQueue(t, db, sqliteinbox.Config{Observe: s.observe, Backoff: func(int) time.Duration { return 72 * time.Hour }})
		enqueue(t, q, "delayed")
		stop := start(t, q, func(context.Context, *truhook.Verified) error { return errHandler })
		s.wait(t, idempotency.Failed)
		stop()
		enqueue(t, q, "leased")
		_, err := db.ExecContext(t.Context(), "UPDATE truhook_inbox SET state = 2, attempt = 1, due = due + 3600000000 WHERE id = 'leased'")
		require.NoError(t, err)

		wrong := &clock{}
		wrong.set(24 * time.Hour)
		enqueue(t, newQueue(t, db, sqliteinbox.Config{Now: wrong.now}), "waits")
		start(t, newQueue(t, db, sqliteinbox.Config{}), func(ctx context.Context, v *truhook.Verified) error {
			j.add(ctx, "%s", v.Payload)
			return nil
		})
		j.wait(t, "payload of waits")
		enqueue(t, q, "afterwards")
		j.wait(t, "payload of waits", "payload of afterwards")
		stats, err := q.Stats(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []int64{1, 1}, []int64{stats.Delayed, stats.Running})
	})
}

func TestRun_AClockThatGoesForwardRunsNoEventBesideItself(t *testing.T) {
	t.Parallel()
	for name, runs := range map[string]int{"one Run": 1, "two Runs of one Queue": 2} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, db *sql.DB) {
				wrong, j, taken := &clock{}, &journal{}, make(chan struct{})
				q := newQueue(t, db, sqliteinbox.Config{Now: wrong.now})
				fn := func(ctx context.Context, v *truhook.Verified) error {
					j.add(ctx, "%s", v.Payload)
					if string(v.Payload) == "payload of probe" { // what was due before it is taken, or never is
						close(taken)
						return nil
					}
					<-taken
					return nil
				}
				enqueue(t, q, "a", "b", "c")
				var stops []func()
				for range runs {
					stops = append(stops, start(t, q, fn))
				}
				eventually(t, func() bool { return len(j.all()) == 3 })
				wrong.set(time.Minute)
				enqueue(t, q, "probe")
				<-taken
				idle(t, q)
				for _, stop := range stops {
					stop()
				}
				assert.ElementsMatch(t, []string{"payload of a", "payload of b", "payload of c", "payload of probe"}, j.all())
			})
		})
	}
}

func TestRun_TakesOverWhatIsNoLongerItsOwn(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"the process that took it over died":    "attempt = attempt + 1, due = 0",
		"it took it over ten times":             "attempt = 10, due = 0", // not to be taken for attempt 1
		"it gave it back":                       "attempt = attempt + 1, state = 3, due = 0",
		"it gave it back under our own attempt": "state = 3, due = 0", // as nobody does: the state counts
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, db *sql.DB) {
				q, began, free := newQueue(t, db, sqliteinbox.Config{}), make(chan uint32, 9), make(chan struct{})
				enqueue(t, q, "a")
				stop := start(t, q, func(ctx context.Context, _ *truhook.Verified) error {
					c, _ := idempotency.FromContext(ctx)
					began <- c.Attempt
					if c.Attempt == 1 {
						<-free // whatever its context says
					}
					return nil
				})
				assert.EqualValues(t, 1, <-began)
				_, err := db.ExecContext(t.Context(), "UPDATE truhook_inbox SET "+change)
				require.NoError(t, err)
				eventually(t, func() bool { return len(began) > 0 })
				assert.Greater(t, <-began, uint32(1))
				close(free)
				idle(t, q)
				stop()
				assert.Empty(t, began)
			})
		})
	}
}

func TestRun_TakesNoRowForItsOwnForTheSakeOfItsNumber(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		q, j, free := newQueue(t, db, sqliteinbox.Config{}), &journal{}, make(chan struct{})
		for i := range 11 {
			enqueue(t, q, fmt.Sprint(i+1))
		}
		_, err := db.ExecContext(t.Context(), "UPDATE truhook_inbox SET state = 2, attempt = 1, due = due + 3600000000 WHERE seq <> 11")
		require.NoError(t, err)
		stop := start(t, q, func(ctx context.Context, v *truhook.Verified) error {
			j.add(ctx, "%s", v.Payload)
			if string(v.Payload) == "payload of 11" {
				<-free
			}
			return nil
		})
		j.wait(t, "payload of 11")
		_, err = db.ExecContext(t.Context(), "UPDATE truhook_inbox SET due = 0 WHERE seq = 1") // its process died
		require.NoError(t, err)
		j.wait(t, "payload of 11", "payload of 1")
		close(free)
		stop()
	})
}

func TestRun_TakesAgainWhatItCouldNotGiveBack(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		s, j := &seen{}, &journal{}
		q := newQueue(t, db, sqliteinbox.Config{Observe: s.observe})
		enqueue(t, q, "a")
		start(t, q, func(ctx context.Context, _ *truhook.Verified) error {
			if c := j.add(ctx, "called"); c.Attempt == 1 {
				return inbox.ErrInFlight // which leaves the row as it is
			}
			return nil
		})
		eventually(t, func() bool { return slices.Contains(s.outcomes(), idempotency.InFlight) })
		_, err := db.ExecContext(t.Context(), "UPDATE truhook_inbox SET due = 0") // its lease is over
		require.NoError(t, err)
		j.wait(t, "called", "called")
	})
}
