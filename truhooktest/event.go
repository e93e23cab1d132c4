package truhooktest

import (
	"net/http"
	"strings"
	"time"
)

// An Event is what a [Provider] delivers, in one or more attempts.
type Event struct {
	// ID is the event's identity, by which [Attempt] names it. Schemes that sign an id sign this one.
	ID string

	// Body is the payload, before a scheme that encrypts has encrypted it.
	Body []byte

	// BodyAt returns the payload of an attempt, the first of which is 1, for a provider whose redeliveries differ, as by a
	// counter in the payload. Nil: Body each time.
	BodyAt func(attempt int) []byte

	// Path is the path and the query to deliver to. Empty: Config.Path. A remote provider ignores it.
	Path string

	// Header has further headers. Content-Type is application/json unless it stands here.
	Header http.Header

	// Delay is how long the first attempt waits, so that events of one DeliverAll can overtake each other.
	Delay time.Duration

	// At is the instant at which [NewRequest] signs the event and the receiver judges it (see truhook.WithReceived). Zero:
	// now. A [Provider] ignores it, as its time is that of the bubble.
	At time.Time

	// Faults has what goes wrong: Faults[0] at the first attempt. Attempts beyond its end go well.
	Faults []Fault

	// Copies is how many requests an attempt with Duplicate or ConcurrentDuplicate sends in all. Zero means 2.
	Copies int

	signer Signer // nil: the Provider's
	method string // empty: POST
	where  place  // of what TamperedSignature changes
}

// at returns e as it is at an attempt.
func (e Event) at(attempt int) Event {
	if e.BodyAt != nil {
		e.Body = e.BodyAt(attempt)
	}
	return e
}

func (e Event) fault(attempt int) Fault {
	if attempt > len(e.Faults) {
		return 0
	}
	return e.Faults[attempt-1]
}

func (e Event) copies(f Fault) int {
	if f&(Duplicate|ConcurrentDuplicate) == 0 {
		return 1
	}
	return max(2, e.Copies)
}

// A Fault is what goes wrong at one attempt, or several of it combined by "|". The zero Fault is none.
type Fault uint16

// The faults.
const (
	Duplicate           Fault = 1 << iota // the same request again, once the one before was answered
	ConcurrentDuplicate                   // the same request several times at once
	Timeout                               // the handler answers, but the answer does not arrive within the limit
	ResetBefore                           // the connection is reset before the request reaches the handler
	ResetAfter                            // the connection is reset after the handler, in place of its answer
	Restart                               // the receiver is restarted before the attempt; connections are cut
	Unsigned                              // nothing that the Signer set is sent
	MalformedSignature                    // each signature that the Signer set is cut in half
	TamperedSignature                     // one character of each signature that the Signer set is another
	WrongKey                              // signed by Config.WrongKey
	TamperedBody                          // one bit of the body is changed after signing
	TamperedLayout                        // one blank is put into a JSON body after signing, which means the same
	Stale                                 // signed Config.StaleBy before it is sent
	EmptySignature                        // the signature is cut out of what the Signer set; what stands around it stays
)

// String returns the names of the faults in f, such as "duplicate|timeout", or "none".
func (f Fault) String() string {
	names := []string{
		"duplicate", "concurrent-duplicate", "timeout", "reset-before", "reset-after", "restart", "unsigned",
		"malformed-signature", "tampered-signature", "wrong-key", "tampered-body", "tampered-layout", "stale",
		"empty-signature",
	}
	var in []string
	for i, name := range names {
		if f&(1<<i) != 0 {
			in = append(in, name)
		}
	}
	if len(in) == 0 {
		return "none"
	}
	return strings.Join(in, "|")
}
