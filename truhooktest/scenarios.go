package truhooktest

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/truhook/truhook/retry"
)

type scenario struct {
	name    string
	run     func(s *suite)
	applies func(r Receiver) bool // nil: always

	patience time.Duration // zero: the constant patience
	pulse    *atomic.Int64 // of the watchdog
}

// scenarios returns the suite. The names are those of the subtests.
func scenarios() []scenario {
	forged := func(f Fault, reason string) func(s *suite) {
		return func(s *suite) { s.forgery(f, reason) }
	}
	worksFirst := func(r Receiver) bool { return r.Accepted == nil } // after the effect
	return []scenario{
		{name: "one-valid-delivery", run: (*suite).validDelivery},
		{name: "unusual-json-layout", run: (*suite).unusualLayout},
		{name: "nothing-sensitive-in-logs", run: (*suite).logs},
		{name: "stale-token", run: (*suite).stale},
		{name: "sequential-duplicates", run: (*suite).sequentialDuplicates},
		{name: "concurrent-duplicates", run: (*suite).concurrentDuplicates},
		{name: "order-reversal", run: (*suite).orderReversal, applies: func(r Receiver) bool { return r.Version != nil }},
		{name: "order-forward", run: (*suite).orderForward, applies: func(r Receiver) bool { return r.Version != nil }},
		{name: "redelivery-differs", run: (*suite).redeliveryDiffers},
		{name: "late-duplicate", run: (*suite).lateDuplicate},
		{name: "similar-ids", run: (*suite).similarIDs},
		{name: "concurrent-events", run: (*suite).concurrentEvents},
		{name: "tenants", run: (*suite).tenants, applies: func(r Receiver) bool { return r.Tenant != nil }},
		{name: "large-body", run: (*suite).largeBody},
		{name: "failure-then-retry", run: (*suite).failureThenRetry},
		{name: "failing-burst", run: (*suite).failingBurst},
		{name: "failing-until-the-last-attempt", run: (*suite).failsUntilLast, applies: worksFirst},
		{name: "one-event-fails-always", run: (*suite).oneFailsAlways},
		{name: "panic-then-retry", run: (*suite).panicThenRetry, applies: worksFirst},
		{name: "slow-effect", run: (*suite).slowEffect},
		{name: "slow-failure", run: (*suite).slowFailure},
		{name: "slow-every-time", run: (*suite).slowEveryTime, applies: worksFirst},
		{name: "store-outage", run: (*suite).storeOutage},
		{name: "store-outage-for-a-while", run: (*suite).longOutage},
		{name: "timeout-then-retry", run: (*suite).timeoutThenRetry},
		{name: "connection-failure-then-retry", run: (*suite).connectionFailure},
		{name: "restart-between-attempts", run: (*suite).restart},
		{name: "crash-before-effect", run: func(s *suite) { s.crash(true) }},
		{name: "crash-after-effect", run: func(s *suite) { s.crash(false) }},
		{name: "missing-signature", run: (*suite).unsigned},
		{name: "empty-signature", run: forged(EmptySignature, "empty-signature-accepted")},
		{name: "malformed-signature", run: forged(MalformedSignature, "malformed-signature-accepted")},
		{name: "tampered-signature", run: (*suite).tampered},
		{name: "wrong-key", run: forged(WrongKey, "wrong-key-accepted")},
		{name: "altered-after-signing", run: forged(TamperedBody, "altered-body-accepted")},
		{name: "layout-altered-after-signing", run: forged(TamperedLayout, "signature-over-parsed-json")},
		{name: "malformed-body", run: (*suite).malformedBody},
		{name: "unsigned-malformed-body", run: (*suite).parsedBeforeVerify},
	}
}

// deliver delivers e by the schedule, and waits until its effect can have happened.
func (s *suite) deliver(e Event) []Attempt {
	attempts := s.provider.Deliver(s.ctx, e)
	s.settle()
	for _, a := range attempts {
		if a.Status == retry.NoAnswer && strings.Contains(fmt.Sprint(a.Err), "signing") {
			s.fail("sign-failed", a.Err.Error())
		}
	}
	return attempts
}

// once holds a delivered event to one effect; repeated names a second one.
func (s *suite) once(id string, attempts []Attempt, repeated string) {
	switch n := s.effects(id); {
	case n > 1:
		s.fail(repeated, fmt.Sprintf("one event had %d effects: %s", n, story(attempts)))
	case n == 0:
		s.fail("event-lost", "the event had no effect: "+story(attempts))
	}
	if last := final(attempts); last.Outcome != retry.Delivered {
		s.fail("valid-delivery-refused", "a genuine delivery was never acknowledged: "+story(attempts))
	}
}

// final returns the last attempt that is no further copy.
func final(attempts []Attempt) Attempt {
	for i := len(attempts) - 1; i >= 0; i-- {
		if !attempts[i].Duplicate {
			return attempts[i]
		}
	}
	return Attempt{}
}

// story tells what the attempts were answered, for a failure's text. Equal ones that follow one another are told once.
func story(attempts []Attempt) string {
	var lines []string
	var times []int
	for _, a := range attempts {
		line := fmt.Sprintf("attempt %d", a.Number)
		if a.Fault != 0 {
			line += fmt.Sprintf(" (%v)", a.Fault)
		}
		if a.Status == retry.NoAnswer {
			line += " got no answer"
		} else {
			line += fmt.Sprintf(" got %d", a.Status)
		}
		line += ": " + a.Outcome.String()
		if last := len(lines) - 1; last >= 0 && lines[last] == line {
			times[last]++
			continue
		}
		lines, times = append(lines, line), append(times, 1)
	}
	for i, n := range times {
		if n > 1 {
			lines[i] += fmt.Sprintf(", %d times", n)
		}
	}
	return strings.Join(lines, ", ")
}

func (s *suite) validDelivery() {
	e := s.event("valid")
	attempts := s.deliver(e)
	if s.unsafe[e.ID] {
		s.fail("acknowledged-before-commit", "the event was not durable when its acknowledgement arrived: "+story(attempts))
		return
	}
	s.once(e.ID, attempts, "no-idempotency-record")
	if s.called() == 0 && !s.failed() {
		s.fail("effect-hook-not-called", "the receiver does not call Instance.Effect, so nothing can be made to fail or crash")
	}
}

func (s *suite) unusualLayout() {
	e := s.event("layout")
	e.Body = relaid(e.Body)
	attempts := s.deliver(e)
	if final(attempts).Outcome == retry.Delivered && s.effects(e.ID) > 0 || !s.works() {
		return
	}
	s.fail("signature-over-parsed-json", "a genuine delivery with one more blank in its JSON was refused: "+story(attempts))
}

// works delivers one more event, so that a fault is not named after what a receiver does that refuses everything.
func (s *suite) works() bool {
	e := s.event("control")
	attempts := s.deliver(e)
	if final(attempts).Outcome == retry.Delivered && s.effects(e.ID) > 0 {
		return true
	}
	s.once(e.ID, attempts, "no-idempotency-record")
	return false
}

func (s *suite) sequentialDuplicates() {
	e := s.event("sequential")
	e.Faults, e.Copies = []Fault{Duplicate}, 3
	attempts := s.deliver(e)
	s.once(e.ID, attempts, "no-idempotency-record")
	for _, a := range attempts {
		if a.Duplicate && a.Outcome != retry.Delivered && final(attempts).Outcome == retry.Delivered {
			s.fail("duplicate-not-acknowledged", story(attempts))
		}
	}
}

func (s *suite) concurrentDuplicates() {
	e := s.event("concurrent")
	e.Faults, e.Copies = []Fault{ConcurrentDuplicate}, 8
	attempts := s.deliver(e)
	for _, a := range attempts {
		if a.Outcome == retry.Final && s.effects(e.ID) > 0 {
			s.fail("duplicate-answered-final", "this provider gives up after such an answer: "+story(attempts))
		}
	}
	n := s.effects(e.ID)
	if n == 1 && s.failed() {
		return // which of the copies the provider goes by is chance
	}
	if n > 1 {
		e.Faults = nil
		s.deliver(e)
		if s.effects(e.ID) > n {
			s.fail("no-idempotency-record", fmt.Sprintf("copies at once had %d effects, and one more copy another", n))
			return
		}
	}
	s.once(e.ID, attempts, "check-then-insert-race")
}

func (s *suite) failureThenRetry() {
	e := s.event("failure")
	s.plan(plan{fail: true})
	attempts := s.deliver(e)
	if s.Accepted != nil { // it works later, and repeats on its own
		s.once(e.ID, attempts, "no-idempotency-record")
		return
	}
	if s.planned() {
		s.once(e.ID, attempts, "no-idempotency-record") // it did not get as far as the effect
		return
	}
	switch attempts[0].Outcome {
	case retry.Delivered:
		if s.effects(e.ID) == 0 {
			s.fail("failure-acknowledged", "the effect failed and the event does not come again: "+story(attempts))
		}
		return
	case retry.Final, retry.Unknown:
		s.fail("failure-answered-final", "the effect failed and this provider does not come again: "+story(attempts))
		return
	}
	if s.effects(e.ID) == 0 && final(attempts).Outcome == retry.Delivered {
		s.fail("id-burned-before-handler", "the effect failed, and its retry was acknowledged without one: "+story(attempts))
		return
	}
	s.once(e.ID, attempts, "no-idempotency-record")
}

func (s *suite) timeoutThenRetry() {
	e := s.event("timeout")
	e.Faults = []Fault{Timeout}
	s.once(e.ID, s.deliver(e), "no-idempotency-record")
}

func (s *suite) connectionFailure() {
	for _, f := range []Fault{ResetBefore, ResetAfter} {
		e := s.event("connection-" + f.String())
		e.Faults = []Fault{f}
		s.once(e.ID, s.deliver(e), "no-idempotency-record")
	}
}

func (s *suite) restart() {
	e := s.event("restart")
	e.Faults = []Fault{ResetAfter, Restart}
	attempts := s.deliver(e)
	repeated := "dedupe-not-durable"
	if n := s.effects(e.ID); n > 1 {
		e.Faults = nil
		if s.deliver(e); s.effects(e.ID) > n {
			repeated = "no-idempotency-record" // it repeats effects without a restart, too
		}
	}
	s.once(e.ID, attempts, repeated)
}

// crash ends the process at an effect, before or after it.
func (s *suite) crash(before bool) {
	s.plan(plan{crashBefore: before, crashAfter: !before})
	over := make(chan struct{})
	var restarts sync.WaitGroup
	restarts.Go(func() {
		select {
		case <-s.crashed:
			s.provider.Restart()
		case <-over:
		}
	})
	e := s.event("crash")
	attempts := s.deliver(e)
	close(over)
	restarts.Wait()

	n := s.effects(e.ID)
	accepted := s.Accepted != nil && s.Accepted(e.ID)
	switch last := final(attempts); {
	case n == 0:
		s.fail("event-lost", "the process ended, and the event had no effect after it was back: "+story(attempts))
	case last.Outcome != retry.Delivered && !accepted:
		s.fail("blocked-after-crash", "the process ended, and was back, but no attempt was acknowledged: "+story(attempts))
	case n > 1 && (before || s.ExactlyOnce):
		s.fail("effect-after-crash-twice", fmt.Sprintf("%d effects: %s", n, story(attempts)))
	}
}
