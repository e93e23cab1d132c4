package sqliteinbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/inbox"
)

// A Config has what is optional about a [Queue]. Its zero value is ready to use.
type Config struct {
	_ [0]func()

	// Concurrency is how many events one Run handles at a time. Zero, or less: 8.
	Concurrency int

	// Lease is how long an event stays with a process that died; a function may take longer, as the lease is renewed.
	// Zero: 10 s.
	Lease time.Duration

	// HandlerTimeout is how long the function may take for one event. Then its context ends with
	// idempotency.ErrHandlerTimeout as its cause, its place is free, and the event has failed, whether or not the function
	// goes on. Zero: 30 s. Negative: for ever.
	HandlerTimeout time.Duration

	// MaxAttempts is after how many attempts an event is dead, crashes included, counted anew by Replay. Zero: 20, which
	// with the default back-off takes about ten hours. Negative: never.
	MaxAttempts int

	// Backoff is how long to wait after the given attempt, 1 being the first, has failed. Nil: 1 s, twice as long each
	// time, at most an hour, and up to a tenth more. A panic of it counts as the default.
	Backoff func(attempt int) time.Duration

	// Retention is how long a key is remembered after the event was accepted: a redelivery is a duplicate until then.
	// That of an event which is done later than that counts from then. It is not shorter than the time for which the
	// provider can deliver. Zero: 31 days, which is what package idempotency takes for providers that keep a log for 30
	// days. Dead events are kept until they are replayed, sent again by the provider, or deleted by you.
	Retention time.Duration

	// Poll is how often Run looks for events that another process has accepted, or whose time has come. Those that
	// this Queue accepts are begun at once. Zero: 1 s.
	Poll time.Duration

	// SkipStale completes an event without calling the function if a later one of its resource came first.
	SkipStale bool

	// Observe is told what became of every event, of a Mismatch, and as StoreError of what the database refused, also
	// where rows could not be deleted after their retention. It must be safe for concurrent use; its panic is dropped.
	Observe func(ctx context.Context, o idempotency.Observation)

	// Logger is told what failed, panicked, died or was lost: the first of each outcome at once, then at most one line a
	// minute with the count, for each Run. It learns scope and id of an event, nothing else of what was sent. So it is
	// not told the text of your function's error, which can hold payload: Observe is, as Observation.Err, and
	// [Queue.Dead] has that of the last attempt. Of a panic it is told the function and line, and the type of the value;
	// the text of a runtime error only. Observe has the stack. Nil: slog.Default() as it is when the line is written.
	// slog.DiscardHandler turns it off.
	Logger *slog.Logger

	// Now is the clock of the queue; nil: time.Now. All processes that share the file must agree on it. A clock that goes
	// back lengthens running leases and back-offs by the step; events that wait are begun at once, also where the step was
	// before Run. One that goes forward ends the leases of other processes. One that panics counts as time.Now.
	Now func() time.Time
}

// A Queue is an [inbox.Enqueuer] in a table of SQLite. It is made by [New], and safe for concurrent use; the zero Queue
// refuses every call.
type Queue struct {
	db     *sql.DB
	cfg    Config
	writer *writer
	wake   chan struct{}
	log    outcomes
	own    own
}

var _ inbox.Enqueuer = (*Queue)(nil)

// New returns a queue in db. It does not connect, and creates nothing: see [Schema]. A nil db, a lease of less than
// 10 ms and a retention of less than an hour beyond the lease are errors.
func New(db *sql.DB, cfg Config) (*Queue, error) {
	if db == nil {
		return nil, errors.New("sqliteinbox: the database is nil")
	}
	if cfg.Concurrency <= 0 {
		cfg.Concurrency = 8
	}
	if cfg.Lease == 0 {
		cfg.Lease = 10 * time.Second
	}
	if cfg.MaxAttempts == 0 {
		cfg.MaxAttempts = 20
	}
	if cfg.Backoff == nil {
		cfg.Backoff = backoff
	}
	if cfg.Retention <= 0 {
		cfg.Retention = 31 * 24 * time.Hour
	}
	if cfg.Poll <= 0 {
		cfg.Poll = time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Lease < 10*time.Millisecond || cfg.Retention < time.Hour+cfg.Lease {
		return nil, fmt.Errorf("sqliteinbox: a lease of %v or a retention of %v is too short", cfg.Lease, cfg.Retention)
	}
	q := &Queue{db: db, cfg: cfg, wake: make(chan struct{}, 1)}
	q.writer = &writer{db: db, now: q.now}
	_, err := q.newWorker(func(context.Context, *truhook.Verified) error { return nil })
	if err != nil {
		return nil, err
	}
	return q, nil
}

func backoff(attempt int) time.Duration {
	d := time.Second << min(max(attempt, 1)-1, 12)
	d = min(d, time.Hour)
	return d + rand.N(d/10) //nolint:gosec // so that what failed together does not come together
}

var errZero = errors.New("sqliteinbox: the queue was not made by New")

// now returns the time in microseconds since 1970. A clock that panics must not stop the commits of others.
func (q *Queue) now() (micros int64) {
	defer func() {
		if recover() != nil {
			micros = time.Now().UnixMicro()
		}
	}()
	return q.cfg.Now().UnixMicro()
}

// query calls scan for each row of the answer.
func (q *Queue) query(ctx context.Context, text string, args []any, scan func(*sql.Rows) error) error {
	rows, err := q.db.QueryContext(ctx, text, args...)
	if err == nil {
		err = each(rows, scan)
	}
	if err != nil {
		return fmt.Errorf("sqliteinbox: %w", err)
	}
	return nil
}

// Enqueue implements [inbox.Enqueuer]: it returns nil when the row is committed, or was before. Calls at the same time
// share a commit. A delivery of an event that is dead brings it back, with as many attempts as a new one, and is no
// duplicate. A duplicate whose fingerprint differs from that of the first delivery is reported to Config.Observe as a
// Mismatch.
func (q *Queue) Enqueue(ctx context.Context, m inbox.Message) (duplicate bool, err error) {
	if q == nil || q.db == nil {
		return false, errZero
	}
	data, err := m.MarshalJSON()
	if err != nil {
		return false, err
	}
	i := &insertion{key: m.Key, fingerprint: m.Fingerprint[:], message: data}
	if err := q.writer.do(ctx, &operation{insert: i}); err != nil {
		return false, err
	}
	if i.inserted {
		select {
		case q.wake <- struct{}{}:
		default: // it is awake
		}
		return false, nil
	}
	q.compare(ctx, m)
	return true, nil
}

// compare reports a duplicate that is not what the first delivery was. It cannot fail the delivery, which is durable.
func (q *Queue) compare(ctx context.Context, m inbox.Message) {
	none := idempotency.Fingerprint{}
	if q.cfg.Observe == nil || m.Fingerprint == none {
		return
	}
	var stored []byte
	err := q.query(ctx, readFingerprint, []any{m.Key.Scope, m.Key.ID}, func(r *sql.Rows) error { return r.Scan(&stored) })
	o := idempotency.Observation{Outcome: idempotency.Mismatch, Key: m.Key, Fingerprint: m.Fingerprint}
	if err != nil || copy(o.Stored[:], stored) != len(none) || o.Stored == none || o.Stored == m.Fingerprint {
		return
	}
	q.observe(ctx, o)
}

// micros rounds up, so that no lease is shorter than it was promised, and ends at a century.
func micros(d time.Duration) int64 {
	const century = 100 * 365 * 24 * time.Hour
	d = min(max(d, 0), century)
	return int64((d + time.Microsecond - 1) / time.Microsecond)
}
