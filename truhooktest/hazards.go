package truhooktest

import (
	"fmt"
	"sync"
	"time"

	"github.com/truhook/truhook/retry"
)

// The scenarios of this file let something go wrong in a process that lives on.

// longEffect is how long a slow effect takes. It is longer than the limits of providers and than sensible leases, and
// shorter than what a receiver should allow a handler.
const longEffect = 25 * time.Second

// slowEffect sends copies while the first effect runs.
func (s *suite) slowEffect() {
	e := s.event("slow")
	s.plan(plan{slow: longEffect})
	var twins sync.WaitGroup
	for _, after := range []time.Duration{2 * time.Second, 12 * time.Second, longEffect - time.Second} {
		twins.Go(func() {
			if s.provider.sleep(s.ctx, after) {
				s.provider.attempt(s.ctx, e, 1, 0)
			}
		})
	}
	attempts := s.deliver(e)
	twins.Wait()
	s.settle()
	switch n := s.effects(e.ID); {
	case n == 0:
		s.fail("event-lost", "a slow effect did not come about: "+story(attempts))
	case n > 1:
		if s.deliver(e); s.effects(e.ID) > n {
			s.fail("no-idempotency-record", fmt.Sprintf("one event had %d effects: %s", n, story(attempts)))
			return
		}
		s.fail("slow-effect-twice", fmt.Sprintf("an effect of %v, and copies meanwhile, had %d effects: %s", longEffect, n, story(attempts)))
	}
}

// recovers lets the effect of one more event fail, so that a receiver which loses every event that fails is told so by
// the scenario failure-then-retry, and by no other name.
func (s *suite) recovers() bool {
	e := s.event("recovery")
	s.plan(plan{fail: true})
	s.deliver(e)
	return s.effects(e.ID) > 0 && s.works()
}

// slowFailure lets the provider come again while the first effect runs, and fail after that.
func (s *suite) slowFailure() {
	var second retry.Delay
	for next := range s.Policy.Schedule() {
		if next.Number == 2 {
			second = next.Wait
		}
	}
	e := s.event("slow-failure")
	s.plan(plan{slow: s.provider.config.Timeout + second.Max() + time.Second, fail: true})
	attempts := s.deliver(e)
	s.settle()
	if s.effects(e.ID) > 0 || s.Accepted != nil && s.Accepted(e.ID) || !s.recovers() {
		return // how often is another scenario's question
	}
	for _, a := range attempts {
		if a.Outcome == retry.Delivered && a.Number > 1 {
			s.fail("acknowledged-while-in-progress",
				"an attempt was acknowledged while the one before still ran, which failed: "+story(attempts))
			return
		}
	}
	if !s.failed() {
		s.fail("event-lost", "an effect failed after the limit, and the event never had one: "+story(attempts))
	}
}

// failingBurst sends more copies at once than a receiver counts attempts, while every effect fails.
func (s *suite) failingBurst() {
	e := s.event("burst")
	e.Copies = 34
	s.failing.Store(true)
	burst := s.provider.attempt(s.ctx, e, 1, ConcurrentDuplicate)
	s.failing.Store(false)
	attempts := append(burst, s.deliver(e)...)
	switch n := s.effects(e.ID); {
	case n > 1:
		s.once(e.ID, attempts, "no-idempotency-record")
	case n == 0 && s.recovers():
		s.fail("attempts-used-up", "copies at once failed, and the event was given up: "+story(attempts))
	}
}

func (s *suite) panicThenRetry() {
	e := s.event("panic")
	s.plan(plan{panics: true})
	attempts := s.deliver(e)
	if s.planned() {
		s.once(e.ID, attempts, "no-idempotency-record") // it did not get as far as the effect
		return
	}
	switch n, last := s.effects(e.ID), final(attempts); {
	case n == 0 && !s.recovers():
	case n > 0:
		s.once(e.ID, attempts, "no-idempotency-record")
	case last.Outcome == retry.Delivered:
		s.fail("id-burned-by-panic", "the effect panicked, and the event was acknowledged without one: "+story(attempts))
	case last.Outcome == retry.Retried:
		s.fail("blocked-after-panic", "the effect panicked, and no attempt after it had one: "+story(attempts))
	default:
		s.fail("panic-answered-final", "the effect panicked, and this provider does not come again: "+story(attempts))
	}
}

// outage takes the store away or gives it back.
func (s *suite) outage(down bool) {
	s.storeDown.Store(down)
	if s.StoreDown != nil {
		s.StoreDown(down)
	}
}

func (s *suite) storeOutage() {
	if s.StoreDown == nil && !s.storeUsed.Load() {
		s.note = "not judged: the receiver has no StoreDown and no store of Instance.Store"
		return
	}
	e := s.event("outage")
	s.outage(true)
	first := s.provider.attempt(s.ctx, e, 1, 0)
	s.outage(false)
	s.settle()
	switch outcome := first[0].Outcome; {
	case s.effects(e.ID) > 0 && outcome == retry.Delivered: // it can do without
	case outcome != retry.Retried && !s.recovers():
		return
	case outcome == retry.Delivered:
		s.fail("acknowledged-without-store", "the store was away, and the event was acknowledged without effect: "+story(first))
	case outcome != retry.Retried:
		s.fail("store-outage-answered-final", "the store was away, and this provider does not come again: "+story(first))
	default:
		s.once(e.ID, append(first, s.deliver(e)...), "no-idempotency-record")
	}

	e = s.event("outage-after-effect")
	s.plan(plan{storeDown: true})
	first = s.provider.attempt(s.ctx, e, 1, 0)
	s.outage(false)
	if s.planned() || first[0].Outcome == retry.Delivered {
		return
	}
	attempts := s.deliver(e)
	switch n, last := s.effects(e.ID), final(attempts); {
	case n > 1 && s.ExactlyOnce && s.works():
		s.fail("effect-after-outage-twice", fmt.Sprintf("the store was away after the effect, of which there were %d: %s", n, story(attempts)))
	case last.Outcome != retry.Delivered && s.works():
		s.fail("blocked-after-outage", "the store was away after the effect, and no attempt was acknowledged: "+story(attempts))
	}
}

// orderForward brings versions as they should come, one of them after a failure, and an old one once more.
func (s *suite) orderForward() {
	version := func(n int) Event { id := fmt.Sprintf("version-%d", n); return Event{ID: id, Body: s.Event(id, n)} }
	expect := func(want int, reason, what string, attempts []Attempt) bool {
		if got := s.Version(); got != want && s.recovers() {
			s.fail(reason, fmt.Sprintf("%s, and version %d is what is left: %s", what, got, story(attempts)))
		}
		return !s.failed()
	}
	attempts := append(s.deliver(version(1)), s.deliver(version(2))...)
	if !expect(2, "first-version-kept", "version 1 arrived, then version 2", attempts) {
		return
	}
	s.plan(plan{fail: true})
	attempts = s.deliver(version(3))
	if !s.planned() && !expect(3, "version-burned", "the effect of version 3 failed once", attempts) {
		return
	}
	attempts = s.deliver(version(1))
	expect(3, "order-assumed", "version 1 came once more after version 3", attempts)
}
