package retry

import "fmt"

// An Outcome is what a provider makes of one attempt to deliver. The zero Outcome is Unknown.
type Outcome uint8

// The four outcomes.
const (
	Unknown   Outcome = iota // the provider does not say
	Delivered                // taken as a success: the event does not come again
	Retried                  // taken as a failure: the event comes again, if attempts remain
	Final                    // taken as a failure, and the event does not come again: it is lost
)

// String returns "unknown", "delivered", "retried" or "final".
func (o Outcome) String() string {
	switch o {
	case Unknown:
		return "unknown"
	case Delivered:
		return "delivered"
	case Retried:
		return "retried"
	case Final:
		return "final"
	}
	return fmt.Sprintf("outcome(%d)", uint8(o))
}

// NoAnswer stands in a [Rule], and for [Policy.Outcome], where an attempt brought no status at all: no connection, a
// reset, or no response within the limit.
const NoAnswer = 0

// A Rule says what the provider makes of every status from From to To, both included. From and To of [NoAnswer] (0)
// speak of attempts without a response.
type Rule struct {
	From, To int
	Outcome  Outcome
}
