// Package sqliteinbox is an inbox for package inbox in a table of SQLite (3.35 or later), with a loop that handles what
// is in it. It uses database/sql and whichever driver you use, and imports none itself. Take it where no queue runs
// yet: it needs nothing but a file.
//
//	db, err := sql.Open("sqlite", "file:inbox.db?_txlock=immediate&_pragma=busy_timeout(1000)"+
//		"&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)") // modernc.org/sqlite
//	db.SetMaxOpenConns(1)
//	_, err = db.Exec(sqliteinbox.Schema()) // or put it into a migration
//	queue, err := sqliteinbox.New(db, sqliteinbox.Config{})
//	accept, err := inbox.NewHandler(queue, "truv/prod", truv.EventID, inbox.Config{Policy: truv.RetryPolicy()})
//	mux.Handle("POST /webhooks/truv", verify.Wrap(accept))
//	err = queue.Run(ctx, handle) // func(ctx context.Context, v *truhook.Verified) error
//
// # What is promised
//
// A row is the queue's entry, the memory of what was accepted, and the lease of the worker. One commit makes all of
// them, so there is no window between dedupe and queue: a delivery that was answered 200 is in the table, once, for as
// long as Config.Retention. With synchronous=FULL a crash of the process or the machine loses nothing. [Queue.Audit]
// looks at the settings.
//
// An event is handled at least once. A function that returns an error, panics or exceeds Config.HandlerTimeout is
// called again after a back-off. The event of a process that died is handled again when its lease is over;
// idempotency.Claim.Attempt says that it is not the first time. After Config.MaxAttempts, or an error marked by
// retry.Permanent, the event is dead: its row stays, and [Queue.Dead] lists it. [Queue.Replay] brings it back, and so
// does another delivery of the event. A function that writes to the same database can have exactly one effect:
// [Queue.Complete] in its own transaction.
//
// Deliveries that come at the same time share a commit, and so do the functions that end while a commit is under way. A
// row that the database refuses fails alone. What is over is deleted by a loop of its own, a few rows at a time, and
// what cannot be deleted is reported. The counts of [Queue.Stats] are kept by triggers.
//
// Events start about in the order in which they came, several at once. There are no priorities, no schedules and no
// topics: for these take a queue that has them.
//
// Payloads are in the table in the clear, until the event is done; then the row keeps its key only. A dead row keeps
// the payload, and the text of the last error.
package sqliteinbox
