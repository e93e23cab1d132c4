// Package truhooktest tests a service that receives webhooks: it signs as the providers sign, delivers as they deliver,
// and holds a receiver to what a receiver must do.
//
// A [Signer] makes a request that a provider would have sent; [HMAC] makes one of every scheme of package hmacsig.
// [NewRequest] is the short way to a signed request for a handler's own test.
//
// A [Provider] delivers events to an http.Handler over a connection in memory, with net/http's own server and client at
// its ends, so that resets, time limits and closed connections are real. It follows a [retry.Policy]: what it makes of
// an answer, when it comes again, how often. Faults are data, one [Fault] an attempt. Inside a testing/synctest bubble
// time is virtual, and a month of redelivery takes milliseconds. [Bubble] makes one whose clock begins today:
//
//	truhooktest.Bubble(t, func(t *testing.T) {
//		p := truhooktest.NewProvider(truv.RetryPolicy(), truhooktest.HMAC(truv.Scheme(), key), handler, truhooktest.Config{})
//		defer p.Close()
//		faults := []truhooktest.Fault{truhooktest.Timeout} // of the first attempt; the second goes well
//		attempts := p.Deliver(t.Context(), truhooktest.Event{ID: "1", Body: body, Faults: faults})
//		...
//	})
//
// [TestReceiver] runs a conformance suite on your own handler: duplicates one after the other, at once and late, lost
// answers, failures, panics, slow effects, an outage of the store, restarts, a crash, forgeries, similar ids,
// redeliveries with other bytes, versions in and out of order, and logs that hold what they should not. Each scenario
// is a subtest, and a failure begins with a fixed name for what is wrong, such as "acknowledged-before-commit".
//
// The suite shows the presence of these faults, never the absence of others. What it does not do: it cannot kill a
// process, so a crash is a handler that never comes back and an [Instance] that says so; and it sees only what the
// receiver writes to the log it was given.
//
// The package imports package testing and is meant for test binaries.
package truhooktest
