// Package retry describes, as data, how a webhook provider delivers again, and which response makes it do what the
// receiver wants.
//
// One HTTP status means different things to different senders. Truval takes every 4xx as final: a receiver that
// responds 409 or 429 to a delivery it could not take has lost the event. Truv delivers again after every status that
// is no success, even after a 401, and counts a redirect as accepted. So a handler should not choose a status. It
// should say what happened: nil, an error (the event should come again), or [Permanent] of one (it should not).
// Package idempotency takes such handlers and responds by the Policy.
//
// A provider's package has its policy, for example truv.RetryPolicy. [Policy.Sources] quotes the sentence behind every
// number. A provider that publishes nothing has the policy of [Unpublished], which invents nothing. A policy for a
// provider of your own is a [Policy] literal.
//
// What a provider writes is not a promise that it keeps: treat every delivery as if it may be the last, and as if it
// may come again. The package imports the standard library only, starts nothing and keeps no state.
package retry
