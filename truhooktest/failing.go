package truhooktest

import (
	"fmt"

	"github.com/truhook/truhook/retry"
)

// The scenarios of this file let one event fail, or be slow, more than once.

// missing waits until each of the events has had its effect: ten times Settle at most, as a receiver may wait longer
// after each failure. It returns the id of one that had none, or "".
func (s *suite) missing(ids ...string) string {
	for range 10 {
		if s.without(ids) == "" {
			return ""
		}
		s.settle()
	}
	return s.without(ids)
}

// without returns the id of an event that had no effect by now, or "".
func (s *suite) without(ids []string) string {
	for _, id := range ids {
		if s.effects(id) == 0 {
			return id
		}
	}
	return ""
}

// failsUntilLast lets every attempt fail but the last one of the schedule. A receiver that works later has attempts of
// its own, whose number the suite does not know.
func (s *suite) failsUntilLast() {
	if !s.recovers() {
		return
	}
	e := s.event("fails-until-last")
	body := e.Body
	e.BodyAt = func(attempt int) []byte {
		if attempt == s.Policy.Attempts {
			s.always(e.ID, plan{})
		}
		return body
	}
	s.always(e.ID, plan{fail: true})
	attempts := s.deliver(e)
	if s.effects(e.ID) > 0 {
		return // how often is another scenario's question
	}
	switch final(attempts).Outcome {
	case retry.Delivered:
		s.fail("given-up-after-failures", "the effect failed again, and the event was acknowledged without one: "+story(attempts))
	case retry.Retried:
		s.fail("event-lost", "every attempt failed but the last, and the event had no effect: "+story(attempts))
	default:
		s.fail("failure-answered-final", "the effect failed again, and this provider does not come any more: "+story(attempts))
	}
}

// oneFailsAlways lets an event fail each time, and has others come after it. That they are of one resource is no reason
// to wait: nothing of that resource would ever have its effect again.
func (s *suite) oneFailsAlways() {
	if !s.recovers() {
		return
	}
	stuck := s.event("fails-always")
	s.always(stuck.ID, plan{fail: true})
	s.provider.attempt(s.ctx, stuck, 1, 0)
	var ids []string
	var attempts []Attempt
	for i := range 10 {
		e := s.event(fmt.Sprintf("behind-%d", i))
		ids = append(ids, e.ID)
		attempts = append(attempts, s.provider.Deliver(s.ctx, e)...)
	}
	if id := s.missing(ids...); id != "" {
		s.fail("blocked-by-failing-event",
			fmt.Sprintf("one event fails every time, and %q, which came after it, had no effect: %s", id, story(attempts)))
	}
}

// slowEveryTime makes each effect of an event slower than the limit. The provider never waits for the end of one, so it
// has to come about without the request that began it.
func (s *suite) slowEveryTime() {
	limit := s.provider.config.Timeout
	slow := limit + beyondLimit
	if slow > max(longEffect, s.window/2) { // package idempotency allows a handler 30 s, or two thirds of the window
		s.note = fmt.Sprintf("not judged: a receiver need not allow a handler more than the limit of %v", limit)
		return
	}
	if !s.works() {
		return
	}
	e := s.event("slow-every-time")
	s.always(e.ID, plan{slow: slow})
	attempts := s.deliver(e)
	s.provider.sleep(s.ctx, slow)
	if s.effects(e.ID) == 0 {
		s.fail("slow-effect-lost",
			fmt.Sprintf("every effect took %v, the limit is %v, and the event had none: %s", slow, limit, story(attempts)))
	}
}
