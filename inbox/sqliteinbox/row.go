package sqliteinbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/truhook/truhook/idempotency"
)

// A row is an event that a worker has taken. It is the idempotency.Store under which the event is handled, so that
// lease, order and attempt work here as they do without a queue; the keys that it is asked for are its own.
type row struct {
	queue   *Queue
	key     idempotency.Key
	token   idempotency.Token
	attempt int64
	base    int64
	message []byte
	sent    time.Time // before it was taken
}

var _ idempotency.Store = (*row)(nil)

// take leases up to max rows to this process. The lease is a quarter longer than what the worker is told, so that it
// need not be renewed before the work begins.
func (q *Queue) take(ctx context.Context, max int) (rows []*row, err error) {
	token, sent := idempotency.NewToken(), time.Now()
	err = q.query(ctx, &take, []any{token[:], micros(q.cfg.Lease * 5 / 4), max}, func(r *sql.Rows) error {
		w := &row{queue: q, token: token, sent: sent}
		rows = append(rows, w)
		return r.Scan(&w.key.Scope, &w.key.ID, &w.attempt, &w.base, &w.message)
	})
	return rows, err
}

// tries is how many attempts were made since the last replay, this one included.
func (r *row) tries() int { return int(r.attempt - r.base) }

// Claim answers that the row is taken, if it is.
func (r *row) Claim(ctx context.Context, c idempotency.ClaimRequest) (idempotency.Record, error) {
	if time.Since(r.sent) > c.Lease/4 {
		if err := r.Extend(ctx, c.Key, c.Token, c.Lease); errors.Is(err, idempotency.ErrLost) {
			return idempotency.Record{State: idempotency.Busy, Attempt: r.number(), LeaseLeft: time.Millisecond}, nil
		} else if err != nil {
			return idempotency.Record{}, err
		}
	}
	return idempotency.Record{State: idempotency.Owned, Attempt: r.number()}, nil
}

func (r *row) number() uint32 { return uint32(min(max(r.attempt, 0), math.MaxUint32)) } //nolint:gosec // bounded

// Extend implements [idempotency.Store].
func (r *row) Extend(ctx context.Context, _ idempotency.Key, _ idempotency.Token, lease time.Duration) error {
	return r.own(ctx, r.queue.db, &extend, micros(lease))
}

// Complete implements [idempotency.Store]. The payload goes, the key stays.
func (r *row) Complete(ctx context.Context, _ idempotency.Key, _ idempotency.Token) error {
	return r.complete(ctx, r.queue.db)
}

func (r *row) complete(ctx context.Context, on execer) error {
	return r.own(ctx, on, &complete, micros(r.queue.cfg.Retention), []byte{})
}

// Release does nothing: giveBack knows the error, and with it what to do.
func (r *row) Release(context.Context, idempotency.Key, idempotency.Token) error { return nil }

// giveBack ends an attempt that has failed.
func (r *row) giveBack(ctx context.Context, state int, after time.Duration, reason string) error {
	return r.own(ctx, r.queue.db, &giveBack, state, []byte{}, micros(after), reason)
}

func (r *row) own(ctx context.Context, on execer, s *statement, args ...any) error {
	n, err := r.queue.exec(ctx, on, s, append([]any{r.key.Scope, r.key.ID, r.token[:]}, args...)...)
	if err == nil && n == 0 {
		return idempotency.ErrLost
	}
	return err
}

// Forget implements [idempotency.Store]: a row that a worker has taken is never forgotten.
func (r *row) Forget(context.Context, idempotency.Key) error { return idempotency.ErrInFlight }

// Order implements [idempotency.Store].
func (r *row) Order(ctx context.Context, resource idempotency.Key, at time.Time, _ time.Duration) (idempotency.Order, error) {
	version := at.UnixMicro()
	n, err := r.queue.exec(ctx, r.queue.db, &advance, resource.Scope, resource.ID, version, micros(r.queue.cfg.Retention))
	if err != nil {
		return idempotency.OrderUnknown, err
	}
	if n > 0 {
		return idempotency.Newer, nil
	}
	var stored sql.NullInt64
	err = r.queue.query(ctx, &newest, []any{resource.Scope, resource.ID}, func(r *sql.Rows) error { return r.Scan(&stored) })
	switch {
	case err != nil:
		return idempotency.OrderUnknown, err
	case !stored.Valid:
		return idempotency.OrderUnknown, fmt.Errorf("sqliteinbox: the resource was forgotten meanwhile")
	case stored.Int64 == version:
		return idempotency.Same, nil
	}
	return idempotency.Older, nil
}
