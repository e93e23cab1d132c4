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

// beyondLimit is how much longer than the limit an effect takes that is to miss it.
const beyondLimit = 2 * time.Second

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
