package sqliteinbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/internal/panicked"
	"github.com/truhook/truhook/retry"
)

const (
	errorAtMost  = 500 // bytes of an error's text that are kept
	pauseOnError = time.Second
)

// Run handles what is in the queue until ctx ends, then waits for the functions that still run, and returns nil. The
// end of ctx stops no function: Config.HandlerTimeout bounds the wait. End the process to wait no longer; its events
// are taken over when their leases are over. Several processes, and several Runs, may work on one table. What is over
// is deleted in a goroutine of its own, which ends with Run.
//
// fn is that of inbox.NewWorker: nil completes the event, an error brings it back after Config.Backoff, one marked by
// retry.Permanent makes it dead. A panic counts as an error: Config.Logger is told where it was, and Config.Observe
// gets the stack. Run panics if fn is nil. While the database is away Run waits for it.
func (q *Queue) Run(ctx context.Context, fn func(ctx context.Context, v *truhook.Verified) error) error {
	if fn == nil {
		panic("sqliteinbox: Run: the function is nil")
	}
	if q == nil || q.db == nil {
		return errZero
	}
	r := &runner{Queue: q, freed: make(chan struct{}, 1)}
	var err error
	if r.worker, err = q.newWorker(func(ctx context.Context, v *truhook.Verified) error {
		if t, ok := ctx.Value(takenKey{}).(*taken); ok {
			defer t.release() // the next row is taken in the commit that completes this one
		}
		return fn(ctx, v)
	}); err != nil {
		return err
	}
	defer r.running.Wait()
	r.running.Go(func() { q.prune(ctx) })
	for {
		rows, asked, pause := r.next(ctx)
		for _, w := range rows {
			r.running.Go(func() { r.work(context.WithoutCancel(ctx), w) })
		}
		if ctx.Err() != nil {
			return nil
		}
		if asked > 0 && len(rows) == asked { // there may be more
			continue
		}
		r.wait(ctx, asked > 0, pause)
	}
}

// A runner is one Run.
type runner struct {
	*Queue
	worker  *inbox.Worker
	running sync.WaitGroup
	busy    atomic.Int64  // functions that run, and rows that were taken for them
	freed   chan struct{} // a function has ended
	latest  int64         // what the clock said last
	looked  time.Time     // when it was looked whether events wait for a time that was wrong
}

// wait returns when there may be something to take.
func (r *runner) wait(ctx context.Context, free bool, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	wake := r.wake
	if !free {
		wake = nil // what was accepted cannot be begun yet
	}
	select {
	case <-wake:
	case <-r.freed:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// next takes rows, tells how many it has asked for, and how long to wait if there are none.
func (r *runner) next(ctx context.Context) (rows []*row, asked int, pause time.Duration) {
	if ctx.Err() != nil {
		return nil, 0, 0
	}
	r.watchClock(ctx)
	// What is taken is worked on even if ctx ends meanwhile: an answer that is not read would cost an attempt.
	call, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*commitTimeout)
	defer cancel()
	rows, asked, err := r.take(call, func() int { return r.cfg.Concurrency - int(r.busy.Load()) })
	if err != nil {
		r.report(ctx, idempotency.Observation{Outcome: idempotency.StoreError, Err: err})
		return nil, 1, max(r.cfg.Poll, pauseOnError) // what was taken comes back when its lease is over
	}
	r.busy.Add(int64(len(rows)))
	return rows, asked, r.cfg.Poll
}

// release gives the place of a function to the next one.
func (r *runner) release() {
	r.busy.Add(-1)
	select {
	case r.freed <- struct{}{}:
	default:
	}
}

// A taken row has a place among those that are handled at once, until its function has ended or its time is over.
type taken struct {
	row      *row
	release  func()
	panicked error // by the function, with its stack: the engine has caught it, logged it, and panics with it again
}

type takenKey struct{}

// work handles one row to the end, also if fn panics or calls runtime.Goexit.
func (r *runner) work(ctx context.Context, w *row) {
	defer r.own.remove(w)
	var err error
	returned := false
	t := &taken{row: w, release: sync.OnceFunc(r.release)}
	defer func() {
		if !returned {
			value := recover()
			if err = t.panicked; err == nil { // a part of ours, or the driver
				err = &idempotency.PanicError{Value: value, Stack: debug.Stack()}
				r.logPanic(ctx, w, panicked.Here(value))
			}
		}
		t.release()
		if err != nil {
			r.settle(ctx, w, err)
		}
	}()
	if most := r.cfg.MaxAttempts; most > 0 && w.tries() > most { // the processes died
		err = retry.Permanent(ErrTooManyAttempts)
	} else {
		err = r.call(context.WithValue(ctx, takenKey{}, t), w)
	}
	returned = true
}

// ErrTooManyAttempts is the error of an event that is dead because the process died in each of its attempts.
var ErrTooManyAttempts = errors.New("sqliteinbox: too many attempts")

// call runs the function as an inbox.Worker does.
func (r *runner) call(ctx context.Context, w *row) error {
	var m inbox.Message
	if err := m.UnmarshalJSON(w.message); err != nil {
		return err
	}
	return r.worker.Work(ctx, m)
}

// newWorker returns the worker of one Run. It reports every outcome but the failures, which settle knows better.
func (q *Queue) newWorker(fn func(ctx context.Context, v *truhook.Verified) error) (*inbox.Worker, error) {
	return inbox.NewWorker(rows{q}, fn, idempotency.Config{
		Lease: q.cfg.Lease, Retention: q.cfg.Retention, Wait: -1, SkipStale: q.cfg.SkipStale,
		HandlerTimeout: q.cfg.HandlerTimeout, Logger: q.cfg.Logger,
		Observe: func(ctx context.Context, o idempotency.Observation) {
			t, ok := ctx.Value(takenKey{}).(*taken)
			switch o.Outcome {
			case idempotency.Panicked:
				if ok {
					t.panicked = o.Err
				}
				return
			case idempotency.Failed, idempotency.DeadLettered, idempotency.InFlight, idempotency.Unavailable:
				return
			}
			if ok {
				o.Key = t.row.key
			}
			q.observe(ctx, o)
		},
	})
}

// settle gives a row back, or buries it.
func (q *Queue) settle(ctx context.Context, r *row, err error) {
	err = plain(err)
	if errors.Is(err, inbox.ErrInFlight) { // somebody took it over before we began
		q.observe(ctx, idempotency.Observation{Outcome: idempotency.InFlight, Key: r.key, Attempt: r.number()})
		return
	}
	e := idempotency.Observation{Outcome: idempotency.Failed, Key: r.key, Attempt: r.number(), Err: err}
	state, after := delayed, q.backoff(r.tries())
	var panics *idempotency.PanicError
	if errors.As(err, &panics) {
		e.Outcome = idempotency.Panicked
	}
	if most := q.cfg.MaxAttempts; retry.IsPermanent(err) || most > 0 && r.tries() >= most {
		e.Outcome, state, after = idempotency.DeadLettered, dead, 0
	}
	for pause := 50 * time.Millisecond; ; pause *= 2 {
		call, cancel := context.WithTimeout(ctx, commitTimeout)
		failed := r.settle(call, state, q.now()+micros(after), reason(err))
		cancel()
		if failed == nil || errors.Is(failed, idempotency.ErrLost) { // lost: taken over, or completed by the function itself
			break
		}
		if pause > time.Second { // it comes back when its lease is over
			q.report(ctx, idempotency.Observation{Outcome: idempotency.StoreError, Key: r.key, Attempt: r.number(), Err: failed})
			break
		}
		time.Sleep(pause)
	}
	q.report(ctx, e)
}

// backoff asks the Config's function, whose panic must not keep a row from being given back.
func (q *Queue) backoff(attempt int) (d time.Duration) {
	defer func() {
		if recover() != nil {
			d = backoff(attempt)
		}
	}()
	return q.cfg.Backoff(attempt)
}

// reason is the text that is kept with a row.
func reason(err error) string {
	text := err.Error()
	if len(text) > errorAtMost {
		text = text[:errorAtMost]
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, "?"), "\x00", "?")
}

// Complete completes the event within tx, which is yours: the event is done if and only if tx is committed, and so
// there is exactly one effect for each event, whatever crashes, for a function that writes to this database only. ctx
// is that of the function which [Queue.Run] has called. An error that is idempotency.ErrLost means that another worker
// has the event: roll back and return it.
//
// On SQLite with one connection, the lease cannot be renewed while tx is open: keep it shorter than Config.Lease.
func (q *Queue) Complete(ctx context.Context, tx *sql.Tx) error {
	t, ok := ctx.Value(takenKey{}).(*taken)
	if !ok || q == nil || t.row.queue != q {
		return fmt.Errorf("sqliteinbox: Complete: the context is not that of a function which this queue has called")
	}
	res, err := tx.ExecContext(ctx, completeOne, t.row.seq, t.row.attempt, t.row.forgotten())
	if err != nil {
		return fmt.Errorf("sqliteinbox: %w", err)
	}
	switch n, err := res.RowsAffected(); {
	case err != nil:
		return fmt.Errorf("sqliteinbox: %w", err)
	case n == 0:
		return idempotency.ErrLost
	}
	return nil
}
