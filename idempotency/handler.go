package idempotency

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/truhook/truhook/retry"
)

// run calls fn under the claim and settles the event.
func (d *delivery) run(fn func(context.Context) error) Result {
	c := Claim{Attempt: d.record.Attempt, Order: d.order, failure: new(atomic.Pointer[error])}
	if len(d.stores) > 0 {
		c.IdempotencyKey = d.claim.Key.IdempotencyKey()
	}
	ctx, cancel := context.WithCancelCause(context.WithValue(d.ctx, contextKey{}, c))
	if len(d.stores) > 0 {
		d.keep(cancel)
	}
	work := func() (Outcome, error) { return d.work(ctx, c, fn) }
	if d.within > 0 {
		return d.runBeside(cancel, work)
	}
	return d.runHere(cancel, work)
}

// work calls the handler, and the hook for dead letters if it must.
func (d *delivery) work(ctx context.Context, c Claim, fn func(context.Context) error) (Outcome, error) {
	var err error
	if most := d.cfg.MaxAttempts; most > 0 && int64(c.Attempt) > int64(most) {
		err = retry.Permanent(ErrTooManyAttempts)
	} else {
		err = fn(ctx)
		if failure := c.failure.Load(); failure != nil {
			err = *failure
		}
	}
	switch {
	case err == nil:
		return Handled, nil
	case !retry.IsPermanent(err):
		return Failed, err
	case d.cfg.DeadLetter != nil:
		if failed := d.cfg.DeadLetter(ctx, d.v, err); failed != nil {
			d.report(DeadLetterFailed, failed)
			return Failed, err
		}
	}
	return DeadLettered, err
}

// settle tells the store, then the observer.
func (d *delivery) settle(o Outcome, err error) Result {
	if o == Failed {
		d.release()
	} else {
		d.complete()
	}
	return d.end(o, err, 0)
}

// runHere does the work in this goroutine. A panic, or runtime.Goexit, passes through with its stack.
func (d *delivery) runHere(cancel context.CancelCauseFunc, work func() (Outcome, error)) Result {
	defer cancel(nil)
	returned := false
	defer func() {
		if !returned {
			d.release()
			d.report(Panicked, nil)
		}
	}()
	o, err := work()
	returned = true
	return d.settle(o, err)
}

// ended is how the work ended: it returned, or else it panicked with a value or, without one, called runtime.Goexit.
type ended struct {
	returned bool
	outcome  Outcome
	err      error
	panicked *PanicError
}

// The three states of work that runs beside its delivery.
const (
	working int32 = iota
	finished
	tooLate
)

// runBeside does the work in a goroutine of its own, and leaves it alone with it when it takes too long.
func (d *delivery) runBeside(cancel context.CancelCauseFunc, work func() (Outcome, error)) Result {
	var state atomic.Int32
	result := make(chan ended, 1)
	go func() {
		var e ended
		defer func() {
			if !e.returned {
				e.panicked = &PanicError{Value: recover(), Stack: debug.Stack()}
			}
			if state.CompareAndSwap(working, finished) {
				result <- e
				return
			}
			defer d.late.leave()
			defer cancel(nil)
			d.within = 0 // nobody waits for the answer
			if e.returned {
				d.settle(e.outcome, e.err)
				return
			}
			d.release()
			d.report(LatePanicked, e.panicked)
		}()
		e.outcome, e.err = work()
		e.returned = true
	}()

	timer := time.NewTimer(time.Until(d.start.Add(d.within)))
	defer timer.Stop()
	var e ended
	select {
	case e = <-result:
	case <-timer.C:
		if d.leave(&state) {
			return d.end(Late, nil, d.cfg.Lease)
		}
		e = <-result
	}
	defer cancel(nil)
	if e.returned {
		return d.settle(e.outcome, e.err)
	}
	d.release()
	d.report(Panicked, e.panicked)
	if e.panicked.Value == nil {
		runtime.Goexit() // as the handler did
	}
	panic(e.panicked.Value) // the very value: http.ErrAbortHandler is compared
}

// leave reports whether the work goes on alone from now.
func (d *delivery) leave(state *atomic.Int32) bool {
	if !d.late.enter() {
		d.report(LateOverflow, nil)
		return false
	}
	if state.CompareAndSwap(working, tooLate) {
		return true
	}
	d.late.leave()
	return false
}
