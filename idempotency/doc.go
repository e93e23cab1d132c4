// Package idempotency lets a handler handle every event of a webhook provider once, in order if it wants, and loses
// none.
//
// Providers deliver again, deliver twice at the same time and out of order, and give up; a handler fails, panics, or
// its process dies. A set of the ids that were seen, the usual remedy, loses the event in three of these cases: the id
// is in the set and the event was not handled. So an event is claimed here under a lease, and the claim ends in one of
// two ways: it is completed when the handler has returned nil, and released when it has not. A process that dies leaves
// a lease that runs out, and the next delivery takes over.
//
//	once, err := idempotency.NewMiddleware(store, "truv/prod", truv.EventID, idempotency.Config{
//		Policy:  truv.RetryPolicy(),
//		Version: truv.EventVersion,
//	})
//	...
//	mux.Handle("POST /webhooks/truv", verify.Wrap(once.Handle(func(ctx context.Context, v *truhook.Verified) error {
//		return store(ctx, v.Payload) // nil: done. An error: comes again. retry.Permanent(err): does not
//	})))
//
// [Middleware.Handle] is the form to recommend, [Middleware.Do] is for everything that is no net/http handler or that
// answers behind its handler's back, and [Middleware.Wrap] is for a handler that exists already. A store is [Memory],
// package redisstore or package sqlstore, or your own that passes package storetest.
//
// # What is promised
//
// An event whose handler has returned nil is not handled again while its record is kept, and an event whose handler has
// not is handled again if the provider delivers it again. At no time do two handlers that both hold a lease work on one
// event.
//
// This is not exactly once. A handler that goes on after its lease was lost (its context says so, with [ErrLeaseLost]
// as the cause) or its time is over ([ErrHandlerTimeout]), and a process that dies between the effect and the
// completion, have an effect that the next attempt repeats. [Claim.Attempt] is larger than 1 in each of these cases,
// and it only grows: a resource that stores it and refuses a smaller one is safe. So is one that shares the store's
// database and transaction: see package sqlstore. For the API of somebody else there is [Claim.IdempotencyKey].
//
// No event comes back that the provider does not deliver again. Truval has ended after about four seconds: what must
// not be lost when the store is away for longer needs Config.HandleUndeduped, or belongs behind package inbox, and so
// does a handler that is usually slow. A handler that hangs keeps its event for Config.HandlerTimeout, not for ever.
//
// A captured delivery that is sent again is a duplicate while its record is kept. After that it is told by its age
// ([TooOld]) where Config.Version gives its time: the handler is not called, and Config.DeadLetter has it. Where
// nothing gives its time it is new: no HMAC scheme of this module signs a time.
//
// No event is acknowledged unless somebody has it: its handler, Config.DeadLetter, or the queue behind package inbox.
// The exceptions are duplicates of such an event, and Config.SkipStale, which is yours to set.
package idempotency
