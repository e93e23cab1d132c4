package truhooktest

import (
	"fmt"

	"github.com/truhook/truhook/retry"
)

// The scenarios of this file take the receiver's store away.

// outage takes the store away or gives it back.
func (s *suite) outage(down bool) {
	s.storeDown.Store(down)
	if s.StoreDown != nil {
		s.StoreDown(down)
	}
}

// hasStore reports whether the receiver has a store that the suite can take away.
func (s *suite) hasStore() bool {
	if s.StoreDown == nil && !s.storeUsed.Load() {
		s.note = "not judged: the receiver has no StoreDown and no store of Instance.Store"
		return false
	}
	return true
}

func (s *suite) storeOutage() {
	if !s.hasStore() {
		return
	}
	s.outageBeforeEffect()
	s.outageAfterEffect()
}

func (s *suite) outageBeforeEffect() {
	e := s.event("outage")
	s.outage(true)
	first := s.provider.attempt(s.ctx, e, 1, 0)
	s.outage(false)
	s.settle()
	switch outcome := first[0].Outcome; {
	case s.effects(e.ID) > 0 && outcome == retry.Delivered: // it can do without
	case outcome != retry.Retried && !s.recovers():
	case outcome == retry.Delivered:
		s.fail("acknowledged-without-store", "the store was away, and the event was acknowledged without effect: "+story(first))
	case outcome != retry.Retried:
		s.fail("store-outage-answered-final", "the store was away, and this provider does not come again: "+story(first))
	default:
		s.once(e.ID, append(first, s.deliver(e)...), "no-idempotency-record")
	}
}

// outageAfterEffect takes the store away between the effect and the commit of it, or the record.
func (s *suite) outageAfterEffect() {
	e := s.event("outage-after-effect")
	s.plan(plan{storeDown: true})
	first := s.provider.attempt(s.ctx, e, 1, 0)
	s.outage(false)
	if s.planned() {
		return // it did not get as far as the effect
	}
	if outcome := first[0].Outcome; outcome != retry.Retried {
		s.settle()
		rolledBack := !s.accepted(e.ID) && s.effects(e.ID) == 0
		switch {
		case rolledBack && !s.recovers():
			return
		case rolledBack && outcome == retry.Delivered:
			s.fail("acknowledged-without-commit",
				"the store was away when the effect was to be committed, and the event was acknowledged without it: "+story(first))
			return
		case rolledBack:
			s.fail("store-outage-answered-final",
				"the store was away when the effect was to be committed, and this provider does not come again: "+story(first))
			return
		case outcome == retry.Delivered:
			return
		}
	}
	attempts := s.deliver(e)
	switch n, last := s.effects(e.ID), final(attempts); {
	case n > 1 && s.ExactlyOnce && s.works():
		s.fail("effect-after-outage-twice", fmt.Sprintf("the store was away after the effect, of which there were %d: %s", n, story(attempts)))
	case last.Outcome != retry.Delivered && s.works():
		s.fail("blocked-after-outage", "the store was away after the effect, and no attempt was acknowledged: "+story(attempts))
	}
}

// longOutage keeps the store away for long enough that whoever polls it meets the outage.
func (s *suite) longOutage() {
	if !s.hasStore() || !s.recovers() {
		return
	}
	earlier, later := s.event("before-outage"), s.event("after-outage")
	attempts := s.provider.attempt(s.ctx, earlier, 1, 0)
	s.outage(true)
	s.provider.sleep(s.ctx, s.Settle/2)
	s.outage(false)
	s.settle()
	if attempts[0].Outcome != retry.Delivered {
		attempts = append(attempts, s.deliver(earlier)...)
	}
	attempts = append(attempts, s.deliver(later)...)
	if id := s.missing(earlier.ID, later.ID); id != "" {
		s.fail("stopped-by-outage",
			fmt.Sprintf("the store was away for %v and came back, and the event %q had no effect: %s", s.Settle/2, id, story(attempts)))
	}
}
