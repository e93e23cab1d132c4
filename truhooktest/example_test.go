package truhooktest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/retry"
	"github.com/truhook/truhook/truhooktest"
)

func ExampleProvider_Deliver() {
	key, err := hmacsig.NewKey("test", "a secret made for this example")
	if err != nil {
		panic(err)
	}
	calls := 0
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if calls++; calls == 1 {
			w.WriteHeader(http.StatusConflict) // meant as: not now
		}
	})
	p := truhooktest.NewProvider(truval.RetryPolicy(), truhooktest.HMAC(truval.Scheme(), key), handler, truhooktest.Config{})
	defer p.Close()
	for _, a := range p.Deliver(context.Background(), truhooktest.Event{ID: "1", Body: []byte(`{"job_id":"1"}`)}) {
		fmt.Println(a.Number, a.Status, a.Outcome)
	}
	// Output: 1 409 final
}

// A service's own test: the handler that production uses, on a store that survives restarts.
func ExampleTestReceiver() {
	_ = func(t *testing.T) { // func TestWebhooks(t *testing.T)
		key, _ := hmacsig.NewKey("test", "a secret made for this example")
		other, _ := hmacsig.NewKey("other", "another one, that the service does not know")

		truhooktest.TestReceiver(t, func(testing.TB) truhooktest.Receiver {
			store := idempotency.NewMemory(idempotency.MemoryConfig{}) // stands for the database
			return truhooktest.Receiver{
				Policy:   truval.RetryPolicy(),
				Sign:     truhooktest.HMAC(truval.Scheme(), key),
				WrongKey: truhooktest.HMAC(truval.Scheme(), other),
				Event:    func(id string, _ int) []byte { return fmt.Appendf(nil, `{"job_id":%q,"valid":true}`, id) },
				Start: func(i *truhooktest.Instance) http.Handler {
					v, err := hmacsig.New(truval.Scheme(), hmacsig.StaticKeys(key), hmacsig.Config{})
					if err != nil {
						t.Fatal(err)
					}
					once, err := idempotency.NewMiddleware(i.Store(store), "truval/test", truval.EventID,
						idempotency.Config{Policy: truval.RetryPolicy()})
					if err != nil {
						t.Fatal(err)
					}
					verify := truhook.NewMiddleware(v, truhook.Config{})
					return verify.Wrap(once.Handle(func(_ context.Context, v *truhook.Verified) error {
						id, err := truval.EventID(v)
						if err != nil {
							return retry.Permanent(err)
						}
						return i.Effect(id, func() error { return nil /* what the service does for an event */ })
					}))
				},
			}
		})
	}
}

func ExampleNewRequest() {
	_ = func(t *testing.T) { // func TestHandler(t *testing.T)
		key, _ := hmacsig.NewKey("test", "a secret made for this example")
		r := truhooktest.NewRequest(t, truhooktest.HMAC(truval.Scheme(), key), "/webhooks/truval",
			truhooktest.Event{Body: []byte(`{"job_id":"1"}`)})
		w := httptest.NewRecorder()
		http.DefaultServeMux.ServeHTTP(w, r)
	}
}

func ExampleNewRemoteProvider() {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	key, err := hmacsig.NewKey("test", "a secret made for this example")
	if err != nil {
		panic(err)
	}
	p, err := truhooktest.NewRemoteProvider(truval.RetryPolicy(), truhooktest.HMAC(truval.Scheme(), key), server.URL+"/webhooks",
		truhooktest.Config{Scale: 0.01, Timeout: time.Minute})
	if err != nil {
		panic(err)
	}
	event := truhooktest.Event{ID: "1", Body: []byte(`{"job_id":"1"}`), Faults: []truhooktest.Fault{truhooktest.ResetAfter}}
	for _, a := range p.Deliver(context.Background(), event) {
		fmt.Println(a.Number, a.Status, a.Outcome)
	}
	// Output:
	// 1 0 retried
	// 2 200 delivered
}
