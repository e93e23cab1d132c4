package inbox_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/retry"
)

// The handler stands behind the verification and answers 200 once the queue has the event.
func ExampleNewHandler() {
	queue := &slice{}
	accept, err := inbox.NewHandler(queue, "truv/prod", idempotency.BodyDigest, inbox.Config{})
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/webhooks/truv", http.NoBody)
	r = r.WithContext(truhook.NewContext(r.Context(), &truhook.Verified{Payload: []byte("one event")})) // verify.Wrap does it
	for range 2 {
		w := httptest.NewRecorder()
		accept.ServeHTTP(w, r)
		fmt.Println(w.Code, len(*queue))
	}
	// Output:
	// 200 1
	// 200 1
}

// A worker runs the function once for each event. What it returns tells the queue whether to come again.
func ExampleNewWorker() {
	results := []error{errors.New("the database is away"), nil, nil}
	worker, err := inbox.NewWorker(idempotency.NewMemory(idempotency.MemoryConfig{}), func(context.Context, *truhook.Verified) error {
		result := results[0]
		results = results[1:]
		return result
	}, idempotency.Config{})
	if err != nil {
		log.Fatal(err)
	}
	m := inbox.Message{Key: idempotency.Key{Scope: "truv/prod", ID: "1"}, Payload: []byte("one event")}
	for range 3 {
		err := worker.Work(context.Background(), m)
		fmt.Println(err, retry.IsPermanent(err))
	}
	fmt.Println("calls left:", len(results)) // the third was a duplicate
	// Output:
	// the database is away false
	// <nil> false
	// <nil> false
	// calls left: 1
}
