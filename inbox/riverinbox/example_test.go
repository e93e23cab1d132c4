package riverinbox_test

import (
	"context"
	"fmt"
	"log"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/inbox/riverinbox"
)

// The receiving side. The pool connects when it is used.
func ExampleNew() {
	pool, err := pgxpool.New(context.Background(), "postgres://127.0.0.1:1/none") // os.Getenv("DATABASE_URL")
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{})
	if err != nil {
		log.Fatal(err)
	}
	queue, err := riverinbox.New(pool, client, riverinbox.Config{})
	if err != nil {
		log.Fatal(err)
	}
	_, err = inbox.NewHandler(queue, "truv/prod", truv.EventID, inbox.Config{Policy: truv.RetryPolicy()})
	fmt.Println(err)
	// Output: <nil>
}

// The working side: one worker of River's, which runs the function once for each event.
func ExampleNewWorker() {
	worker, err := inbox.NewWorker(idempotency.NewMemory(idempotency.MemoryConfig{}), // sqlstore in a service
		func(context.Context, *truhook.Verified) error { return nil }, idempotency.Config{})
	if err != nil {
		log.Fatal(err)
	}
	workers := river.NewWorkers()
	err = river.AddWorkerSafely(workers, riverinbox.NewWorker(worker))
	cfg := &river.Config{Workers: workers, CancelledJobRetentionPeriod: -1, DiscardedJobRetentionPeriod: -1} // the dead are kept
	fmt.Println(err, cfg.Workers != nil)
	// Output: <nil> true
}
