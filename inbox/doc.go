// Package inbox accepts a verified delivery durably, answers 200, and leaves the work to a queue.
//
// A provider waits a few seconds and comes back a few times; a handler that is slow, or whose database is away, loses
// events that the provider has given up on. So the delivery is put into a queue that survives a crash, the provider is
// answered, and a worker handles the event. The queue is one that you run already, or a table:
//
//	queue, err := sqliteinbox.New(db, sqliteinbox.Config{})
//	accept, err := inbox.NewHandler(queue, "truv/prod", truv.EventID, inbox.Config{
//		Policy:  truv.RetryPolicy(),
//		Version: truv.EventVersion,
//	})
//	mux.Handle("POST /webhooks/truv", verify.Wrap(accept))
//	go queue.Run(ctx, func(ctx context.Context, v *truhook.Verified) error {
//		return store(ctx, v.Payload) // an error: again later. retry.Permanent(err): to the dead
//	})
//
// The function is the one that idempotency.Middleware.Handle takes, so a handler that has become slow moves behind an
// inbox without a change. An [Enqueuer] is package sqliteinbox, riverinbox, asynqinbox or watermillinbox, or yours.
// Where the queue is not sqliteinbox, a [Worker] stands between the queue and the function.
//
// # What is promised
//
// A delivery is answered 200 only after [Enqueuer.Enqueue] has returned nil: the event is then as safe as the queue is,
// and no safer. In every other case the answer is 503 (or 500 where the wiring is wrong) and the provider comes again.
// What was not verified is never enqueued. Neither the age of an event, nor its time, nor what a header holds keeps it
// out of the queue.
//
// An event that was accepted is handled at least once, for as long as the queue keeps it, and once where nothing
// fails. The worker runs it through the state machine of package idempotency: no two handlers that hold a lease work on
// one event, an event whose handler returned nil is not handled again, and idempotency.Claim.Attempt is larger than 1
// wherever an earlier attempt may have had an effect. A function has the time of idempotency.Config.HandlerTimeout. The
// page docs/inbox.md has a table of what each queue keeps after a crash, a failover and the loss of a disk.
//
// The message holds the payload and the inner content in the clear, as a worker has no private key: protect the queue
// as you would the database that the events end up in.
package inbox
