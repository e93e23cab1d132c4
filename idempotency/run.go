package idempotency

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/truhook/truhook/internal/dedupe"
)

// Run is the door through which every event comes, for the packages of this module: what it takes cannot be named
// elsewhere. It claims the event, calls fn, settles the event by what fn returns, and says how to answer, and why. The
// end of ctx ends the wait for another delivery of the event.
func (m *Middleware) Run(
	ctx context.Context, item dedupe.Item, call dedupe.Call, fn func(context.Context) error,
) (Result, error) {
	if m == nil || m.store == nil {
		return Result{Outcome: NotVerified, Status: http.StatusInternalServerError}, errNotMade
	}
	longer, leave := outlive(ctx)
	d := &delivery{Middleware: m, ctx: longer, leaveRequest: leave, item: item, dedupe: call, start: time.Now()}
	old := !item.Accepted && !item.Version.IsZero() && d.judged().Sub(item.Version) > m.cfg.Retention-clockSlack
	if old && call.EnqueuesOld {
		d.report(TooOld, ErrTooOld)
	} else {
		d.tooOld = old
	}
	if call.Unclaimed || item.Key == (dedupe.Key{}) {
		if item.Key == (dedupe.Key{}) {
			d.dedupe.AnswersEarly = false // its redelivery would run beside it
		}
		return d.run(fn)
	}
	d.request = ClaimRequest{
		Key: Key(item.Key), Token: NewToken(), Fingerprint: item.Fingerprint, Lease: m.cfg.Lease, Retain: m.cfg.Retention,
	}

	flight, first := m.flights.enter(Key(item.Key), &d.lease)
	if !first {
		if res, err, ended := d.follow(ctx, flight); ended {
			return res, err
		}
	} else {
		d.flight = flight
		defer func() {
			if !d.detached {
				d.flight.land(false) // whatever happened, nobody waits for it in vain
			}
		}()
	}
	return d.claimAndRun(ctx, first, fn)
}

var errNotMade = errors.New("idempotency: the middleware was not made by NewMiddleware")

// A delivery is one call of Run.
type delivery struct {
	*Middleware
	ctx    context.Context // without cancellation: that the provider hangs up must not stop what has begun
	item   dedupe.Item
	dedupe dedupe.Call
	start  time.Time
	flight *flight // nil: it is not the one for which others wait

	request  ClaimRequest
	owned    bool // the token owns the record
	record   Record
	order    Order
	tooOld   bool
	lease    lease
	detached bool // the handler goes on without its caller

	leaveRequest func() // before that: its context is no longer asked

	began    time.Time // the handler's; zero: not called
	took     atomic.Int64
	timedOut atomic.Bool
}

// judged is the instant by which the event's time is judged.
func (d *delivery) judged() time.Time {
	if d.item.Judged.IsZero() {
		return time.Now()
	}
	return d.item.Judged
}

func (d *delivery) observation(o Outcome, err error) Observation {
	out := Observation{Outcome: o, Key: Key(d.item.Key), Attempt: d.record.Attempt, Order: d.order, Err: err}
	if took := d.took.Load(); took > 0 {
		out.Duration = time.Duration(took)
	} else if !d.began.IsZero() {
		out.Duration = time.Since(d.began)
	}
	return out
}

func (d *delivery) report(o Outcome, err error) { d.observe(d.ctx, d.observation(o, err)) }

// reportPanic reports a panic, with words for the log. A nil err: its value is not known.
func (d *delivery) reportPanic(o Outcome, err error, how string) {
	out := d.observation(o, err)
	out.how = how
	d.observe(d.ctx, out)
}

// end reports an outcome and returns it.
func (d *delivery) end(o Outcome, err error, after time.Duration) (Result, error) {
	d.report(o, err)
	return d.result(o, o.acknowledged(), after), err
}

// claimAndRun claims the event, polls the store while somebody else has it if wait is set, and runs fn.
func (d *delivery) claimAndRun(ctx context.Context, wait bool, fn func(context.Context) error) (Result, error) {
	if err := d.acquire(ctx, wait); err != nil {
		if !d.cfg.HandleUndeduped {
			return d.end(Unavailable, err, 0)
		}
		if d.flight == nil { // another delivery of the event runs here, or has just ended
			return d.end(InFlight, err, 0)
		}
		d.report(NotDeduped, err)
		d.dedupe.AnswersEarly = false // its redelivery would run beside it, once the store is back
		return d.run(fn)
	}
	d.compare()
	if d.flight != nil {
		d.flight.stored = d.record.Fingerprint
	}
	switch d.record.State {
	case Done:
		d.flight.land(true)
		return d.end(Duplicate, nil, 0)
	case Busy:
		return d.end(InFlight, nil, d.record.LeaseLeft)
	}
	if err := d.renewLate(); err != nil {
		d.release()
		return d.end(Unavailable, err, 0)
	}
	if d.tooOld {
		return d.run(nil)
	}
	if err := d.findOrder(); err != nil && !d.cfg.HandleUndeduped {
		d.release()
		return d.end(Unavailable, err, 0)
	}
	if d.order == Older {
		if d.dedupe.SkipStale {
			d.complete(time.Time{})
			return d.end(Stale, nil, 0)
		}
		d.report(OutOfOrder, nil)
	}
	return d.run(fn)
}

// compare reports a delivery that is not what the first one of its key was.
func (d *delivery) compare() {
	none := Fingerprint{}
	if mine, stored := d.request.Fingerprint, d.record.Fingerprint; mine != stored && mine != none && stored != none {
		o := d.observation(Mismatch, nil)
		o.Fingerprint, o.Stored = mine, stored
		d.observe(d.ctx, o)
	}
}

// findOrder asks the store how the event stands to others of its resource.
func (d *delivery) findOrder() error {
	if d.item.Resource == (dedupe.Key{}) || d.item.Version.IsZero() {
		return nil
	}
	if d.item.Version.After(d.judged().Add(clockSlack)) { // or one wrong clock would make all that follows stale
		d.report(FutureVersion, nil)
		return nil
	}
	err := d.call(d.ctx, func(ctx context.Context) (err error) {
		d.order, err = d.store.Order(ctx, Key(d.item.Resource), d.item.Version, d.cfg.Retention)
		return err
	})
	if err != nil {
		d.order = OrderUnknown
		err = fmt.Errorf("idempotency: order: %w", err)
		d.report(StoreError, err)
	}
	return err
}
