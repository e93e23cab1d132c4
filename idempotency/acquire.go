package idempotency

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/truhook/truhook"
)

// A delivery is one call of Do.
type delivery struct {
	*Middleware
	ctx    context.Context // without cancellation: that the provider hangs up must not stop what has begun
	v      *truhook.Verified
	start  time.Time
	within time.Duration // <= 0: never answer early

	claim    ClaimRequest
	stores   []Store // those in which the token owns the record; the first one decides
	record   Record
	resource string
	at       time.Time
	order    Order
	lease    lease
}

func (d *delivery) report(o Outcome, err error) {
	d.observe(d.ctx, Observation{Outcome: o, Key: d.claim.Key, Attempt: d.record.Attempt, Order: d.order, Err: err})
}

// end reports an outcome and returns it.
func (d *delivery) end(o Outcome, err error, after time.Duration) Result {
	d.report(o, err)
	return d.result(o, after)
}

// sequence asks where the event stands.
func (d *delivery) sequence() {
	if d.cfg.Version == nil {
		return
	}
	var err error
	if d.resource, d.at, err = d.cfg.Version(d.v); err != nil {
		d.resource, d.at = "", time.Time{}
		d.report(VersionFailed, err)
	}
}

func (d *delivery) tooOld() bool {
	return !d.at.IsZero() && d.cfg.Now().Sub(d.at) > d.cfg.Retention-clockSlack
}

var errState = errors.New("idempotency: the store answered a claim without a state")

// call calls the store, and again if the outcome is unknown: the token makes that harmless.
func (m *Middleware) call(ctx context.Context, f func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, m.cfg.StoreTimeout)
	defer cancel()
	for pause := 10 * time.Millisecond; ; pause *= 4 {
		err := f(ctx)
		if err == nil || errors.Is(err, ErrLost) || errors.Is(err, ErrFull) || pause > 100*time.Millisecond {
			return err
		}
		if !sleep(ctx, pause) {
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

// claimIn claims in one store.
func (d *delivery) claimIn(s Store) (r Record, err error) {
	err = d.call(d.ctx, func(ctx context.Context) (err error) {
		if r, err = s.Claim(ctx, d.claim); err == nil && (r.State < Owned || r.State > Done) {
			err = errState
		}
		return err
	})
	if err != nil {
		err = fmt.Errorf("idempotency: claim: %w", err)
		d.report(StoreError, err)
		return Record{}, err
	}
	return r, nil
}

// claimOnce asks the store, or the fallback in its place, and sets record and stores.
func (d *delivery) claimOnce() (err error) {
	fallback := d.cfg.Fallback
	d.lease.end = time.Now().Add(d.claim.Lease) // it counts from before the claim was sent
	d.stores = nil
	d.record, err = d.claimIn(d.store)
	switch {
	case err != nil && fallback == nil:
		return err
	case err != nil:
		if d.record, err = d.claimIn(fallback); err != nil {
			return err
		}
		d.report(FellBack, nil)
		if d.record.State == Owned {
			d.stores = []Store{fallback}
		}
		return nil
	case d.record.State != Owned:
		return nil
	}
	d.stores = []Store{d.store}
	if fallback == nil {
		return nil
	}
	// The fallback is told every event of this process: its twin may come while the store is away, or have come then.
	r, err := d.claimIn(fallback)
	switch {
	case err != nil: // the store has it, which is enough
	case r.State == Done:
		d.complete()
		d.record = r
	case r.State == Busy:
		d.record = r // the store's record stays ours until acquire ends
	default:
		d.stores = append(d.stores, fallback)
		d.record.Attempt = max(d.record.Attempt, r.Attempt)
	}
	return nil
}

// acquire claims, and waits a while for a twin that is being handled. ctx is the request's.
func (d *delivery) acquire(ctx context.Context) error {
	if err := d.claimOnce(); err != nil || d.record.State != Busy {
		return err
	}
	defer func() {
		if d.record.State == Busy && len(d.stores) > 0 {
			d.release()
		}
	}()
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
		if left <= 0 || !sleep(ctx, min(pause, left, d.record.LeaseLeft+time.Millisecond)) {
			return nil
		}
		if err := d.claimOnce(); err != nil || d.record.State != Busy {
			return err
		}
	}
}

// compare reports a delivery that is not what the first one of its key was.
func (d *delivery) compare() {
	none := Fingerprint{}
	if mine, stored := d.claim.Fingerprint, d.record.Fingerprint; mine != stored && mine != none && stored != none {
		d.observe(d.ctx, Observation{
			Outcome: Mismatch, Key: d.claim.Key, Attempt: d.record.Attempt, Fingerprint: mine, Stored: stored,
		})
	}
}

// advance finds out the order, in the stores that have the claim.
func (d *delivery) advance() error {
	if d.resource == "" || d.at.IsZero() {
		return nil
	}
	if d.at.After(d.cfg.Now().Add(clockSlack)) { // or one wrong clock would make all that follows stale
		d.report(FutureVersion, nil)
		return nil
	}
	resource, err := NewKey(d.scope, d.resource)
	if err != nil {
		d.report(VersionFailed, err)
		return nil
	}
	err = d.advanceIn(d.stores[0], resource)
	switch {
	case err == nil:
		for _, s := range d.stores[1:] { // it may have seen a later one while the store was away
			_ = d.advanceIn(s, resource)
		}
	case d.cfg.Fallback == nil:
		return err
	default:
		_ = d.advanceIn(d.cfg.Fallback, resource) // or the order is unknown
	}
	return nil
}

// advanceIn asks one store for the order. The latest that any of them has seen counts.
func (d *delivery) advanceIn(s Store, resource Key) error {
	var o Order
	err := d.call(d.ctx, func(ctx context.Context) (err error) {
		o, err = s.Order(ctx, resource, d.at, d.cfg.Retention)
		return err
	})
	if err != nil {
		err = fmt.Errorf("idempotency: order: %w", err)
		d.report(StoreError, err)
		return err
	}
	d.order = max(d.order, o)
	return nil
}
