package sqliteinbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

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

	// MaxAttempts is after how many attempts an event is dead, crashes included, counted anew by Replay. Zero: 20, which
	// with the default back-off takes about ten hours. Negative: never.
	MaxAttempts int

	// Backoff is how long to wait after the given attempt, 1 being the first, has failed. Nil: 1 s, twice as long each
	// time, at most an hour, and up to a tenth more.
	Backoff func(attempt int) time.Duration

	// Retention is how long a key is remembered after the event was accepted: a redelivery is a duplicate until then.
	// It is not shorter than the time for which the provider can deliver. Zero: 31 days, which is what package
	// idempotency takes for Truv and Truval. Dead events are kept until they are replayed, or you delete them.
	Retention time.Duration

	// Poll is how often Run looks for events that another process has accepted, or whose time has come. Those that
	// this Queue accepts are begun at once. Zero: 1 s.
	Poll time.Duration

	// SkipStale completes an event without calling the function if a later one of its resource came first.
	SkipStale bool

	// Observe is told what became of every event, and of a Mismatch: see idempotency.Config. It must be safe for
	// concurrent use.
	Observe func(ctx context.Context, e idempotency.Observation)

	// Now is the clock of the queue; nil: time.Now. All processes that share the file must agree on it.
	Now func() time.Time
}

// A Queue is an [inbox.Enqueuer] in a table of SQLite. It is made by [New], and safe for concurrent use; the zero Queue
// refuses every call.
type Queue struct {
	db   *sql.DB
	cfg  Config
	wake chan struct{}
}

var _ inbox.Enqueuer = (*Queue)(nil)

// New returns a queue in db. It does not connect, and creates nothing: see [Schema]. A nil db, a lease of less than
// 10 ms and a retention shorter than the lease are errors.
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
	return &Queue{db: db, cfg: cfg, wake: make(chan struct{}, 1)}, nil
}

func backoff(attempt int) time.Duration {
	d := time.Second << min(max(attempt, 1)-1, 12)
	d = min(d, time.Hour)
	return d + rand.N(d/10) //nolint:gosec // so that what failed together does not come together
}

var errZero = errors.New("sqliteinbox: the queue was not made by New")

type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// exec runs a statement and returns how many rows it has changed.
func (q *Queue) exec(ctx context.Context, on execer, s *statement, args ...any) (int64, error) {
	res, err := on.ExecContext(ctx, s.complete(), q.args(s, args)...)
	if err != nil {
		return 0, fmt.Errorf("sqliteinbox: %w", err)
	}
	return res.RowsAffected()
}

// query calls scan for each row.
func (q *Queue) query(ctx context.Context, s *statement, args []any, scan func(*sql.Rows) error) error {
	rows, err := q.db.QueryContext(ctx, s.complete(), q.args(s, args)...)
	if err != nil {
		return fmt.Errorf("sqliteinbox: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return fmt.Errorf("sqliteinbox: %w", err)
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return fmt.Errorf("sqliteinbox: %w", err)
	}
	return nil
}

// args adds the time where the statement asks for it.
func (q *Queue) args(s *statement, args []any) []any {
	if strings.Contains(s.text, "{now}") {
		args = append(args, q.cfg.Now().UnixMicro())
	}
	return args
}

// Enqueue implements [inbox.Enqueuer]: it returns nil when the row is committed, or was before. A duplicate whose
// fingerprint differs from that of the first delivery is reported to Config.Observe as a Mismatch.
func (q *Queue) Enqueue(ctx context.Context, m inbox.Message) (duplicate bool, err error) {
	if q == nil || q.db == nil {
		return false, errZero
	}
	data, err := m.MarshalJSON()
	if err != nil {
		return false, err
	}
	n, err := q.exec(ctx, q.db, &insert, m.Key.Scope, m.Key.ID, []byte{}, m.Fingerprint[:], data)
	if err != nil {
		return false, err
	}
	if n > 0 {
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
	if q.cfg.Observe == nil {
		return
	}
	var stored []byte
	err := q.query(ctx, &lookup, []any{m.Key.Scope, m.Key.ID}, func(r *sql.Rows) error { return r.Scan(&stored) })
	e := idempotency.Observation{Outcome: idempotency.Mismatch, Key: m.Key, Fingerprint: m.Fingerprint}
	none := idempotency.Fingerprint{}
	if err != nil || copy(e.Stored[:], stored) != len(none) || e.Stored == none || m.Fingerprint == none || e.Stored == m.Fingerprint {
		return
	}
	q.observe(ctx, e)
}

// observe reports an event. A hook that panics must not make an event of ours fail.
func (q *Queue) observe(ctx context.Context, e idempotency.Observation) {
	if q.cfg.Observe == nil {
		return
	}
	defer func() { _ = recover() }()
	q.cfg.Observe(ctx, e)
}

// micros rounds up, so that no lease is shorter than it was promised, and ends at a century.
func micros(d time.Duration) int64 {
	const century = 100 * 365 * 24 * time.Hour
	d = min(max(d, 0), century)
	return int64((d + time.Microsecond - 1) / time.Microsecond)
}
