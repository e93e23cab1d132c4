package inbox_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/retry"
)

// A slice stands for the queue: it keeps nothing, so a service takes one of the adapters.
type slice []inbox.Message

func (s *slice) Enqueue(_ context.Context, m inbox.Message) (bool, error) {
	for _, old := range *s {
		if old.Key == m.Key {
			return true, nil
		}
	}
	*s = append(*s, m)
	return false, nil
}

func Example() {
	const secret = "sandbox-7e577e577e577e577e577e577e577e577e577e57" // made for tests
	verifier, err := truv.New(secret)
	if err != nil {
		fmt.Println(err)
		return
	}
	queue := &slice{}
	accept, err := inbox.NewHandler(queue, "truv/prod", truv.EventID, inbox.Config{Policy: truv.RetryPolicy(), Version: truv.EventVersion})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/truv", truhook.NewMiddleware(verifier, truhook.Config{}).Wrap(accept))

	// The provider delivers, twice.
	key, _ := hmacsig.NewKey("test", secret)
	body := `{"webhook_id":"1","event_type":"order-status-updated","order_id":"7","status":"completed"}`
	for range 2 {
		r := httptest.NewRequest(http.MethodPost, "/webhooks/truv", strings.NewReader(body))
		_ = truv.Scheme().Sign(r.Header, key, hmacsig.Message{Body: []byte(body)})
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(w.Code, len(*queue))
	}

	// Later, elsewhere: a worker.
	store := idempotency.NewMemory(idempotency.MemoryConfig{}) // redisstore or sqlstore in a service
	worker, err := inbox.NewWorker(store, func(ctx context.Context, v *truhook.Verified) error {
		event, err := truv.Parse(v)
		if err != nil {
			return retry.Permanent(err)
		}
		claim, _ := idempotency.FromContext(ctx)
		fmt.Println("order", event.OrderID, event.Status, "attempt", claim.Attempt)
		return nil
	}, idempotency.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range *queue {
		fmt.Println(m)
		fmt.Println(worker.Work(context.Background(), m))
	}
	// Output:
	// 200 1
	// 200 1
	// truv/prod "1/order-status-updated" (truv, 90+0 bytes)
	// order 7 completed attempt 1
	// <nil>
}
