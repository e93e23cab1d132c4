package idempotency

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrLeaseLost is the cause (see context.Cause) with which the context of a handler ends whose event is no longer its
// own: somebody took over, or the store could not be reached until the lease was over. Stop, and leave the event to the
// next attempt.
var ErrLeaseLost = errors.New("idempotency: the lease was lost")

var errOver = errors.New("idempotency: extend: the lease is over")

// A lease is renewed by a timer, not by a goroutine: most handlers end before it fires.
type lease struct {
	mu      sync.Mutex
	end     time.Time // by the monotonic clock, counted from before the call that began it
	timer   *time.Timer
	missed  bool // the last renewal failed
	stopped bool
}

// keep renews the lease until stop, or until it is lost, which it tells by lost.
func (d *delivery) keep(lost context.CancelCauseFunc) {
	d.lease.mu.Lock()
	defer d.lease.mu.Unlock()
	first := time.Until(d.lease.end) - d.claim.Lease*2/3
	d.lease.timer = time.AfterFunc(max(0, first), func() { d.beat(lost) })
}

func (d *delivery) beat(lost context.CancelCauseFunc) {
	d.lease.mu.Lock()
	left, missed, stopped := time.Until(d.lease.end), d.lease.missed, d.lease.stopped
	d.lease.mu.Unlock()
	if stopped {
		return
	}
	timeout := d.cfg.StoreTimeout
	if left > 0 {
		timeout = min(timeout, left)
	}
	sent := time.Now()
	err := errOver
	if left > 0 || !missed { // a claim that took longer than its lease may still be renewed, once
		err = d.extend(timeout)
	}
	if what := d.renewed(sent, err); what != "" {
		if what == LeaseLost {
			lost(ErrLeaseLost)
		}
		d.report(what, err)
	}
}

// renewed sets the timer for the next beat and returns what there is to report of this one.
func (d *delivery) renewed(sent time.Time, err error) Outcome {
	d.lease.mu.Lock()
	defer d.lease.mu.Unlock()
	switch now := time.Now(); {
	case d.lease.stopped: // it was settled meanwhile
		return ""
	case err == nil:
		d.lease.end, d.lease.missed = sent.Add(d.claim.Lease), false
		d.lease.timer.Reset(max(0, d.claim.Lease/3-now.Sub(sent)))
		return ""
	case errors.Is(err, ErrLost) || !now.Before(d.lease.end):
		d.lease.stopped = true
		return LeaseLost
	default:
		d.lease.missed = true
		d.lease.timer.Reset(min(d.claim.Lease/12, d.lease.end.Sub(now)))
		return StoreError
	}
}

func (d *delivery) extend(timeout time.Duration) (err error) {
	ctx, cancel := context.WithTimeout(d.ctx, timeout)
	defer cancel()
	for i, s := range d.stores {
		if e := s.Extend(ctx, d.claim.Key, d.claim.Token, d.claim.Lease); i == 0 && e != nil {
			err = fmt.Errorf("idempotency: extend: %w", e)
		}
	}
	return err
}

// stop ends the renewing and returns when the lease is over.
func (d *delivery) stop() (end time.Time) {
	d.lease.mu.Lock()
	defer d.lease.mu.Unlock()
	d.lease.stopped = true
	if d.lease.timer != nil {
		d.lease.timer.Stop()
	}
	return d.lease.end
}

// complete marks the event as done, and tries until the lease is over or the provider's patience is.
func (d *delivery) complete() {
	limit := d.stop()
	if answer := d.start.Add(d.within); d.within > 0 && answer.Before(limit) {
		limit = answer
	}
	for i, s := range d.stores {
		var err error
		for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second/2) {
			ctx, cancel := context.WithTimeout(d.ctx, d.cfg.StoreTimeout)
			err = s.Complete(ctx, d.claim.Key, d.claim.Token)
			cancel()
			if err == nil || errors.Is(err, ErrLost) || i > 0 || time.Until(limit) <= pause {
				break
			}
			sleep(d.ctx, pause)
		}
		switch {
		case err == nil || i > 0:
		case errors.Is(err, ErrLost):
			d.report(Fenced, nil)
		default:
			d.report(CompleteFailed, fmt.Errorf("idempotency: complete: %w", err))
		}
	}
}

// release gives the event back.
func (d *delivery) release() {
	d.stop()
	for i, s := range d.stores {
		err := d.call(d.ctx, func(ctx context.Context) error { return s.Release(ctx, d.claim.Key, d.claim.Token) })
		if err != nil && i == 0 && !errors.Is(err, ErrLost) { // lost: somebody else has it, and that was reported
			d.report(StoreError, fmt.Errorf("idempotency: release: %w", err))
		}
	}
}
