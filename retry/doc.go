// Package retry describes, as data, how a webhook provider delivers again, and answers a delivery so that the provider
// does what you want.
//
// One HTTP status means different things to different senders. To Truval every 4xx is final: a receiver that answers
// 409 or 429 to a delivery it could not take has lost the event. Truv delivers again after every status that is no
// success, even after a 401, and counts a redirect as accepted. So a handler should not choose a status, it should say
// what happened:
//
//	http.Handle("POST /webhooks/truv", retry.Guard(retry.Truv(), handle, toDeadLetters))
//
// where handle returns nil, an error (the event should come again), or [Permanent] of one (it should not).
//
// [Truv] and [Truval] hold what these two publish, and [Policy.Sources] quotes the sentence behind every number.
// [Trulioo] and [TransUnion] publish nothing about redelivery in the pages this package was written from; their
// policies say so and invent nothing. A policy for a provider of your own is a [Policy] literal.
//
// What a provider writes is not a promise that it keeps: treat every delivery as if it may be the last, and as if it
// may come again. The package imports the standard library only, starts nothing and keeps no state.
package retry
