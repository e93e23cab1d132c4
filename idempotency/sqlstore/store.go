package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/internal/clock"
)

// A Config has what is optional about a [Store]. Its zero value is ready to use.
type Config struct {
	_ [0]func()

	// Retention is how long [Store.Once] remembers an event. Zero, or less: 31 days, which is what the middleware takes
	// for Truv and Truval: a day more than they keep a log from which an event can be delivered again by hand.
	Retention time.Duration

	// Now is the clock of a SQLite store; nil: time.Now. All processes that share the file must agree on it. What was
	// claimed while it was behind by more than the retention is over as soon as it is right. Where it panics, the real
	// time counts. PostgreSQL has its own clock, and Now is not used.
	Now func() time.Time
}

// A Store is an [idempotency.Store] in an SQL database. It is made by [NewPostgres] or [NewSQLite], and
// safe for concurrent use; the zero Store refuses every call. Its tables are those of [PostgresSchema], found by the
// search_path of the connection, or [SQLiteSchema].
//
// A claim of a new event and a duplicate are one statement in PostgreSQL (in SQLite, which is in the process, two and
// one), and so is each of the other calls; a take-over is two. A database that has run out of space answers
// [idempotency.ErrFull].
type Store struct {
	db     *sql.DB
	q      *statements
	now    func() time.Time // nil: the database has a clock
	retain time.Duration
}

var _ idempotency.Store = (*Store)(nil)

// NewPostgres returns a store in db, a PostgreSQL of version 12 or later. It does not connect and creates nothing: see
// [PostgresSchema]. A nil db is an error.
func NewPostgres(db *sql.DB, cfg Config) (*Store, error) {
	return newStore(db, cfg, &postgres, nil)
}

// NewSQLite returns a store in db, a SQLite of version 3.35 or later, opened as the package comment says. It does not
// connect and creates nothing: see [SQLiteSchema]. A nil db is an error.
func NewSQLite(db *sql.DB, cfg Config) (*Store, error) {
	return newStore(db, cfg, &sqlite, clock.Guard("sqlstore", cfg.Now, clock.Report(nil, nil)))
}

func newStore(db *sql.DB, cfg Config, q *statements, now func() time.Time) (*Store, error) {
	if db == nil {
		return nil, errors.New("sqlstore: the database is nil")
	}
	if cfg.Retention <= 0 {
		cfg.Retention = 31 * 24 * time.Hour
	}
	return &Store{db: db, q: q, now: now, retain: cfg.Retention}, nil
}

var errZero = errors.New("sqlstore: the store was not made by NewPostgres or NewSQLite")

// rounds is how often a call is begun again because somebody else was faster. Each round means that another one got on.
// With the default isolation the second or third decides; above it the many that meet at one row take turns.
const rounds = 32

// pause lets the others at one row finish before another round begins.
func pause(ctx context.Context, round int) {
	if round < 3 {
		return
	}
	timer := time.NewTimer(rand.N(time.Duration(round) * time.Millisecond)) //nolint:gosec // nothing to guess
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// Claim implements [idempotency.Store].
func (s *Store) Claim(ctx context.Context, c idempotency.ClaimRequest) (r idempotency.Record, err error) {
	if c.Lease <= 0 || c.Retain < c.Lease || c.Token == (idempotency.Token{}) {
		return r, errors.New("sqlstore: a claim needs a token, a lease, and a retention that is not shorter")
	}
	if s == nil || s.db == nil {
		return r, errZero
	}
	for round := range rounds {
		pause(ctx, round)
		var decided bool
		if r, decided, err = s.claim(ctx, &c); err != nil && !isConflict(err) {
			return idempotency.Record{}, failed("claim", err)
		}
		if decided {
			return r, nil
		}
	}
	return idempotency.Record{}, failed("claim", errors.Join(errContended, err))
}

var errContended = errors.New("others were faster each time")

// claim reports false if it has to be tried again.
func (s *Store) claim(ctx context.Context, c *idempotency.ClaimRequest) (r idempotency.Record, decided bool, err error) {
	args := s.args(c.Key.Scope, c.Key.ID, c.Token[:], c.Fingerprint[:], micros(c.Lease), micros(c.Retain))
	var (
		inserted, kept     bool
		state              int16
		attempt, left      int64
		token, fingerprint []byte
	)
	found, err := one(ctx, s.db, s.q.look, args, &inserted, &state, &attempt, &token, &fingerprint, &left, &kept)
	switch {
	case err != nil:
		return r, false, err
	case inserted:
		return idempotency.Record{State: idempotency.Owned, Attempt: 1, Fingerprint: c.Fingerprint}, true, nil
	case found && kept && state == done:
		r, err = record(idempotency.Done, attempt, fingerprint)
		return r, err == nil, err
	case found && kept && state == pending && left > 0 && string(token) != string(c.Token[:]):
		r, err = record(idempotency.Busy, attempt, fingerprint)
		r.LeaseLeft = time.Duration(left) * time.Microsecond
		return r, err == nil, err
	}
	if found, err = one(ctx, s.db, s.q.take, args, &attempt, &fingerprint); err != nil || !found {
		return r, false, err
	}
	r, err = record(idempotency.Owned, attempt, fingerprint)
	return r, err == nil, err
}

func record(state idempotency.State, attempt int64, fingerprint []byte) (r idempotency.Record, err error) {
	if attempt < 1 || attempt > math.MaxUint32 || len(fingerprint) != len(r.Fingerprint) {
		return r, errors.New("the row is no record of truhook")
	}
	r.State, r.Attempt = state, uint32(attempt)
	copy(r.Fingerprint[:], fingerprint)
	return r, nil
}

// Extend implements [idempotency.Store].
func (s *Store) Extend(ctx context.Context, k idempotency.Key, t idempotency.Token, lease time.Duration) error {
	if s == nil || s.db == nil {
		return errZero
	}
	return s.own(ctx, "extend", s.q.extend, k, t, micros(lease))
}

// Complete implements [idempotency.Store].
func (s *Store) Complete(ctx context.Context, k idempotency.Key, t idempotency.Token) error {
	if s == nil || s.db == nil {
		return errZero
	}
	return s.own(ctx, "complete", s.q.settle, k, t, done)
}

// Release implements [idempotency.Store].
func (s *Store) Release(ctx context.Context, k idempotency.Key, t idempotency.Token) error {
	if s == nil || s.db == nil {
		return errZero
	}
	return s.own(ctx, "release", s.q.settle, k, t, released)
}

// own updates the record of an owner.
func (s *Store) own(ctx context.Context, call, statement string, k idempotency.Key, t idempotency.Token, value any) error {
	for round := range rounds {
		pause(ctx, round)
		n, err := s.exec(ctx, statement, k.Scope, k.ID, t[:], value)
		switch {
		case err != nil && isConflict(err):
		case err != nil:
			return failed(call, err)
		case n == 0:
			return idempotency.ErrLost
		default:
			return nil
		}
	}
	return failed(call, errContended)
}

// Forget implements [idempotency.Store].
func (s *Store) Forget(ctx context.Context, k idempotency.Key) error {
	if s == nil || s.db == nil {
		return errZero
	}
	var err error
	for round := range rounds {
		pause(ctx, round)
		var deleted int64
		var state int16
		var running bool
		if deleted, err = s.exec(ctx, s.q.forget, k.Scope, k.ID); err == nil && deleted == 0 {
			_, err = one(ctx, s.db, s.q.state, s.args(k.Scope, k.ID), &state, &running)
		}
		switch {
		case err != nil && !isConflict(err):
			return failed("forget", err)
		case err != nil, state == done: // completed after it was looked at
		case running:
			return idempotency.ErrInFlight
		default:
			return nil
		}
	}
	return failed("forget", errors.Join(errContended, err))
}

// Order implements [idempotency.Store].
func (s *Store) Order(
	ctx context.Context, resource idempotency.Key, version time.Time, retain time.Duration,
) (idempotency.Order, error) {
	if s == nil || s.db == nil {
		return idempotency.OrderUnknown, errZero
	}
	micro := version.UnixMicro()
	for round := range rounds {
		pause(ctx, round)
		n, err := s.exec(ctx, s.q.order, resource.Scope, resource.ID, micro, micros(retain))
		if err == nil && n > 0 {
			return idempotency.Newer, nil
		}
		var newest int64
		var found bool
		if err == nil {
			found, err = one(ctx, s.db, s.q.newest, s.args(resource.Scope, resource.ID), &newest)
		}
		switch {
		case err != nil && !isConflict(err):
			return idempotency.OrderUnknown, failed("order", err)
		case err == nil && found && newest == micro:
			return idempotency.Same, nil
		case err == nil && found && newest > micro:
			return idempotency.Older, nil
		}
	}
	return idempotency.OrderUnknown, failed("order", errContended)
}
