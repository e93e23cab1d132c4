package sqliteinbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/retry"
)

const (
	callTimeout  = 5 * time.Second // one call to the database
	pruneEvery   = time.Minute
	pruneAtMost  = 1000
	errorAtMost  = 500 // bytes of an error's text that are kept
	pauseOnError = time.Second
)

var errTooManyAttempts = errors.New("sqliteinbox: too many attempts")

// Run handles what is in the queue until ctx ends, then waits for the functions that still run, and returns nil. A
// function is not stopped by the end of ctx: bound it yourself, or end the process, after which its event is taken over
// when the lease is over. Several processes, and several Runs, may work on one table.
//
// fn is that of inbox.NewWorker: nil completes the event, an error brings it back after Config.Backoff, one marked by
// retry.Permanent makes it dead. A panic is reported and counts as an error. Run panics if fn is nil. While the
// database is away Run waits for it.
func (q *Queue) Run(ctx context.Context, fn func(ctx context.Context, v *truhook.Verified) error) error {
	if fn == nil {
		panic("sqliteinbox: Run: the function is nil")
	}
	if q == nil || q.db == nil {
		return errZero
	}
	var running sync.WaitGroup
	defer running.Wait()
	slots := make(chan struct{}, q.cfg.Concurrency)
	var pruned time.Time
	for {
		free := 1
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		for free < cap(slots) && offer(slots) {
			free++
		}
		if time.Since(pruned) > pruneEvery {
			pruned = time.Now()
			q.prune(ctx)
		}
		rows, pause := q.next(ctx, free)
		for range free - len(rows) {
			<-slots
		}
		for _, r := range rows {
			running.Go(func() {
				defer func() { <-slots }()
				q.work(context.WithoutCancel(ctx), r, fn)
			})
		}
		if len(rows) == free { // there may be more
			continue
		}
		timer := time.NewTimer(pause)
		select {
		case <-q.wake:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

func offer(slots chan struct{}) bool {
	select {
	case slots <- struct{}{}:
		return true
	default:
		return false
	}
}

// next takes rows and says how long to wait if there are none.
func (q *Queue) next(ctx context.Context, free int) ([]*row, time.Duration) {
	if ctx.Err() != nil {
		return nil, 0
	}
	// What is taken is worked on even if ctx ends meanwhile: an answer that is not read would cost an attempt.
	call, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	rows, err := q.take(call, free)
	if err != nil {
		q.observe(ctx, idempotency.Observation{Outcome: idempotency.StoreError, Err: err})
		return nil, max(q.cfg.Poll, pauseOnError) // what was taken comes back when its lease is over
	}
	return rows, q.cfg.Poll
}

func (q *Queue) prune(ctx context.Context) {
	for {
		n, err := q.Prune(ctx, pruneAtMost)
		if err != nil && ctx.Err() == nil {
			q.observe(ctx, idempotency.Observation{Outcome: idempotency.StoreError, Err: err})
		}
		if err != nil || n < pruneAtMost {
			return
		}
	}
}

type rowKey struct{}

// work handles one row to the end, also if fn panics or calls runtime.Goexit.
func (q *Queue) work(ctx context.Context, r *row, fn func(ctx context.Context, v *truhook.Verified) error) {
	var err error
	returned := false
	defer func() {
		if !returned {
			err = &idempotency.PanicError{Value: recover(), Stack: debug.Stack()}
		}
		if err != nil {
			q.settle(ctx, r, err)
		}
	}()
	if most := q.cfg.MaxAttempts; most > 0 && r.tries() > most { // the processes died
		err = retry.Permanent(errTooManyAttempts)
	} else {
		err = q.call(ctx, r, fn)
	}
	returned = true
}

// call runs fn as an inbox.Worker does. It reports every outcome but the failures, which settle knows better.
func (q *Queue) call(ctx context.Context, r *row, fn func(ctx context.Context, v *truhook.Verified) error) error {
	var m inbox.Message
	if err := m.UnmarshalJSON(r.message); err != nil {
		return err
	}
	worker, err := inbox.NewWorker(r, fn, idempotency.Config{
		Lease: q.cfg.Lease, Retention: q.cfg.Retention, Wait: -1, SkipStale: q.cfg.SkipStale,
		Observe: func(ctx context.Context, e idempotency.Observation) {
			switch e.Outcome {
			case idempotency.Failed, idempotency.DeadLettered, idempotency.Panicked, idempotency.InFlight, idempotency.Unavailable:
				return
			}
			e.Key = r.key
			q.observe(ctx, e)
		},
	})
	if err != nil {
		return err
	}
	return worker.Work(context.WithValue(ctx, rowKey{}, r), m)
}

// settle gives a row back, or buries it.
func (q *Queue) settle(ctx context.Context, r *row, err error) {
	if errors.Is(err, inbox.ErrInFlight) { // somebody took it over before we began
		q.observe(ctx, idempotency.Observation{Outcome: idempotency.InFlight, Key: r.key, Attempt: r.number()})
		return
	}
	e := idempotency.Observation{Outcome: idempotency.Failed, Key: r.key, Attempt: r.number(), Err: err}
	state, after := open, q.cfg.Backoff(r.tries())
	var panicked *idempotency.PanicError
	if errors.As(err, &panicked) {
		e.Outcome = idempotency.Panicked
	}
	if most := q.cfg.MaxAttempts; retry.IsPermanent(err) || most > 0 && r.tries() >= most {
		e.Outcome, state, after = idempotency.DeadLettered, dead, 0
	}
	for pause := 50 * time.Millisecond; ; pause *= 2 {
		call, cancel := context.WithTimeout(ctx, callTimeout)
		failed := r.giveBack(call, state, after, reason(err))
		cancel()
		if failed == nil || errors.Is(failed, idempotency.ErrLost) { // lost: taken over, or completed by the function itself
			break
		}
		if pause > time.Second { // it comes back when its lease is over
			q.observe(ctx, idempotency.Observation{Outcome: idempotency.StoreError, Key: r.key, Attempt: r.number(), Err: failed})
			break
		}
		time.Sleep(pause)
	}
	q.observe(ctx, e)
}

// reason is the text that is kept with a row.
func reason(err error) string {
	text := err.Error()
	if len(text) > errorAtMost {
		text = text[:errorAtMost]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "?"), "\x00", "?") // PostgreSQL keeps neither
}

// Complete completes the event within tx, which is yours: the event is done if and only if tx is committed, and so
// there is exactly one effect for each event, whatever crashes, for a function that writes to this database only. ctx is
// that of the function which [Queue.Run] has called. An error that is idempotency.ErrLost means that another worker has
// the event: roll back and return it.
//
// On SQLite with one connection, the lease cannot be renewed while tx is open: keep it shorter than Config.Lease.
func (q *Queue) Complete(ctx context.Context, tx *sql.Tx) error {
	r, ok := ctx.Value(rowKey{}).(*row)
	if !ok || q == nil || r.queue != q {
		return fmt.Errorf("sqliteinbox: Complete: the context is not that of a function which this queue has called")
	}
	return r.complete(ctx, tx)
}
