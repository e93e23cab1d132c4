package idempotency

import (
	"context"
	"errors"
	"fmt"
	"time"
)

var errState = errors.New("idempotency: the store answered a claim without a state")

// call calls the store, and again if the outcome is unknown: the token makes that harmless.
func (m *Middleware) call(ctx context.Context, f func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, m.cfg.StoreTimeout)
	defer cancel()
	for pause := 10 * time.Millisecond; ; pause *= 4 {
		err := f(ctx)
		known := err == nil || errors.Is(err, ErrLost) || errors.Is(err, ErrFull) || errors.Is(err, ErrInFlight)
		if known || pause > 100*time.Millisecond || !sleep(ctx, pause) {
			return err
		}
	}
}

// sleep reports false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// claim asks the store once, and sets record and owned.
func (d *delivery) claim() error {
	d.lease.count(time.Now().Add(d.request.Lease)) // from before the claim is sent
	var r Record
	err := d.call(d.ctx, func(ctx context.Context) (err error) {
		if r, err = d.store.Claim(ctx, d.request); err == nil && (r.State < Owned || r.State > Done) {
			err = errState
		}
		return err
	})
	if err != nil {
		err = fmt.Errorf("idempotency: claim: %w", err)
		d.record = Record{}
		d.report(StoreError, err)
		return err
	}
	d.record, d.owned = r, r.State == Owned
	return nil
}

// acquire claims and, if wait is set, waits a while for a delivery in another process. ctx is the request's.
func (d *delivery) acquire(ctx context.Context, wait bool) error {
	if err := d.claim(); err != nil || d.record.State != Busy || !wait {
		return err
	}
	budget := min(d.cfg.Wait, d.record.LeaseLeft+beyondLease)
	if budget <= 0 {
		return nil
	}
	select {
	case d.waiting <- struct{}{}:
		defer func() { <-d.waiting }()
	default:
		d.report(WaiterOverflow, nil)
		return nil
	}
	until := time.Now().Add(budget)
	for pause := 25 * time.Millisecond; ; pause = min(2*pause, beyondLease) {
		left := time.Until(until)
		if left <= 0 || !sleep(ctx, min(pause, left, max(0, d.record.LeaseLeft)+time.Millisecond)) {
			return nil
		}
		if err := d.claim(); err != nil || d.record.State != Busy {
			return err
		}
	}
}
