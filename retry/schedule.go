package retry

import (
	"iter"
	"time"
)

// A Delay is the wait between the end of one attempt and the begin of the next: at least Base and at most Base+Jitter.
type Delay struct {
	Base, Jitter time.Duration
}

// Max returns Base+Jitter.
func (d Delay) Max() time.Duration { return d.Base + d.Jitter }

// An Attempt is one entry of a provider's schedule.
type Attempt struct {
	Number int   // 1 is the first
	Wait   Delay // before this attempt, after the end of the one before; zero for the first

	// Earliest and Latest bound when the attempt begins, counted from the begin of the first: every attempt before it
	// failed at once and every wait was the shortest, or every one took the AckLimit and every wait was the longest.
	// Where the AckLimit is not published, Latest counts no time for the attempts.
	Earliest, Latest time.Duration
}

// Schedule returns the automatic attempts in order, as they follow each other while none succeeds. Where Attempts is
// not published it is the first one alone: the safe reading, as nobody may count on another.
func (p Policy) Schedule() iter.Seq[Attempt] {
	return func(yield func(Attempt) bool) {
		a := Attempt{Number: 1}
		for yield(a) && a.Number < p.Attempts {
			a.Wait = p.wait(a.Number)
			a.Earliest += a.Wait.Base
			a.Latest += p.AckLimit + a.Wait.Max()
			a.Number++
		}
	}
}

// wait returns the delay after attempt n.
func (p Policy) wait(n int) Delay {
	if len(p.Delays) == 0 {
		return Delay{}
	}
	return p.Delays[min(n, len(p.Delays))-1]
}

// Window returns the shortest and the longest time from the begin of the first automatic attempt to the begin of the
// last one: 90 s and 120 s for Truv. A receiver that is away for longer than the shortest may lose an event, so a lease
// on an event must be shorter. Both are zero where the attempts are not published. The bounds of [Attempt] apply.
func (p Policy) Window() (shortest, longest time.Duration) {
	for a := range p.Schedule() {
		shortest, longest = a.Earliest, a.Latest
	}
	return shortest, longest
}

// Horizon returns how long after the begin of the first attempt the provider may still deliver the event. It is zero if
// the provider publishes nothing about that.
//
// It counts the longest automatic window and the AckLimit of the last attempt. Where events can be delivered again by
// hand it adds ByHand, counted from the end of that, and the automatic window once more, as what was begun by hand on
// the last day may be repeated like the first delivery. The horizon says when an honest provider has finished; a
// captured delivery can be replayed for as long as its secret lives.
func (p Policy) Horizon() time.Duration {
	_, longest := p.Window()
	automatic := longest + p.AckLimit
	if p.ByHand == 0 {
		return automatic
	}
	return automatic + p.ByHand + automatic
}
