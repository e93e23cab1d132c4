package idempotency

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// An Outcome says what became of a delivery, or what happened on the way. It is one of a closed list, reads
// lower-case-with-dashes, and serves as a log field and as a metric label.
type Outcome string

// What a [Result] says. Each call of Do, Handle and Wrap reports exactly one of these, and one more when a handler that
// was [Late] has ended. A panic ends the call without one.
const (
	// Handled: the handler returned nil. 200.
	Handled Outcome = "handled"

	// Duplicate: it was handled before; the handler was not called. 200.
	Duplicate Outcome = "duplicate"

	// DeadLettered: the handler returned an error marked by retry.Permanent, or the attempts are over, and
	// Config.DeadLetter has it. 200: another delivery could change nothing, and some providers switch off an endpoint
	// that keeps failing.
	DeadLettered Outcome = "dead-lettered"

	// Stale: a later event of the same resource was there first, and Config.SkipStale is set; the handler was not
	// called. 200.
	Stale Outcome = "stale"

	// TooOld: the event is older than what the store remembers, so nobody can tell whether it was handled; the handler
	// was not called and the store not asked. 200: it is a replay, or a delivery by hand after the retention, and a
	// refusal would make the provider send it again and count against the endpoint. Handle it by hand if it was the
	// latter.
	TooOld Outcome = "too-old"

	// Failed: the handler returned an error; the event was given back. 503.
	Failed Outcome = "failed"

	// InFlight: another delivery of the event is being handled, and was not done after a bounded wait. 503 and
	// Retry-After.
	InFlight Outcome = "in-flight"

	// Late: the handler is still running shortly before the provider's limit. It goes on. 503 and Retry-After.
	Late Outcome = "late"

	// Unavailable: the store could not be asked, or is full, and there is no Config.Fallback; or the context had ended
	// before there was a claim. The handler was not called. 503.
	Unavailable Outcome = "unavailable"

	// NotVerified: no middleware verified the request; the order of the wraps is wrong. The handler was not called. 500.
	NotVerified Outcome = "not-verified"

	// BadKey: the KeyFunc returned an error, or an id that holds a NUL. The handler was not called. 500.
	BadKey Outcome = "bad-key"
)

// What an [Observation] may say besides.
const (
	// NotDeduped: the KeyFunc returned no id; the handler is called without a claim.
	NotDeduped Outcome = "not-deduped"

	// Mismatch: a delivery of the same key has another fingerprint. It is treated like any other of that key.
	Mismatch Outcome = "mismatch"

	// OutOfOrder: the event is older than another of its resource; the handler is called and told so.
	OutOfOrder Outcome = "out-of-order"

	// FutureVersion: the event's time is more than five minutes ahead of our clock; it does not move the gate.
	FutureVersion Outcome = "future-version"

	// VersionFailed: Config.Version returned an error; the order is unknown.
	VersionFailed Outcome = "version-failed"

	// LeaseLost: somebody took over, or the lease ran out while the store could not be reached; the handler's context
	// is cancelled.
	LeaseLost Outcome = "lease-lost"

	// Fenced: the handler succeeded, but somebody had taken over: a second effect is likely. Answered 200.
	Fenced Outcome = "fenced"

	// CompleteFailed: the handler succeeded and the store could not be told before the lease was over. Answered 200, as
	// anything else would ask for the duplicate.
	CompleteFailed Outcome = "complete-failed"

	// StoreError: a call to the store failed for good.
	StoreError Outcome = "store-error"

	// FellBack: the event was claimed in Config.Fallback.
	FellBack Outcome = "fell-back"

	// WaiterOverflow: 64 deliveries wait for a twin already; this one does not.
	WaiterOverflow Outcome = "waiter-overflow"

	// LateOverflow: 64 late handlers run already; this one is waited for, whatever the provider does.
	LateOverflow Outcome = "late-overflow"

	// Panicked: the handler panicked or called runtime.Goexit; the event was given back and the panic goes on.
	Panicked Outcome = "panicked"

	// LatePanicked: the same after the provider was answered; the panic ends here.
	LatePanicked Outcome = "late-panicked"

	// DeadLetterFailed: Config.DeadLetter returned an error; the event was given back and is asked for again.
	DeadLetterFailed Outcome = "dead-letter-failed"
)

// An Observation is what Config.Observe is told. It holds no payload and no token. Key holds the provider's id of the event;
// Err may hold the text of your handler's error.
type Observation struct {
	Outcome Outcome
	Key     Key    // zero where there was none
	Attempt uint32 // 0: not claimed
	Order   Order
	Err     error // nil where there is nothing to say; a [PanicError] after a panic whose value is known

	// Fingerprint is that of this delivery and Stored that of the first; with Mismatch only.
	Fingerprint, Stored Fingerprint
}

// A Result is what became of a delivery and how to answer it. The zero Result is answered 500.
type Result struct {
	Outcome Outcome

	// Status is the HTTP status by which the provider understands the outcome: that of Config.Policy, where it
	// publishes one, else 200 or 503; or 500. For the providers of package retry it is never a 3xx or a 4xx.
	Status int

	// RetryAfter is when to come again; zero: nothing is known. No provider of this module promises to honour it.
	RetryAfter time.Duration
}

// Respond answers w: Retry-After in whole seconds if there is one, the status, and its text where it is no success.
func (r Result) Respond(w http.ResponseWriter) {
	if r.Status < 200 || r.Status > 599 {
		r.Status = http.StatusInternalServerError
	}
	if r.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(int64((r.RetryAfter+time.Second-1)/time.Second), 10))
	}
	if r.Status < 300 {
		w.WriteHeader(r.Status)
		return
	}
	http.Error(w, http.StatusText(r.Status), r.Status)
}

// observe reports an event. A hook that panics must not make an event of ours fail.
func (m *Middleware) observe(ctx context.Context, o Observation) {
	if m.cfg.Observe == nil {
		return
	}
	defer func() { _ = recover() }()
	m.cfg.Observe(ctx, o)
}

func (m *Middleware) result(o Outcome, after time.Duration) Result {
	switch o {
	case Handled, Duplicate, DeadLettered, Stale, TooOld:
		return Result{Outcome: o, Status: m.delivered}
	case Failed, InFlight, Late, Unavailable:
		return Result{Outcome: o, Status: m.retried, RetryAfter: after}
	}
	return Result{Outcome: o, Status: http.StatusInternalServerError}
}
