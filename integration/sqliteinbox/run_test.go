package sqliteinbox_test

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
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

func TestTwoProcessesHandleEachEventOnce(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		j := &journal{}
		var want []string
		one, two := newQueue(t, db, sqliteinbox.Config{}), newQueue(t, db, sqliteinbox.Config{})
		for _, q := range []*sqliteinbox.Queue{one, two} {
			start(t, q, func(ctx context.Context, v *truhook.Verified) error {
				c := j.add(ctx, "%s", v.Payload)
				assert.EqualValues(t, 1, c.Attempt)
				return nil
			})
		}
		for i := range 100 {
			enqueue(t, one, fmt.Sprint(i))
			want = append(want, "payload of "+fmt.Sprint(i))
		}
		idle(t, two)
		assert.ElementsMatch(t, want, j.all())
	})
}

func TestWhatIsAcceptedHereIsBegunAtOnce(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		j := &journal{}
		q := newQueue(t, db, sqliteinbox.Config{Poll: time.Hour})
		start(t, q, func(ctx context.Context, v *truhook.Verified) error { j.add(ctx, "%s", v.Payload); return nil })
		for i := range 5 {
			enqueue(t, q, fmt.Sprint(i))
			eventually(t, func() bool { return len(j.all()) == i+1 })
		}
	})
}

func TestAFailureComesAgainAndSaysSo(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		j, s := &journal{}, &seen{}
		var waits []int
		q := newQueue(t, db, sqliteinbox.Config{Observe: s.observe, Backoff: func(n int) time.Duration {
			waits = append(waits, n) // one event: no two at once
			return time.Millisecond
		}})
		enqueue(t, q, "a")
		stop := start(t, q, func(ctx context.Context, _ *truhook.Verified) error {
			c, _ := idempotency.FromContext(ctx)
			j.add(ctx, "%d", c.Attempt)
			switch c.Attempt {
			case 1:
				return errHandler
			case 2:
				panic("bug")
			case 3:
				runtime.Goexit()
			case 4:
				c.Fail(errHandler)
			}
			return nil
		})
		j.wait(t, "1", "2", "3", "4", "5")
		idle(t, q)
		stop()
		s.wait(t, idempotency.Failed, idempotency.Panicked, idempotency.Panicked, idempotency.Failed, idempotency.Handled)
		assert.Equal(t, []int{1, 2, 3, 4}, waits)
		for _, e := range s.events {
			assert.Equal(t, message("a").Key, e.Key)
		}
	})
}

func panicsHere() { panic("payload of a") }

func TestAPanicIsLoggedAtOnceWithItsPlace(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		s, lines := &seen{}, &lockedBuffer{}
		q := newQueue(t, db, sqliteinbox.Config{
			Observe: s.observe, Logger: slog.New(slog.NewTextHandler(lines, nil)),
			Backoff: func(int) time.Duration { return time.Hour }, // far from dead
		})
		enqueue(t, q, "a")
		stop := start(t, q, func(context.Context, *truhook.Verified) error { panicsHere(); return nil })
		s.wait(t, idempotency.Panicked)
		stop()
		log := string(lines.Bytes())
		assert.Regexp(t, `outcome=panicked scope=truv/test\S* id=a attempt=1 panic="panicked at .*_test\.panicsHere:\d+: string"`, log)
		assert.Equal(t, 1, strings.Count(log, "\n"), log)
		assert.NotContains(t, log, "payload of a")
		var p *idempotency.PanicError
		require.ErrorAs(t, s.events[0].Err, &p)
		assert.Contains(t, string(p.Stack), "panicsHere", "the stack is that of the function")
	})
}

func TestAFailureIsLoggedWithoutItsText(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		s, lines := &seen{}, &lockedBuffer{}
		q := newQueue(t, db, sqliteinbox.Config{
			Observe: s.observe, Logger: slog.New(slog.NewTextHandler(lines, nil)),
			Backoff: func(int) time.Duration { return time.Hour },
		})
		enqueue(t, q, "a")
		stop := start(t, q, func(_ context.Context, v *truhook.Verified) error { return fmt.Errorf("bad: %s", v.Payload) })
		s.wait(t, idempotency.Failed)
		stop()
		assert.ErrorContains(t, s.events[0].Err, "bad: payload of a", "Observe has it")
		log := string(lines.Bytes())
		assert.Regexp(t, `outcome=failed scope=truv/test\S* id=a attempt=1`, log)
		assert.NotContains(t, log, "payload of a")
	})
}

func TestABackoffIsWaitedFor(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		s := &seen{}
		q := newQueue(t, db, sqliteinbox.Config{Observe: s.observe, Backoff: func(int) time.Duration { return time.Hour }})
		enqueue(t, q, "a")
		start(t, q, func(context.Context, *truhook.Verified) error { return errHandler })
		s.wait(t, idempotency.Failed)
		enqueue(t, q, "b")
		s.wait(t, idempotency.Failed, idempotency.Failed)
		stats, err := q.Stats(t.Context())
		require.NoError(t, err)
		assert.EqualValues(t, 2, stats.Delayed)
		assert.Zero(t, stats.Waiting+stats.Running+stats.Dead)
	})
}

func TestTheDeadAreListedAndReplayed(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		s, j := &seen{}, &journal{}
		q := newQueue(t, db, sqliteinbox.Config{Observe: s.observe, MaxAttempts: 2, Concurrency: 1})
		var heal atomic.Bool
		enqueue(t, q, "permanent", "stubborn")
		start(t, q, func(ctx context.Context, v *truhook.Verified) error {
			c, _ := idempotency.FromContext(ctx)
			j.add(ctx, "%s %d", v.Payload, c.Attempt)
			switch {
			case heal.Load():
				return nil
			case string(v.Payload) == "payload of permanent":
				return retry.Permanent(fmt.Errorf("%w: %s\x00\xff", errHandler, strings.Repeat("long ", 200)))
			}
			return errHandler
		})
		assert.EqualValues(t, 2, idle(t, q).Dead)
		j.wait(t, "payload of permanent 1", "payload of stubborn 1", "payload of stubborn 2")
		s.wait(t, idempotency.DeadLettered, idempotency.Failed, idempotency.DeadLettered)
		dead, err := q.Dead(t.Context(), 10)
		require.NoError(t, err)
		require.Len(t, dead, 2)
		assert.Equal(t, "permanent", dead[0].Key.ID)
		assert.Equal(t, 1, dead[0].Attempts)
		assert.Contains(t, dead[0].Error, errHandler.Error())
		assert.LessOrEqual(t, len(dead[0].Error), 500)
		assert.Equal(t, "stubborn", dead[1].Key.ID)
		assert.WithinDuration(t, time.Now(), dead[1].Since, time.Minute)
		assert.WithinDuration(t, time.Now(), dead[1].Accepted, time.Minute)

		require.NoError(t, q.Replay(t.Context(), dead[1].Key))
		assert.EqualValues(t, 2, idle(t, q).Dead, "dead again, after two more")
		heal.Store(true)
		for _, e := range dead {
			require.NoError(t, q.Replay(t.Context(), e.Key))
		}
		assert.Zero(t, idle(t, q).Dead)
		j.wait(t, "payload of permanent 1", "payload of stubborn 1", "payload of stubborn 2", "payload of stubborn 3",
			"payload of stubborn 4", "payload of stubborn 5", "payload of permanent 2")
		assert.ErrorIs(t, q.Replay(t.Context(), dead[0].Key), sqliteinbox.ErrNotDead, "it is done")
		assert.ErrorIs(t, q.Replay(t.Context(), message("other").Key), sqliteinbox.ErrNotDead)
		_, err = q.Dead(t.Context(), 0)
		assert.Error(t, err)
	})
}

func TestAnEventThatKillsEveryProcessDies(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		q := newQueue(t, db, sqliteinbox.Config{MaxAttempts: 3})
		enqueue(t, q, "a", "b")
		_, err := db.ExecContext(t.Context(), "UPDATE truhook_inbox SET attempt = 3 WHERE id = 'a'") // three died
		require.NoError(t, err)
		j := &journal{}
		start(t, q, func(ctx context.Context, v *truhook.Verified) error { j.add(ctx, "%s", v.Payload); return nil })
		assert.EqualValues(t, 1, idle(t, q).Dead)
		j.wait(t, "payload of b")
		dead, err := q.Dead(t.Context(), 1)
		require.NoError(t, err)
		assert.Equal(t, sqliteinbox.ErrTooManyAttempts.Error(), dead[0].Error)
	})
}

func TestAMessageOfALaterVersionIsKept(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		q := newQueue(t, db, sqliteinbox.Config{MaxAttempts: 2})
		enqueue(t, q, "a")
		param := "$1"
		_, err := db.ExecContext(t.Context(), "UPDATE truhook_inbox SET message = "+param, []byte(`{"v":2,"payload":"x"}`))
		require.NoError(t, err)
		start(t, q, func(context.Context, *truhook.Verified) error { t.Error("called"); return nil })
		assert.EqualValues(t, 1, idle(t, q).Dead)
		var kept []byte
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT message FROM truhook_inbox").Scan(&kept))
		assert.NotEmpty(t, kept)
	})
}

func TestALongFunctionKeepsItsLease(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		j := &journal{}
		one := newQueue(t, db, sqliteinbox.Config{Lease: 6 * time.Second})
		two := newQueue(t, db, sqliteinbox.Config{Lease: 6 * time.Second})
		fn := func(ctx context.Context, _ *truhook.Verified) error {
			j.add(ctx, "called")
			select {
			case <-time.After(8 * time.Second):
			case <-ctx.Done():
				t.Error(context.Cause(ctx))
			}
			return nil
		}
		start(t, one, fn)
		start(t, two, fn)
		enqueue(t, one, "a")
		idle(t, one)
		j.wait(t, "called")
	})
}

func TestWhoLosesTheLeaseIsToldAndCannotComplete(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		s, attempts, lost := &seen{}, make(chan uint32, 9), make(chan error, 9)
		q := newQueue(t, db, sqliteinbox.Config{Lease: 2 * time.Second, Observe: s.observe})
		started := make(chan struct{})
		start(t, q, func(ctx context.Context, _ *truhook.Verified) error {
			c, _ := idempotency.FromContext(ctx)
			attempts <- c.Attempt
			if c.Attempt == 1 {
				close(started)
				<-ctx.Done()
				lost <- context.Cause(ctx)
			}
			return nil
		})
		enqueue(t, q, "a")
		<-started
		_, err := db.ExecContext(t.Context(), "UPDATE truhook_inbox SET attempt = attempt + 1") // somebody took it over
		require.NoError(t, err)
		assert.ErrorIs(t, <-lost, idempotency.ErrLeaseLost)
		assert.EqualValues(t, 1, <-attempts)
		assert.EqualValues(t, 3, <-attempts, "taken over when the thief's lease was over")
		idle(t, q)
		assert.NotContains(t, s.outcomes(), idempotency.StoreError, "it was told, and did not only run out")
		assert.Contains(t, s.outcomes(), idempotency.LeaseLost)
		assert.Contains(t, s.outcomes(), idempotency.Fenced)
	})
}

func TestCompleteMakesEffectAndCompletionOneCommit(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		_, err := db.ExecContext(t.Context(), "CREATE TABLE effect (id text)")
		require.NoError(t, err)
		q, j := newQueue(t, db, sqliteinbox.Config{}), &journal{}
		for _, id := range []string{"commits", "commits, then fails", "rolls back once"} {
			enqueue(t, q, id)
		}
		start(t, q, func(ctx context.Context, _ *truhook.Verified) error {
			m, _ := inbox.FromContext(ctx)
			c := j.add(ctx, "%s", m.Key.ID)
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			defer func() { _ = tx.Rollback() }()
			if _, err := tx.ExecContext(ctx, "INSERT INTO effect VALUES ($1)", m.Key.ID); err != nil {
				return err
			}
			if err := q.Complete(ctx, tx); err != nil {
				return err
			}
			if m.Key.ID == "rolls back once" && c.Attempt == 1 {
				return errHandler
			}
			if err := tx.Commit(); err != nil {
				return err
			}
			if m.Key.ID == "commits, then fails" {
				return errHandler
			}
			return nil
		})
		idle(t, q)
		j.wait(t, "commits", "commits, then fails", "rolls back once", "rolls back once")
		var n, distinct int
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*), count(DISTINCT id) FROM effect").Scan(&n, &distinct))
		assert.Equal(t, []int{3, 3}, []int{n, distinct})
	})
}

func TestCompleteAfterATakeOverIsLost(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		q, result := newQueue(t, db, sqliteinbox.Config{}), make(chan error, 9)
		enqueue(t, q, "a")
		start(t, q, func(ctx context.Context, _ *truhook.Verified) error {
			tx, err := db.BeginTx(ctx, nil)
			if !assert.NoError(t, err) {
				return err
			}
			defer func() { _ = tx.Rollback() }()
			if c, _ := idempotency.FromContext(ctx); c.Attempt > 1 {
				return nil
			}
			_, err = tx.ExecContext(ctx, "UPDATE truhook_inbox SET attempt = attempt + 1, due = 0")
			assert.NoError(t, err)
			result <- q.Complete(ctx, tx)
			return errHandler
		})
		assert.ErrorIs(t, <-result, idempotency.ErrLost)
		idle(t, q)
		assert.Error(t, q.Complete(t.Context(), nil), "a context of somebody else")
	})
}

func TestRunEndsWhenTheFunctionsHave(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		q := newQueue(t, db, sqliteinbox.Config{Concurrency: 1})
		enqueue(t, q, "a", "b")
		ctx, cancel := context.WithCancel(t.Context())
		var ended atomic.Int32
		returned := make(chan error)
		go func() {
			returned <- q.Run(ctx, func(fn context.Context, _ *truhook.Verified) error {
				cancel()
				select {
				case <-returned: //nolint:errcheck // that it returns is the point
					t.Error("Run has returned before the function")
				case <-fn.Done():
					t.Error("what has begun goes on")
				case <-time.After(100 * time.Millisecond):
				}
				ended.Add(1)
				return nil
			})
		}()
		require.NoError(t, <-returned)
		assert.EqualValues(t, 1, ended.Load())
		s, err := q.Stats(t.Context())
		require.NoError(t, err)
		assert.EqualValues(t, 1, s.Waiting, "the other one is still there")
		assert.Zero(t, s.Running)
		assert.NoError(t, q.Run(ctx, func(context.Context, *truhook.Verified) error { t.Error("called"); return nil }))
	})
}

func TestAnObserverThatPanicsChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		q := newQueue(t, db, sqliteinbox.Config{MaxAttempts: 1, Observe: func(context.Context, idempotency.Observation) { panic("bug") }})
		enqueue(t, q, "a", "b")
		start(t, q, func(_ context.Context, v *truhook.Verified) error {
			if string(v.Payload) == "payload of a" {
				return errHandler
			}
			return nil
		})
		assert.EqualValues(t, 1, idle(t, q).Dead)
	})
}
