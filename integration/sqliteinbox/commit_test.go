package sqliteinbox_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
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

func TestCommit_CopiesAtOnceAreOneEvent(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		q := newQueue(t, db, sqliteinbox.Config{})
		const events, copies = 90, 5
		var first atomic.Int64
		var wg sync.WaitGroup
		for i := range events * copies {
			wg.Go(func() {
				duplicate, err := q.Enqueue(t.Context(), message(fmt.Sprint(i%events)))
				assert.NoError(t, err)
				if !duplicate {
					first.Add(1)
				}
			})
		}
		wg.Wait()
		assert.EqualValues(t, events, first.Load())
		s, err := q.Stats(t.Context())
		require.NoError(t, err)
		assert.EqualValues(t, events, s.Waiting)
	})
}

// One row that the database refuses must not fail those that came at the same time.
func TestCommit_OneFailureIsNobodyElses(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		q := newQueue(t, db, sqliteinbox.Config{})
		_, err := db.ExecContext(t.Context(), `CREATE TRIGGER refuse BEFORE INSERT ON truhook_inbox WHEN NEW.id LIKE 'bad%'
			BEGIN SELECT RAISE(ABORT, 'refused'); END`)
		require.NoError(t, err)
		lock, err := db.Conn(t.Context()) // the only connection: all of them wait, and come in one commit
		require.NoError(t, err)
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				id := fmt.Sprint("good", i)
				if i%10 == 3 {
					id = fmt.Sprint("bad", i)
				}
				_, err := q.Enqueue(t.Context(), message(id))
				assert.Equal(t, i%10 == 3, err != nil, "%s: %v", id, err)
			})
		}
		require.NoError(t, lock.Close())
		wg.Wait()
		s, err := q.Stats(t.Context())
		require.NoError(t, err)
		assert.EqualValues(t, 36, s.Waiting)
	})
}

// Of functions that end at once, those whose rows were taken over are told so, and no others.
func TestCommit_WhoWasTakenOverIsToldAmongThoseWhoWereNot(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		s := &seen{}
		q := newQueue(t, db, sqliteinbox.Config{Concurrency: 8, Lease: time.Minute, Observe: s.observe})
		hold := make(chan struct{})
		var begun atomic.Int64
		for i := range 8 {
			enqueue(t, q, fmt.Sprint(i))
		}
		start(t, q, func(context.Context, *truhook.Verified) error { begun.Add(1); <-hold; return nil })
		eventually(t, func() bool { return begun.Load() == 8 })
		lock, err := db.Conn(t.Context()) // the only connection
		require.NoError(t, err)
		_, err = lock.ExecContext(t.Context(), "UPDATE truhook_inbox SET attempt = attempt + 1 WHERE id IN ('2', '5')")
		require.NoError(t, err)
		close(hold)
		time.Sleep(50 * time.Millisecond) // they come together, or they do not: what they are told is the same
		require.NoError(t, lock.Close())
		eventually(t, func() bool { return len(s.outcomes()) >= 10 })
		told := map[idempotency.Outcome]int{}
		for _, o := range s.outcomes() {
			told[o]++
		}
		assert.Equal(t, map[idempotency.Outcome]int{idempotency.Handled: 8, idempotency.Fenced: 2}, told)
		var done int
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM truhook_inbox WHERE state = 4").Scan(&done))
		assert.Equal(t, 6, done)
	})
}

func TestCommit_EnqueueEndsWithItsContextAlthoughTheDatabaseIsLocked(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	db, other := d.open(t), d.open(t)
	q := newQueue(t, db, sqliteinbox.Config{})
	tx, err := other.BeginTx(t.Context(), nil) // immediate: it is the writer
	require.NoError(t, err)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			_, err := q.Enqueue(ctx, message(fmt.Sprint(i)))
			assert.Error(t, err)
		})
	}
	wg.Wait()
	require.NoError(t, tx.Rollback())
	eventually(t, func() bool {
		_, err := q.Enqueue(t.Context(), message("after"))
		return err == nil
	})
}

func TestDead_ComeBackWhenTheProviderSendsThemAgain(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		s := &seen{}
		q := newQueue(t, db, sqliteinbox.Config{Observe: s.observe, MaxAttempts: 2})
		var heal atomic.Bool
		var attempts sync.Map
		enqueue(t, q, "permanent", "stubborn", "fine")
		start(t, q, func(ctx context.Context, v *truhook.Verified) error {
			c, _ := idempotency.FromContext(ctx)
			attempts.Store(string(v.Payload), c.Attempt)
			switch {
			case heal.Load() || string(v.Payload) == "payload of fine":
				return nil
			case string(v.Payload) == "payload of permanent":
				return retry.Permanent(errHandler)
			}
			return errHandler
		})
		assert.EqualValues(t, 2, idle(t, q).Dead)
		heal.Store(true)
		for id, duplicate := range map[string]bool{"permanent": false, "stubborn": false, "fine": true} {
			m := message(id)
			m.Payload = []byte("again " + id)
			got, err := q.Enqueue(t.Context(), m)
			require.NoError(t, err)
			assert.Equal(t, duplicate, got, id)
		}
		assert.Zero(t, idle(t, q).Dead)
		for payload, want := range map[string]any{"again permanent": uint32(2), "again stubborn": uint32(3), "again fine": nil} {
			got, _ := attempts.Load(payload)
			assert.Equal(t, want, got, payload)
		}
	})
}

func TestStats_AreThoseOfTheTableWhateverHappens(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		q := newQueue(t, db, sqliteinbox.Config{MaxAttempts: 2, Backoff: func(int) time.Duration { return time.Hour }})
		enqueue(t, q, "dead", "delayed", "done", "running")
		hold := make(chan struct{})
		stop := start(t, q, func(_ context.Context, v *truhook.Verified) error {
			switch string(v.Payload) {
			case "payload of dead":
				return retry.Permanent(errHandler)
			case "payload of delayed":
				return errHandler
			case "payload of running":
				<-hold
			}
			return nil
		})
		stats := func() sqliteinbox.Stats {
			s, err := q.Stats(t.Context())
			require.NoError(t, err)
			s.Lag = 0
			return s
		}
		eventually(t, func() bool { return stats() == sqliteinbox.Stats{Running: 1, Delayed: 1, Dead: 1} })
		close(hold)
		stop()
		enqueue(t, q, "waiting")
		assert.Equal(t, sqliteinbox.Stats{Waiting: 1, Delayed: 1, Dead: 1}, stats())
		_, err := db.ExecContext(t.Context(), "DELETE FROM truhook_inbox WHERE id IN ('dead', 'delayed')") // by hand
		require.NoError(t, err)
		assert.Equal(t, sqliteinbox.Stats{Waiting: 1}, stats())
		_, err = db.ExecContext(t.Context(), sqliteinbox.Schema()) // again, as at each start
		require.NoError(t, err)
		assert.Equal(t, sqliteinbox.Stats{Waiting: 1}, stats())
	})
}

// Nothing but what is done is ever forgotten, however old it is.
func TestPrune_KeepsWhatIsNotDone(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		_, err := db.ExecContext(t.Context(), `
INSERT INTO truhook_inbox (scope, id, state, due, attempt, base, accepted_at, fingerprint, message, error)
VALUES ('s', 'waiting', 1, 1, 1, 0, 1, x'', x'', ''), ('s', 'running', 2, 1, 1, 0, 1, x'', x'', ''),
	('s', 'delayed', 3, 1, 1, 0, 1, x'', x'', ''), ('s', 'done', 4, 1, 1, 0, 1, x'', x'', ''), ('s', 'dead', 5, 1, 1, 0, 1, x'', x'', '')`)
		require.NoError(t, err)
		q := newQueue(t, db, sqliteinbox.Config{})
		n, err := q.Prune(t.Context(), 100)
		require.NoError(t, err)
		assert.Equal(t, 1, n)
		s, err := q.Stats(t.Context())
		require.NoError(t, err)
		s.Lag = 0
		assert.Equal(t, sqliteinbox.Stats{Waiting: 1, Running: 1, Delayed: 1, Dead: 1}, s)
	})
}

// A commit can fail at its end, after its statements have succeeded.
func TestCommit_OneThatFailsAtItsEndIsAnError(t *testing.T) {
	t.Parallel()
	d := database("file:" + filepath.Join(t.TempDir(), "inbox.db") + sqliteSettings + "&_pragma=foreign_keys(1)")
	db := d.open(t)
	_, err := db.ExecContext(t.Context(), `
CREATE TABLE parent (id INTEGER PRIMARY KEY);
CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
CREATE TRIGGER orphan AFTER INSERT ON truhook_inbox WHEN NEW.id LIKE 'bad%' BEGIN INSERT INTO child VALUES (1); END`)
	require.NoError(t, err)
	q := newQueue(t, db, sqliteinbox.Config{})
	_, err = q.Enqueue(t.Context(), message("bad alone"))
	require.Error(t, err)
	lock, err := db.Conn(t.Context())
	require.NoError(t, err)
	var wg sync.WaitGroup
	var accepted atomic.Int64
	for i := range 12 {
		wg.Go(func() {
			id := fmt.Sprint("good", i)
			if i == 5 {
				id = "bad"
			}
			if _, err := q.Enqueue(t.Context(), message(id)); err == nil {
				accepted.Add(1)
			} else {
				assert.Equal(t, 5, i, "%v", err)
			}
		})
	}
	require.NoError(t, lock.Close())
	wg.Wait()
	s, err := q.Stats(t.Context())
	require.NoError(t, err)
	assert.EqualValues(t, 11, accepted.Load())
	assert.Equal(t, accepted.Load(), s.Waiting, "what was acknowledged is there, and nothing else")
}

// A renewal of the lease after the function has completed the event itself must not bring the event back.
func TestComplete_IsFinalForARenewalToo(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		q := newQueue(t, db, sqliteinbox.Config{Lease: 90 * time.Millisecond, HandlerTimeout: 20 * time.Second})
		ended := make(chan error, 100)
		enqueue(t, q, "a")
		start(t, q, func(ctx context.Context, _ *truhook.Verified) error {
			tx, err := db.BeginTx(ctx, nil)
			if err == nil {
				defer func() { _ = tx.Rollback() }()
				err = q.Complete(ctx, tx)
			}
			if err == nil {
				err = tx.Commit()
			}
			<-ctx.Done() // the renewal finds no lease
			ended <- context.Cause(ctx)
			return err
		})
		var state int
		eventually(t, func() bool {
			assert.NoError(t, db.QueryRowContext(t.Context(), "SELECT state FROM truhook_inbox").Scan(&state))
			return state == 4
		})
		idle(t, q)
		require.ErrorIs(t, <-ended, idempotency.ErrLeaseLost)
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT state FROM truhook_inbox").Scan(&state))
		assert.Equal(t, 4, state)
	})
}

// A worker that waited long for the database may hold a lease that is over: it has to renew it before it begins.
func TestClaim_OfARowThatTookLongRenewsItsLease(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		const lease = 2 * time.Second
		asked, due := make(chan struct{}), make(chan int64, 1)
		var once sync.Once
		q := newQueue(t, db, sqliteinbox.Config{Lease: lease, Now: func() time.Time {
			stack := string(debug.Stack())
			if strings.Contains(stack, "(*writer).together") && !strings.Contains(stack, "(*writer).insertOne") {
				once.Do(func() { close(asked) })
			}
			return time.Now()
		}})
		enqueue(t, q, "a")
		lock, err := db.Conn(t.Context()) // the only connection
		require.NoError(t, err)
		start(t, q, func(ctx context.Context, _ *truhook.Verified) error {
			var at int64
			assert.NoError(t, db.QueryRowContext(ctx, "SELECT due FROM truhook_inbox").Scan(&at))
			due <- at
			return nil
		})
		<-asked
		time.Sleep(lease / 2) // the lease that is asked for, of two and a half seconds, goes by meanwhile
		released := time.Now()
		require.NoError(t, lock.Close())
		assert.GreaterOrEqual(t, <-due, released.Add(lease).UnixMicro())
		idle(t, q)
	})
}

// A queue that is stopped while it takes events works on those that it has taken: none is left to wait for its lease,
// with an attempt less.
//
// It is not parallel: asksForRows would find those of other tests.
func TestRun_StoppingCostsNoAttempt(t *testing.T) { //nolint:paralleltest // as said
	db := newDatabase(t).open(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	inserting, insert := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(insert) })
	defer release() // or a failure would wait for ever
	var inserts sync.Once
	var armed, inserted, stopped atomic.Bool
	q := newQueue(t, db, sqliteinbox.Config{Poll: time.Hour, Now: func() time.Time {
		switch stack := string(debug.Stack()); {
		case !armed.Load():
		case strings.Contains(stack, "(*writer).insertOne"):
			inserts.Do(func() { close(inserting); <-insert; inserted.Store(true) })
		case inserted.Load() && strings.Contains(stack, "(*writer).work"): // the commit of what came meanwhile has begun
			stopped.Store(true)
			stop()
		}
		return time.Now()
	}})
	begun, end := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		assert.NoError(t, q.Run(ctx, func(context.Context, *truhook.Verified) error {
			if !armed.Load() {
				close(begun)
				<-end
			}
			return nil
		}))
	})
	enqueue(t, q, "a")
	<-begun
	armed.Store(true)
	all.Go(func() {
		_, err := q.Enqueue(t.Context(), message("b"))
		assert.NoError(t, err)
	})
	<-inserting                // and the only connection is taken
	close(end)                 // a place is free, and Run asks for the next event
	eventually(t, asksForRows) // behind the insertion
	release()
	all.Wait()
	require.True(t, stopped.Load(), "the queue was stopped while a commit took events")
	var left int
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM truhook_inbox WHERE state = 2").Scan(&left))
	assert.Zero(t, left, "rows that were taken and that nobody works on")
}

// asksForRows reports whether a Run waits for a commit that takes rows for it.
func asksForRows() bool {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for one := range strings.SplitSeq(string(stacks), "\n\n") {
		state, _, _ := strings.Cut(one, "\n")
		if strings.Contains(state, "[select") && strings.Contains(one, "(*writer).do") && strings.Contains(one, "(*runner).next") {
			return true
		}
	}
	return false
}

// What is over must not stand in the way of what came: the event is handled while rows that are over are still there.
func TestPrune_NobodyWaitsForIt(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		_, err := db.ExecContext(t.Context(), `
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
INSERT INTO truhook_inbox (scope, id, state, due, attempt, base, accepted_at, fingerprint, message, error)
SELECT 's', i, 4, 1, 1, 0, 1, x'', x'', '' FROM n`)
		require.NoError(t, err)
		q := newQueue(t, db, sqliteinbox.Config{})
		first := func() (seq int) { // the first of those that are left
			assert.NoError(t, db.QueryRow("SELECT seq FROM truhook_inbox WHERE scope = 's' ORDER BY seq LIMIT 1").Scan(&seq))
			return seq
		}
		begun := make(chan int, 1)
		enqueue(t, q, "a")
		start(t, q, func(context.Context, *truhook.Verified) error { begun <- first(); return nil })
		assert.Positive(t, <-begun)
		eventually(t, func() bool { return first() > 300 }) // more than a batch is gone
	})
}

func TestPrune_ReportsWhatItCannotDeleteAndTheQueueGoesOn(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		_, err := db.ExecContext(t.Context(), `
INSERT INTO truhook_inbox (scope, id, state, due, attempt, base, accepted_at, fingerprint, message, error)
VALUES ('s', 'held', 4, 1, 1, 0, 1, x'', x'', '');
CREATE TRIGGER held BEFORE DELETE ON truhook_inbox BEGIN SELECT RAISE(ABORT, 'held by somebody'); END`)
		require.NoError(t, err)
		s, lines := &seen{}, &lockedBuffer{}
		q := newQueue(t, db, sqliteinbox.Config{Observe: s.observe, Logger: slog.New(slog.NewTextHandler(lines, nil))})
		j := &journal{}
		start(t, q, func(ctx context.Context, v *truhook.Verified) error { j.add(ctx, "%s", v.Payload); return nil })
		enqueue(t, q, "a", "b")
		j.wait(t, "payload of a", "payload of b")
		s.wait(t, idempotency.StoreError, idempotency.Handled, idempotency.Handled)
		eventually(t, func() bool { return bytes.Contains(lines.Bytes(), []byte("held by somebody")) })
	})
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) Bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.b.Bytes())
}

func TestRun_SurvivesAClockThatGoesBack(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		var back atomic.Int64
		q := newQueue(t, db, sqliteinbox.Config{
			Concurrency: 1, Poll: time.Hour, // the step itself is seen, not only what it left
			Now: func() time.Time { return time.Now().Add(-time.Duration(back.Load())) },
		})
		j := &journal{}
		first := make(chan struct{})
		enqueue(t, q, "a", "b", "d") // b may be taken by the time that the clock said before
		start(t, q, func(ctx context.Context, v *truhook.Verified) error {
			if string(v.Payload) == "payload of a" {
				back.Store(int64(48 * time.Hour)) // they wait for a time that is not for two days
				close(first)
			}
			j.add(ctx, "%s", v.Payload)
			return nil
		})
		<-first
		enqueue(t, q, "c")
		j.wait(t, "payload of a", "payload of b", "payload of c", "payload of d")
	})
}

func TestRun_AClockThatPanicsStopsNobody(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		q := newQueue(t, db, sqliteinbox.Config{Now: func() time.Time { panic("bug") }})
		j := &journal{}
		start(t, q, func(ctx context.Context, v *truhook.Verified) error { j.add(ctx, "%s", v.Payload); return nil })
		var wg sync.WaitGroup
		for i := range 3 {
			wg.Go(func() { enqueue(t, q, fmt.Sprint(i)) })
		}
		wg.Wait()
		j.wait(t, "payload of 0", "payload of 1", "payload of 2")
	})
}

func TestRun_AHandlerWhoseTimeIsOverGivesItsPlace(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		s, j := &seen{}, &journal{}
		q := newQueue(t, db, sqliteinbox.Config{
			Concurrency: 1, MaxAttempts: 1, HandlerTimeout: 50 * time.Millisecond, Observe: s.observe,
		})
		hold := make(chan struct{})
		t.Cleanup(func() { close(hold) })
		enqueue(t, q, "hangs")
		start(t, q, func(ctx context.Context, v *truhook.Verified) error {
			j.add(ctx, "%s", v.Payload)
			if string(v.Payload) == "payload of hangs" {
				<-hold // whatever its context says
			}
			return nil
		})
		eventually(t, func() bool { return len(j.all()) == 1 })
		enqueue(t, q, "next")
		j.wait(t, "payload of hangs", "payload of next")
		assert.EqualValues(t, 1, idle(t, q).Dead)
		assert.Contains(t, s.outcomes(), idempotency.TimedOut)
	})
}

func TestRun_ABackoffThatPanicsKeepsNoEventForEver(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		q := newQueue(t, db, sqliteinbox.Config{Backoff: func(int) time.Duration { panic("bug") }})
		enqueue(t, q, "a")
		start(t, q, func(context.Context, *truhook.Verified) error { return errHandler })
		eventually(t, func() bool {
			s, err := q.Stats(t.Context())
			return err == nil && s.Delayed == 1
		})
	})
}

func TestSchema_ManyProcessesMayRunItAtOnce(t *testing.T) {
	t.Parallel()
	name := database("file:" + filepath.Join(t.TempDir(), "inbox.db") + sqliteSettings)
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			db, err := name.connect()
			if !assert.NoError(t, err) {
				return
			}
			defer db.Close()
			_, err = db.ExecContext(t.Context(), sqliteinbox.Schema())
			assert.NoError(t, err)
			q, err := sqliteinbox.New(db, sqliteinbox.Config{})
			assert.NoError(t, err)
			_, err = q.Enqueue(t.Context(), inbox.Message{Key: idempotency.Key{Scope: "s", ID: "a"}})
			assert.NoError(t, err)
			assert.Empty(t, q.Audit(t.Context()))
		})
	}
	wg.Wait()
}

func TestAudit_FindsWhatPromisesDependOn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings string
		memory   bool
		pool     int
		want     []string
	}{
		"as documented":              {settings: sqliteSettings, pool: 1},
		"as documented, a pool":      {settings: sqliteSettings, pool: 4},
		"opened plainly":             {pool: 1, want: []string{"readers-block-writers", "no-lock-timeout"}},
		"in memory":                  {memory: true, pool: 1, want: []string{"database-in-memory", "commit-not-durable", "no-lock-timeout"}},
		"in memory, a pool":          {memory: true, pool: 0, want: []string{"database-in-memory"}},
		"synchronous=NORMAL":         {settings: "?_pragma=busy_timeout(100)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)", pool: 1, want: []string{"commit-not-durable"}},
		"no journal, no synchronous": {settings: "?_pragma=busy_timeout(100)&_pragma=journal_mode(OFF)&_pragma=synchronous(OFF)", pool: 1, want: []string{"commit-not-durable", "commit-not-durable"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := "file:" + filepath.Join(t.TempDir(), "a.db") + c.settings
			if c.memory {
				dsn = ":memory:"
			}
			db, err := sql.Open("sqlite", dsn)
			require.NoError(t, err)
			defer db.Close()
			db.SetMaxOpenConns(c.pool)
			_, err = db.ExecContext(t.Context(), sqliteinbox.Schema())
			require.NoError(t, err)
			var got []string
			for _, f := range newQueue(t, db, sqliteinbox.Config{}).Audit(t.Context()) {
				got = append(got, f.Name)
				assert.NotContains(t, f.Problem+f.Remedy, "%!")
			}
			if c.memory && c.pool != 1 { // which of its databases each question meets is chance
				assert.Subset(t, got, c.want)
				return
			}
			assert.ElementsMatch(t, c.want, got)
		})
	}
	assert.Equal(t, "zero-store", (*sqliteinbox.Queue)(nil).Audit(t.Context())[0].Name)
}

// A PRAGMA by hand holds for the connection on which it ran: an audit that asks one connection sees it or not.
func TestAudit_LooksAtTwoConnections(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "a.db")+"?_pragma=journal_mode(WAL)")
	require.NoError(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), sqliteinbox.Schema()+"; PRAGMA busy_timeout = 1000")
	require.NoError(t, err)
	var got []string
	for _, f := range newQueue(t, db, sqliteinbox.Config{}).Audit(t.Context()) {
		got = append(got, f.Name+" "+f.Subject)
	}
	assert.Contains(t, got, "connections-differ busy_timeout")
}
