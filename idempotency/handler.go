package idempotency

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/truhook/truhook/internal/dedupe"
	"github.com/truhook/truhook/internal/panicked"
	"github.com/truhook/truhook/retry"
)

// cleanUp is how long a handler whose time is over is waited for, so that one that looks at its context can end.
const cleanUp = time.Second

// run calls fn under the claim, if there is one, and settles the event.
func (d *delivery) run(fn func(context.Context) error) (Result, error) {
	c := Claim{Attempt: d.record.Attempt, Order: d.order, failure: new(atomic.Pointer[error])}
	if d.item.Key != (dedupe.Key{}) {
		c.IdempotencyKey = Key(d.item.Key).IdempotencyKey()
	}
	ctx, cancel := context.WithCancelCause(context.WithValue(d.ctx, contextKey{}, c))
	stop := func() bool { return true }
	if until := d.dedupe.Until; until != nil {
		stop = context.AfterFunc(until, func() { cancel(context.Cause(until)) })
	}
	h := &handling{delivery: d, ctx: ctx, fn: fn, claim: c, answered: make(chan ended, 1)}
	h.cancel = func(cause error) { cancel(cause); stop() }
	d.began = time.Now()
	if limit := d.cfg.HandlerTimeout; limit > 0 {
		h.timer = time.AfterFunc(limit, h.expire)
	}
	if d.owned {
		d.keep(cancel)
	}
	if d.dedupe.Inline {
		return h.inline()
	}
	return h.beside()
}

// A handling is one call of the handler.
type handling struct {
	*delivery
	ctx    context.Context
	cancel context.CancelCauseFunc
	fn     func(context.Context) error // nil: the event is handed over
	claim  Claim
	timer  *time.Timer // nil: it may run for ever
	state  atomic.Int32
	place  atomic.Bool // it has a place among the late ones

	handedOver bool // Config.DeadLetter has the event
	answered   chan ended
}

// The states of a handling.
const (
	working  int32 = iota
	finished       // the handler returned first
	left           // the caller went first
)

// ended is how the work ended: it returned, or else it panicked with a value or, without one, called runtime.Goexit.
type ended struct {
	returned bool
	outcome  Outcome
	err      error
	panicked *PanicError
	how      string // it panicked, in words for the log
}

// expire ends the time of the handler: its context ends, its lease runs out, and its place is free.
func (h *handling) expire() {
	h.timedOut.Store(true)
	h.cancel(ErrHandlerTimeout)
	h.lease.stop()
	h.flight.land(false) // whoever comes now asks the store
	h.leavePlace()
	h.report(TimedOut, ErrHandlerTimeout)
}

func (h *handling) leavePlace() {
	if h.place.CompareAndSwap(true, false) {
		h.late.leavePlace()
	}
}

// stopTimer is called when the handler has ended.
func (h *handling) stopTimer() {
	h.took.Store(max(1, int64(time.Since(h.began))))
	if h.timer != nil {
		h.timer.Stop()
	}
}

// work calls the handler, and the hook for dead letters if it must.
func (h *handling) work() (Outcome, error) {
	err := ErrTooOld
	if !h.tooOld {
		err = h.fn(h.ctx)
		if failure := h.claim.failure.Load(); failure != nil {
			err = *failure
		}
	}
	switch {
	case err == nil:
		return Handled, nil
	case errors.Is(err, dedupe.ErrDuplicate):
		return Duplicate, nil
	}
	if h.timedOut.Load() {
		err = fmt.Errorf("%w: %w", ErrHandlerTimeout, err)
	}
	switch {
	case !h.tooOld && !retry.IsPermanent(err):
		return Failed, err
	case h.dedupe.KeepsDead:
		return DeadLettered, err
	case h.dedupe.DeadLetter == nil && h.tooOld:
		return TooOld, err
	case h.dedupe.DeadLetter == nil:
		return Failed, err
	}
	if failed := h.dedupe.DeadLetter(h.ctx, err); failed != nil {
		h.report(DeadLetterFailed, failed)
		return Failed, err
	}
	h.handedOver = true
	if h.tooOld {
		return TooOld, err
	}
	return DeadLettered, err
}

// settle tells the store, then the observer. patience is when the provider's ends; zero: nobody waits.
func (h *handling) settle(o Outcome, err error, patience time.Time) (Result, error) {
	done := o.acknowledged() || h.handedOver
	if done {
		h.complete(patience)
	} else {
		h.release()
	}
	h.report(o, err)
	return h.result(o, done, 0), err
}

// inline does the work in this goroutine. A panic, or runtime.Goexit, passes through with its stack.
func (h *handling) inline() (Result, error) {
	defer h.cancel(nil)
	returned := false
	defer func() {
		if !returned {
			how := panicked.Here(nil)
			h.stopTimer()
			h.release()
			h.reportPanic(Panicked, nil, how)
		}
	}()
	o, err := h.work()
	returned = true
	h.stopTimer()
	return h.settle(o, err, time.Time{})
}

// beside does the work in a goroutine of its own, and leaves it alone with it when it takes too long.
func (h *handling) beside() (Result, error) {
	go h.goOn()
	var answer, abandon <-chan time.Time
	var patience time.Time
	if within := h.cfg.AnswerWithin; within > 0 && h.dedupe.AnswersEarly {
		patience = h.start.Add(within)
		timer := time.NewTimer(time.Until(patience))
		defer timer.Stop()
		answer = timer.C
	}
	if limit := h.cfg.HandlerTimeout; limit > 0 {
		timer := time.NewTimer(limit + cleanUp)
		defer timer.Stop()
		abandon = timer.C
	}
	for {
		select {
		case e := <-h.answered:
			return h.finish(e, patience)
		case <-answer:
			answer = nil
			if !h.late.enter(true) {
				h.report(LateOverflow, nil)
				continue
			}
			h.place.Store(true)
			if h.leave() {
				if h.timedOut.Load() {
					h.leavePlace()
				}
				return h.end(Late, nil, h.cfg.Lease)
			}
			h.leavePlace()
			h.late.leave()
		case <-abandon:
			h.late.enter(false)
			if h.leave() {
				return h.result(TimedOut, false, h.lease.left()), ErrHandlerTimeout // reported by expire
			}
			h.late.leave()
		}
	}
}

// leave reports whether the work goes on alone from now.
func (h *handling) leave() bool {
	h.detached = h.state.CompareAndSwap(working, left)
	if h.detached {
		h.leaveRequest()
	}
	return h.detached
}

// goOn is the handler's goroutine.
func (h *handling) goOn() {
	var e ended
	defer func() {
		h.stopTimer()
		if !e.returned {
			value := recover()
			e.panicked, e.how = &PanicError{Value: value, Stack: debug.Stack()}, panicked.Here(value)
		}
		if h.state.CompareAndSwap(working, finished) {
			h.answered <- e
			return
		}
		h.settleAlone(e)
	}()
	e.outcome, e.err = h.work()
	e.returned = true
}

// settleAlone settles an event whose caller has gone. A store that panics here would end the process.
func (h *handling) settleAlone(e ended) {
	defer h.late.leave()
	defer h.leavePlace()
	defer h.cancel(nil)
	defer func() {
		if value := recover(); value != nil {
			h.flight.land(false)
			how := panicked.Here(value)
			h.reportPanic(LatePanicked, &PanicError{Value: value, Stack: debug.Stack()}, how)
		}
	}()
	if e.returned {
		_, _ = h.settle(e.outcome, e.err, time.Time{})
		return
	}
	h.release()
	h.reportPanic(LatePanicked, e.panicked, e.how)
}

// finish settles an event whose handler has ended while its caller waited.
func (h *handling) finish(e ended, patience time.Time) (Result, error) {
	defer h.cancel(nil)
	if e.returned {
		return h.settle(e.outcome, e.err, patience)
	}
	h.release()
	h.reportPanic(Panicked, e.panicked, e.how)
	if e.panicked.Value == nil {
		if h.dedupe.ReturnsExit {
			return h.result(Panicked, false, 0), e.panicked
		}
		runtime.Goexit() // as the handler did
	}
	panic(e.panicked.Value) // the very value: http.ErrAbortHandler is compared
}
