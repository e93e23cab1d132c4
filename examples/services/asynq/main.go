// Asynq is a receiver of Truv's webhooks with Redis: deliveries become tasks of Asynq, and what was handled is
// remembered in the same Redis, which needs appendonly yes, appendfsync always and maxmemory-policy noeviction.
//
//	REDIS_URL=redis://127.0.0.1:6379/0 go run ./asynq
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/idempotency/redisstore"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/inbox/asynqinbox"
	"github.com/truhook/truhook/retry"
)

var addr = flag.String("addr", "127.0.0.1:0", "address to listen on")

func main() {
	flag.Parse()
	start(run)
}

func run(ctx context.Context, out io.Writer) error {
	url := os.Getenv("REDIS_URL")
	if url == "" {
		return errors.New("REDIS_URL is not set: for example redis://127.0.0.1:6379/0")
	}
	options, err := redis.ParseURL(url)
	if err != nil {
		return err
	}
	client := redis.NewClient(options)
	defer client.Close()

	queue, err := asynqinbox.New(client, asynqinbox.Config{})
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

	store, err := redisstore.New(client, redisstore.Config{})
	if err != nil {
		return err
	}
	worker, err := inbox.NewWorker(store, handler(out), idempotency.Config{Policy: truv.RetryPolicy()})
	if err != nil {
		return err
	}
	handlers := asynq.NewServeMux()
	handlers.Handle(asynqinbox.TaskType, asynqinbox.NewHandler(worker))
	server := asynq.NewServerFromRedisClient(client, asynq.Config{LogLevel: asynq.WarnLevel, TaskCheckInterval: 100 * time.Millisecond})
	if err := server.Start(handlers); err != nil {
		return err
	}
	defer server.Shutdown() // after the last request; what it does not end in time goes back into Redis
	return serve(ctx, *addr, mux, out)
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
