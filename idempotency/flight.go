package idempotency

import (
	"context"
	"errors"
	"sync"
	"time"
)

// A flight is the delivery of an event that is being handled in this process. Others of the same event wait for it;
// when it fails they do not run, as what has failed for one fails for all that came at once.
type flight struct {
	of     *flights
	key    Key
	lease  *lease
	landed chan struct{}
	once   sync.Once

	// These are written before landed is closed.
	done   bool        // the event was handled, or handed over
	stored Fingerprint // that of the first delivery, as far as it is known
}

// flights are those of one middleware. The zero value is ready.
type flights struct {
	mu  sync.Mutex
	now map[Key]*flight
}

// enter returns the flight of an event, and whether it was made by this call.
func (f *flights) enter(k Key, l *lease) (*flight, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if there := f.now[k]; there != nil {
		return there, false
	}
	if f.now == nil {
		f.now = map[Key]*flight{}
	}
	mine := &flight{of: f, key: k, lease: l, landed: make(chan struct{})}
	f.now[k] = mine
	return mine, true
}

// land ends a flight; only the first call counts. A nil flight is none.
func (f *flight) land(done bool) {
	if f == nil {
		return
	}
	f.once.Do(func() {
		f.of.mu.Lock()
		delete(f.of.now, f.key)
		f.of.mu.Unlock()
		f.done = done
		close(f.landed)
	})
}

var errFollowed = errors.New("idempotency: the delivery of the event that this one waited for has failed")

// follow waits for the flight of the same event. It reports false if this delivery may not wait and has
// to ask the store itself.
func (d *delivery) follow(ctx context.Context, f *flight) (Result, error, bool) { //nolint:revive // the order of end
	if d.cfg.Wait <= 0 {
		return Result{}, nil, false
	}
	select {
	case d.waiting <- struct{}{}:
		defer func() { <-d.waiting }()
	default:
		d.report(WaiterOverflow, nil)
		return Result{}, nil, false
	}
	timer := time.NewTimer(d.cfg.Wait)
	defer timer.Stop()
	select {
	case <-f.landed:
	case <-timer.C:
	case <-ctx.Done():
	}
	outcome, after, why := InFlight, f.lease.left(), error(nil)
	select {
	case <-f.landed:
		if after = 0; f.done {
			outcome, d.record.Fingerprint = Duplicate, f.stored
			d.compare()
		} else {
			why = errFollowed
		}
	default:
	}
	res, err := d.end(outcome, why, after)
	return res, err, true
}
