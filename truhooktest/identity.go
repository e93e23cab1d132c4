package truhooktest

import (
	"bytes"
	"fmt"
	"time"

	"github.com/truhook/truhook/retry"
)

// The scenarios of this file ask which event is which.

const similar = "0123456789abcdef0123456789abcdef-similar-" // what ids of these scenarios have in common

// redeliveryDiffers loses the answer to the first attempt, so that the second comes, with another body.
func (s *suite) redeliveryDiffers() {
	e := s.event("differs")
	e.Faults = []Fault{ResetAfter}
	e.BodyAt = func(attempt int) []byte {
		if s.Redelivery != nil {
			return s.Redelivery(e.ID, attempt)
		}
		body := e.Body
		for range attempt - 1 {
			body = relaid(body)
		}
		return body
	}
	attempts := s.deliver(e)
	switch n := s.effects(e.ID); {
	case n == 0:
		s.fail("event-lost", "the event had no effect: "+story(attempts))
	case n > 1:
		s.provider.attempt(s.ctx, e, final(attempts).Number, 0)
		s.settle()
		if s.effects(e.ID) > n {
			s.fail("no-idempotency-record", fmt.Sprintf("one event had %d effects: %s", n, story(attempts)))
			return
		}
		s.fail("identified-by-body", "a redelivery with another body had the effect again: "+story(attempts))
	}
}

// lateDuplicate comes again when the schedule is long over and others have come in between.
func (s *suite) lateDuplicate() {
	e := s.event("late")
	s.once(e.ID, s.deliver(e), "no-idempotency-record")
	if s.failed() {
		return
	}
	if s.provider.attempt(s.ctx, e, 1, 0); s.effects(e.ID) > 1 {
		s.fail("no-idempotency-record", "a copy had the effect again")
		return
	}
	for i := range 128 {
		s.provider.attempt(s.ctx, s.event(fmt.Sprintf("between-%d", i)), 1, 0)
	}
	wait := time.Hour
	for next := range s.Policy.Schedule() {
		wait += next.Wait.Max() + s.Policy.AckLimit
	}
	if !s.virtual {
		wait = s.Settle
	}
	s.provider.sleep(s.ctx, wait)
	again := s.deliver(e)
	if s.effects(e.ID) > 1 {
		s.fail("record-forgotten", "a copy that came late had the effect again: "+story(again))
		return
	}
	s.byHand()
}

// byHand delivers an event again right before this provider's redelivery by hand ends. The process is not there in the
// time between, as one that polls would make millions of rounds.
func (s *suite) byHand() {
	if s.Policy.ByHand <= time.Minute || !s.virtual {
		return
	}
	e := s.event("by-hand")
	attempts := s.deliver(e)
	last := final(attempts)
	s.shutDown()
	s.provider.sleep(s.ctx, time.Until(last.At.Add(s.Policy.ByHand-time.Minute)))
	s.provider.Restart()
	attempts = append(attempts, s.deliver(e)...)
	if s.effects(e.ID) < 2 {
		return
	}
	control := s.event("by-hand-control")
	s.deliver(control)
	s.provider.Restart()
	if s.deliver(control); s.effects(control.ID) > 1 {
		return // a restart is enough, which is told by the scenario restart-between-attempts
	}
	s.fail("redelivery-by-hand-twice",
		fmt.Sprintf("an event delivered again by hand, within %v, had the effect again: %s", s.Policy.ByHand, story(attempts)))
}

func (s *suite) similarIDs() {
	var ids []string
	for _, end := range []string{"1", "2", "a", "A", "11"} {
		ids = append(ids, similar+end)
	}
	ids = append(ids, similar[1:]+"1")
	for _, id := range ids {
		attempts := s.deliver(s.event(id))
		n := s.effects(id)
		if n == 1 {
			continue
		}
		if n == 0 && final(attempts).Outcome != retry.Delivered {
			s.once(id, attempts, "no-idempotency-record")
			return
		}
		if !s.works() {
			return
		}
		s.fail("ids-mixed-up", fmt.Sprintf("of events with similar ids, %q had %d effects: %s", id, n, story(attempts)))
		return
	}
}

func (s *suite) concurrentEvents() {
	events := make([]Event, 16)
	for i := range events {
		events[i] = s.event(fmt.Sprintf("%s%c", similar, 'b'+i))
	}
	attempts := s.provider.DeliverAll(s.ctx, events...)
	s.settle()
	for _, e := range events {
		if n := s.effects(e.ID); n != 1 {
			if !s.works() {
				return
			}
			s.fail("events-mixed-up", fmt.Sprintf("of events that came at once, %q had %d effects: %s", e.ID, n, story(attempts)))
			return
		}
	}
}

func (s *suite) tenants() {
	ours := s.event("tenant")
	theirs := ours
	theirs.Path, theirs.signer = s.Tenant.Path, s.Tenant.Sign
	first, second := s.deliver(ours), s.deliver(theirs)
	if n := s.effects(ours.ID); n != 2 && s.works() {
		s.fail("tenants-mixed-up",
			fmt.Sprintf("two tenants had an event of one id each, which had %d effects: %s; %s", n, story(first), story(second)))
	}
	if stranger := s.provider.attempt(s.ctx, s.event("stranger"), 1, WrongKey); stranger[0].Outcome == retry.Delivered {
		return // it is told by the scenario wrong-key
	}
	for id, e := range map[string]Event{
		"elsewhere-1": {signer: s.Tenant.Sign},
		"elsewhere-2": {Path: s.Tenant.Path},
	} {
		e.ID, e.Body = id, s.Event(id, 1)
		attempts := s.provider.attempt(s.ctx, e, 1, 0)
		s.settle()
		if attempts[0].Outcome == retry.Delivered || s.effects(id) > 0 {
			s.fail("tenant-key-accepted-elsewhere", "the signature of one tenant was accepted for the other: "+story(attempts))
		}
	}
}

// largeBody has 200 KB of blanks in its JSON. To refuse it is the receiver's right; to acknowledge what it cut is not.
func (s *suite) largeBody() {
	e := s.event("large")
	e.Body = append(bytes.Clone(e.Body[:1]), append(bytes.Repeat([]byte(" "), 200<<10), e.Body[1:]...)...)
	attempts := s.deliver(e)
	if final(attempts).Outcome == retry.Delivered && s.effects(e.ID) == 0 && s.works() {
		s.fail("large-body-lost", "a genuine payload of 200 KB was acknowledged and had no effect: "+story(attempts))
	}
}
