// River is a receiver of Truv's webhooks with PostgreSQL: deliveries become jobs of River, in the transaction that
// claims them, and what was handled is remembered in the same database.
//
//	DATABASE_URL=postgres://localhost/hooks go run ./river
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/idempotency/sqlstore"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/inbox/riverinbox"
	"github.com/truhook/truhook/retry"
)

var addr = flag.String("addr", "127.0.0.1:0", "address to listen on")

func main() {
	flag.Parse()
	start(run)
}

func run(ctx context.Context, out io.Writer) error {
	url := os.Getenv("DATABASE_URL")
	if url == "" {
		return errors.New("DATABASE_URL is not set: for example postgres://localhost/hooks")
	}
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := migrate(ctx, pool); err != nil {
		return err
	}

	db := stdlib.OpenDBFromPool(pool) // for sqlstore, which uses database/sql
	defer db.Close()
	store, err := sqlstore.NewPostgres(db, sqlstore.Config{})
	if err != nil {
		return err
	}
	worker, err := inbox.NewWorker(store, handler(out), idempotency.Config{Policy: truv.RetryPolicy()})
	if err != nil {
		return err
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, riverinbox.NewWorker(worker))
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 8}}, Workers: workers,
		JobTimeout: time.Minute, RescueStuckJobsAfter: 2 * time.Minute, // when a process has died
		CancelledJobRetentionPeriod: -1, DiscardedJobRetentionPeriod: -1, // a later delivery wakes them, while they are there
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		return err
	}
	queue, err := riverinbox.New(pool, client, riverinbox.Config{})
	if err != nil {
		return err
	}
	for _, f := range queue.Audit(ctx) {
		fmt.Fprintln(out, f)
	}
	verifier, err := truv.New(secret)
	if err != nil {
		return err
	}
	accept, err := inbox.NewHandler(queue, "truv/sandbox", truv.EventID, inbox.Config{Policy: truv.RetryPolicy(), Version: truv.EventVersion})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/truv", truhook.NewMiddleware(verifier, truhook.Config{}).Wrap(accept))

	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	err = serve(ctx, *addr, mux, out)
	end, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(err, client.Stop(end)) // after the last request
}

// migrate makes the tables; a service has them in its own migrations.
func migrate(ctx context.Context, pool *pgxpool.Pool) error {
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	_, err = pool.Exec(ctx, sqlstore.PostgresSchema())
	return err
}

// handler returns what is to be done for each event. An attempt above 1 may be a repetition: pass IdempotencyKey on to
// the APIs that it calls.
func handler(out io.Writer) func(ctx context.Context, v *truhook.Verified) error {
	return func(ctx context.Context, v *truhook.Verified) error {
		if _, err := truv.Parse(v); err != nil {
			return retry.Permanent(err) // it would be no better next time
		}
		m, _ := inbox.FromContext(ctx)
		claim, _ := idempotency.FromContext(ctx)
		fmt.Fprintf(out, "handled %s, attempt %d\n", m.Key.ID, claim.Attempt)
		return nil
	}
}
