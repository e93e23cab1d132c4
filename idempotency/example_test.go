package idempotency_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/retry"
)

// A receiver: what is verified is handled once. An event whose handler failed is handled again when the provider sends
// it again, and a duplicate of one that is done never reaches the handler.
func ExampleMiddleware_Handle() {
	eventID := func(v *truhook.Verified) (string, error) { return string(v.Payload), nil } // truv.EventID
	store := idempotency.NewMemory(idempotency.MemoryConfig{})
	once, err := idempotency.NewMiddleware(store, "truv/prod", eventID, idempotency.Config{Policy: truv.RetryPolicy()})
	if err != nil {
		log.Fatal(err)
	}
	h := once.Handle(func(ctx context.Context, v *truhook.Verified) error {
		claimed, _ := idempotency.FromContext(ctx)
		fmt.Printf("%s, attempt %d\n", v.Payload, claimed.Attempt)
		if claimed.Attempt == 1 {
			return errors.New("the database is away")
		}
		return nil
	})
	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/truv", h) // in a service: verify.Wrap(h)

	for range 3 { // the provider delivers until it gets a 200, and once more
		w, _ := post(atPath(mux), &truhook.Verified{Payload: []byte("event 1")})
		fmt.Println(w.Code)
	}
	// Output:
	// event 1, attempt 1
	// 503
	// event 1, attempt 2
	// 200
	// 200
}

// atPath gives a mux the path that post does not.
func atPath(mux http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = "/webhooks/truv"
		mux.ServeHTTP(w, r)
	})
}

// Do is for what is no net/http handler: a framework whose handlers return errors, a Lambda function, a worker.
func ExampleMiddleware_Do() {
	jobID := func(v *truhook.Verified) (string, error) { return string(v.Payload), nil } // truval.EventID
	once, err := idempotency.NewMiddleware(idempotency.NewMemory(idempotency.MemoryConfig{}), "truval/prod", jobID,
		idempotency.Config{
			Policy:     truval.RetryPolicy(),
			DeadLetter: func(context.Context, *truhook.Verified, error) error { return nil }, // in a service: keep it
			Logger:     slog.New(slog.DiscardHandler),
		})
	if err != nil {
		log.Fatal(err)
	}
	work := func(ctx context.Context, v *truhook.Verified, err error) {
		res := once.Do(ctx, v, func(context.Context) error { return err })
		fmt.Println(res.Outcome, res.Status)
	}
	ctx, v := context.Background(), &truhook.Verified{Payload: []byte("job 1")}
	work(ctx, v, errors.New("the database is away"))
	work(ctx, v, retry.Permanent(errors.New("no such account")))
	work(ctx, v, nil)
	// Output:
	// failed 503
	// dead-lettered 200
	// duplicate 200
}

// A handler that exists already: an answer of 2xx completes the event, any other gives it back.
func ExampleMiddleware_Wrap() {
	eventID := func(v *truhook.Verified) (string, error) { return string(v.Payload), nil }
	once, err := idempotency.NewMiddleware(idempotency.NewMemory(idempotency.MemoryConfig{}), "truv/prod", eventID,
		idempotency.Config{Policy: truv.RetryPolicy()})
	if err != nil {
		log.Fatal(err)
	}
	calls := 0
	existing := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if calls++; calls == 1 {
			http.Error(w, "try again", http.StatusInternalServerError)
		}
	})
	for range 3 {
		w, _ := post(once.Wrap(existing), &truhook.Verified{Payload: []byte("event 1")})
		fmt.Println(w.Code)
	}
	fmt.Println("calls:", calls)
	// Output:
	// 500
	// 200
	// 200
	// calls: 2
}

// The order of events about one thing. By default a handler is told; here what is stale is not handled.
func ExampleConfig_sequence() {
	type task struct {
		id string
		at time.Time
	}
	now := time.Now()
	events := map[string]task{
		"done":       {"task 1", now},
		"full_parse": {"task 1", now.Add(-time.Second)},
	}
	once, err := idempotency.NewMiddleware(idempotency.NewMemory(idempotency.MemoryConfig{}), "truv/prod",
		func(v *truhook.Verified) (string, error) { return string(v.Payload), nil },
		idempotency.Config{
			Policy: truv.RetryPolicy(),
			Version: func(v *truhook.Verified) (string, time.Time, error) { // truv.EventVersion
				t := events[string(v.Payload)]
				return "task-status:" + t.id, t.at, nil
			},
			SkipStale: true,
		})
	if err != nil {
		log.Fatal(err)
	}
	for _, id := range []string{"done", "full_parse"} { // they arrive the wrong way round
		res := once.Do(context.Background(), &truhook.Verified{Payload: []byte(id)}, func(ctx context.Context) error {
			claimed, _ := idempotency.FromContext(ctx)
			fmt.Println(id, "is", claimed.Order)
			return nil
		})
		fmt.Println(id, "is", res.Outcome)
	}
	// Output:
	// done is newer
	// done is handled
	// full_parse is stale
}
