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

// count sets the end of the lease.
func (l *lease) count(end time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end = end
}

// left returns how long the lease goes on without a renewal, at least 0.
func (l *lease) left() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(0, time.Until(l.end))
}

// stop ends the renewing and returns when the lease is over.
func (l *lease) stop() (end time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	if l.timer != nil {
		l.timer.Stop()
	}
	return l.end
}

// renewLate renews a lease of which the claim itself has used more than two thirds, before the handler begins: no
// handler begins without a lease.
func (d *delivery) renewLate() error {
	if d.lease.left() > d.request.Lease/3 {
		return nil
	}
	sent := time.Now()
	err := d.call(d.ctx, d.extend)
	if err == nil {
		d.lease.count(sent.Add(d.request.Lease))
		if d.lease.left() > 0 {
			return nil
		}
		err = errOver
	}
	d.report(StoreError, err)
	if errors.Is(err, ErrLost) {
		d.owned = false
	} else if d.lease.left() > 0 {
		return nil // the next beat tries again
	}
	return err
}

// keep renews the lease until it is stopped, or lost, which it tells by lost.
func (d *delivery) keep(lost context.CancelCauseFunc) {
	d.lease.mu.Lock()
	defer d.lease.mu.Unlock()
	first := time.Until(d.lease.end) - d.request.Lease*2/3
	d.lease.timer = time.AfterFunc(max(0, first), func() { d.beat(lost) })
}

func (d *delivery) beat(lost context.CancelCauseFunc) {
	d.lease.mu.Lock()
	left, missed, stopped := time.Until(d.lease.end), d.lease.missed, d.lease.stopped
	d.lease.mu.Unlock()
	if stopped {
		return
	}
	sent := time.Now()
	gone, err := false, errOver
	if left > 0 || !missed { // a process that was paused may still have its lease, and asks once
		timeout := d.cfg.StoreTimeout
		if left > 0 {
			timeout = min(timeout, left)
		}
		ctx, cancel := context.WithTimeout(d.ctx, timeout)
		_, err = guard("the store", func() (struct{}, error) {
			err := d.extend(ctx)
			gone = errors.Is(err, ErrLost) // here, as the methods of its errors are the store's too
			return struct{}{}, err
		})
		cancel()
	}
	if what := d.renewed(sent, gone, err); what != "" {
		if what == LeaseLost {
			d.flight.land(false) // whoever comes now asks the store
			lost(ErrLeaseLost)
		}
		d.report(what, err)
	}
}

// renewed sets the timer for the next beat and returns what there is to report of this one.
func (d *delivery) renewed(sent time.Time, gone bool, err error) Outcome {
	d.lease.mu.Lock()
	defer d.lease.mu.Unlock()
	switch now := time.Now(); {
	case d.lease.stopped: // it was settled meanwhile
		return ""
	case err == nil:
		d.lease.end, d.lease.missed = sent.Add(d.request.Lease), false
		d.lease.timer.Reset(max(0, d.request.Lease/3-now.Sub(sent)))
		return ""
	case gone || !now.Before(d.lease.end):
		d.lease.stopped = true
		return LeaseLost
	default:
		d.lease.missed = true
		d.lease.timer.Reset(min(d.request.Lease/12, d.lease.end.Sub(now)))
		return StoreError
	}
}

func (d *delivery) extend(ctx context.Context) error {
	if err := d.store.Extend(ctx, d.request.Key, d.request.Token, d.request.Lease); err != nil {
		return fmt.Errorf("idempotency: extend: %w", err)
	}
	return nil
}

// complete marks the event as done, and tries until the lease is over or the provider's patience is. Zero: nobody
// waits.
func (d *delivery) complete(patience time.Time) {
	limit := d.lease.stop()
	defer d.flight.land(true)
	if !d.owned {
		return
	}
	if !patience.IsZero() && patience.Before(limit) {
		limit = patience
	}
	var err error
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second/2) {
		ctx, cancel := context.WithTimeout(d.ctx, d.cfg.StoreTimeout)
		err = d.store.Complete(ctx, d.request.Key, d.request.Token)
		cancel()
		if err == nil || errors.Is(err, ErrLost) || time.Until(limit) <= pause {
			break
		}
		sleep(d.ctx, pause)
	}
	switch {
	case err == nil:
	case errors.Is(err, ErrLost):
		d.report(Fenced, nil)
	default:
		d.report(CompleteFailed, fmt.Errorf("idempotency: complete: %w", err))
	}
}

// release gives the event back.
func (d *delivery) release() {
	d.lease.stop()
	defer d.flight.land(false)
	if !d.owned {
		return
	}
	err := d.call(d.ctx, func(ctx context.Context) error { return d.store.Release(ctx, d.request.Key, d.request.Token) })
	if err != nil && !errors.Is(err, ErrLost) { // lost: somebody else has it, and that was reported
		d.report(StoreError, fmt.Errorf("idempotency: release: %w", err))
	}
}
