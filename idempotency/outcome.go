package idempotency

// An Outcome says what became of a delivery, or what happened on the way. It is one of a closed list, reads
// lower-case-with-dashes, and serves as a log field and as a metric label.
type Outcome string

// What a [Result] says. Each call of Do, Handle and Wrap reports exactly one of these, and one more when a handler that
// was [Late] or [TimedOut] has ended. A panic ends the call without one.
const (
	// Handled: the handler returned nil. 200.
	Handled Outcome = "handled"

	// Duplicate: it was handled, or handed over, before; the handler was not called. 200.
	Duplicate Outcome = "duplicate"

	// DeadLettered: the handler returned an error marked by retry.Permanent, and Config.DeadLetter has the event. 200:
	// another delivery could change nothing, and some providers switch off an endpoint that keeps failing.
	DeadLettered Outcome = "dead-lettered"

	// Stale: a later event of the same resource was there first, and Config.SkipStale is set; the handler was not
	// called. 200.
	Stale Outcome = "stale"

	// TooOld: the event is older than what the store remembers, so nobody can tell whether it was handled: it is a
	// replay, a delivery by hand after the retention, or our clock is wrong. The handler was not called. It is claimed
	// and handed to Config.DeadLetter, once a retention however often it comes: 200. Without a DeadLetter, 503. Package
	// inbox reports it for what it enqueues nevertheless.
	TooOld Outcome = "too-old"

	// Failed: the handler returned an error; the event was given back. 503. So is one whose error is marked by
	// retry.Permanent where there is no Config.DeadLetter.
	Failed Outcome = "failed"

	// InFlight: another delivery of the event is being handled and was not done after a bounded wait, or has just
	// failed while this one waited. 503 and Retry-After.
	InFlight Outcome = "in-flight"

	// Late: the handler is still running shortly before the provider's limit. It goes on. 503 and Retry-After.
	Late Outcome = "late"

	// TimedOut: the handler's time is over (Config.HandlerTimeout); its context has ended. It is reported at that
	// moment, and a handler that ends within a second is answered by what it returned. One that does not goes on
	// without its caller: 503 and Retry-After. Under Wrap the caller waits.
	TimedOut Outcome = "timed-out"

	// Unavailable: the store could not be asked, or is full, and Config.HandleUndeduped is not set. The handler was not
	// called. 503.
	Unavailable Outcome = "unavailable"

	// NotVerified: no middleware verified the request; the order of the wraps is wrong. The handler was not called.
	// 500.
	NotVerified Outcome = "not-verified"

	// BadKey: the KeyFunc returned an error or panicked. The handler was not called. 500.
	BadKey Outcome = "bad-key"
)

// What an [Observation] may say besides.
const (
	// NotDeduped: the handler is called without a claim, as the KeyFunc returned no id, or as the store could not be
	// asked (Err says why) and Config.HandleUndeduped is set.
	NotDeduped Outcome = "not-deduped"

	// Unidentified: the provider's EventID found no id and has taken the digest of the body. The provider has changed
	// what it sends: redeliveries that differ in a byte are handled again.
	Unidentified Outcome = "unidentified"

	// Mismatch: a delivery of the same key has another fingerprint. It is treated like any other of that key.
	Mismatch Outcome = "mismatch"

	// OutOfOrder: the event is older than another of its resource; the handler is called and told so.
	OutOfOrder Outcome = "out-of-order"

	// FutureVersion: the event's time is more than five minutes ahead of our clock; it does not count for the order.
	FutureVersion Outcome = "future-version"

	// VersionFailed: Config.Version returned an error, panicked, or told a time that no event can have (before 2015, or
	// after 9999); the order is unknown, and the event is not too old.
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

	// WaiterOverflow: 64 deliveries wait for another one of their events already; this one does not.
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

// acknowledged reports whether an outcome is answered 200 for itself. DeadLettered and TooOld are where somebody has
// the event.
func (o Outcome) acknowledged() bool { return o == Handled || o == Duplicate || o == Stale }
