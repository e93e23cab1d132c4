package sqliteinbox

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/truhook/truhook/idempotency"
)

// A row is an event that this process has taken.
type row struct {
	queue        *Queue
	key          idempotency.Key
	seq, attempt int64
	base         int64
	accepted     int64
	message      []byte
	taken        time.Time // before it was asked for
}

// take leases rows to this process, as many as most says when the commit begins, and returns that number. The lease is
// a quarter longer than what the worker is told, so that it need not be renewed before the work begins.
func (q *Queue) take(ctx context.Context, most func() int) (rows []*row, asked int, err error) {
	t := &taking{most: most, own: q.own.list, lease: q.cfg.Lease * 5 / 4}
	asking := time.Now()
	if err := q.writer.do(ctx, &operation{take: t}); err != nil {
		return nil, 0, err
	}
	for _, r := range t.rows {
		r.queue, r.taken = q, asking
	}
	q.own.add(t.rows...)
	return t.rows, t.asked, nil
}

// tries is how many attempts were made since the last replay, this one included.
func (r *row) tries() int { return int(r.attempt - r.base) }

func (r *row) number() uint32 { return uint32(min(max(r.attempt, 0), math.MaxUint32)) } //nolint:gosec // bounded

// forgotten is when a row that is done now has served its time. An acceptance that is longer ago than that was told by
// a clock that was wrong, or the event was dead since: then its time begins now.
func (r *row) forgotten() int64 {
	retention, now := micros(r.queue.cfg.Retention), r.queue.now()
	if due := r.accepted + retention; due > now {
		return due
	}
	return now + retention
}

func (r *row) settle(ctx context.Context, state int, due int64, reason any) error {
	s := &settlement{seq: r.seq, attempt: r.attempt, state: state, due: due, reason: reason}
	return r.queue.writer.do(ctx, &operation{settle: s})
}

// rows is the idempotency.Store under which events are handled, so that lease, order and attempt work here as they do
// without a queue. What it is asked for is the row of the context.
type rows struct{ queue *Queue }

var _ idempotency.Store = rows{}

var errRow = errors.New("sqliteinbox: the context is not that of a row")

func (rows) of(ctx context.Context) (*row, error) {
	if t, ok := ctx.Value(takenKey{}).(*taken); ok {
		return t.row, nil
	}
	return nil, errRow
}

// Claim answers that the row is taken, if it is.
func (s rows) Claim(ctx context.Context, c idempotency.ClaimRequest) (idempotency.Record, error) {
	r, err := s.of(ctx)
	if err != nil {
		return idempotency.Record{}, err
	}
	if time.Since(r.taken) > c.Lease/4 {
		if err := s.Extend(ctx, c.Key, c.Token, c.Lease); errors.Is(err, idempotency.ErrLost) {
			return idempotency.Record{State: idempotency.Busy, Attempt: r.number(), LeaseLeft: time.Millisecond}, nil
		} else if err != nil {
			return idempotency.Record{}, err
		}
	}
	return idempotency.Record{State: idempotency.Owned, Attempt: r.number()}, nil
}

// Extend implements [idempotency.Store].
func (s rows) Extend(ctx context.Context, _ idempotency.Key, _ idempotency.Token, lease time.Duration) error {
	r, err := s.of(ctx)
	if err != nil {
		return err
	}
	return r.settle(ctx, running, s.queue.now()+micros(lease), nil)
}

// Complete implements [idempotency.Store]. The payload goes, the key stays.
func (s rows) Complete(ctx context.Context, _ idempotency.Key, _ idempotency.Token) error {
	r, err := s.of(ctx)
	if err != nil {
		return err
	}
	return r.settle(ctx, done, r.forgotten(), "")
}

// Release does nothing: the runner knows the error, and with it what to do.
func (rows) Release(context.Context, idempotency.Key, idempotency.Token) error { return nil }

// Forget implements [idempotency.Store]: what a worker has taken is never forgotten.
func (rows) Forget(context.Context, idempotency.Key) error { return idempotency.ErrInFlight }

// Order implements [idempotency.Store].
func (s rows) Order(
	ctx context.Context, resource idempotency.Key, version time.Time, retain time.Duration,
) (idempotency.Order, error) {
	o := &ordering{resource: resource, version: version.UnixMicro(), retain: retain}
	err := s.queue.writer.do(ctx, &operation{order: o})
	return o.order, err
}
