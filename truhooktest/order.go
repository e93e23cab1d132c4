package truhooktest

import (
	"fmt"
	"time"

	"github.com/truhook/truhook/retry"
)

// The scenarios of this file bring versions of one resource.

// orderReversal brings the later version first.
func (s *suite) orderReversal() {
	newer := Event{ID: "newer", Body: s.Event("newer", 2)}
	older := Event{ID: "older", Body: s.Event("older", 1), Delay: time.Second}
	attempts := s.provider.DeliverAll(s.ctx, newer, older)
	s.settle()
	if v := s.Version(); v == 1 {
		s.fail("order-assumed", "version 2 arrived, then version 1, and version 1 is what is left: "+story(attempts))
	} else if v != 2 {
		s.fail("event-lost", fmt.Sprintf("version 2 was delivered and the receiver holds %d: %s", v, story(attempts)))
	}
	for _, id := range []string{newer.ID, older.ID} {
		var last retry.Outcome
		for _, a := range attempts {
			if a.Event == id {
				last = a.Outcome
			}
		}
		if last != retry.Delivered {
			s.fail("valid-delivery-refused", story(attempts))
		}
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
