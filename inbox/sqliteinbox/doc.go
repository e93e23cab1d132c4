// Package sqliteinbox is an inbox for package inbox in a table of SQLite (3.35 or later), with
// a loop that handles what is in it. It uses database/sql and whichever driver you use, and imports none itself. It is
// the one to take where no queue runs yet: with SQLite it needs nothing but a file.
//
//	db, err := sql.Open("sqlite", "file:inbox.db?_txlock=immediate&_pragma=journal_mode(WAL)"+
//		"&_pragma=synchronous(FULL)&_pragma=busy_timeout(1000)") // modernc.org/sqlite
//	...
//	queue, err := sqliteinbox.New(db, sqliteinbox.Config{})
//	...
//	accept, err := inbox.NewHandler(queue, "truv/prod", truv.EventID, inbox.Config{Policy: truv.RetryPolicy()})
//	...
//	mux.Handle("POST /webhooks/truv", verify.Wrap(accept))
//	err = queue.Run(ctx, handle) // func(ctx context.Context, v *truhook.Verified) error
//
// The tables are yours to create: put [Schema] into a migration.
//
// # What is promised
//
// A row is the queue's entry, the memory of what was accepted, and the lease of the worker. One commit makes all of
// them, so there is no window between dedupe and queue: a delivery that was answered 200 is in the table, once, for as
// long as Config.Retention. SQLite with synchronous=FULL loses
// nothing in a crash of the process or the machine; [Queue.Audit] looks at these settings.
//
// An event is handled at least once. A function that returns an error, or panics, is called again after a back-off; one
// whose process dies, when the lease is over; idempotency.Claim.Attempt says that it is not the first time. After
// Config.MaxAttempts, or an error marked by retry.Permanent, the event is dead: its row stays until [Queue.Replay], and
// [Queue.Dead] lists it. A function that writes to the same database can have exactly one effect: [Queue.Complete] in
// its own transaction.
//
// Events start about in the order in which they came, several at once. There are no priorities, no schedules and no
// topics: for these take a queue that has them.
//
// Payloads are in the table in the clear, until the event is done; then the row keeps its key only. A dead row keeps
// the payload, and the text of the last error.
package sqliteinbox
