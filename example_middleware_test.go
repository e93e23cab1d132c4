package truhook_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"

	"github.com/truhook/truhook"
)

// What every delivery comes to, in one place.
func ExampleNewMiddleware() {
	verify := truhook.NewMiddleware(newTruv("sandbox-made-for-the-examples"), truhook.Config{
		MaxBodyBytes: 64 << 10,
		Observe: func(_ context.Context, o truhook.Observation) {
			fmt.Printf("%d bytes, reason %q\n", len(o.Delivery.Body), truhook.ReasonOf(o.Err))
		},
		Logger: slog.New(slog.DiscardHandler), // leave it out in a service
	})
	h := verify.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { fmt.Println("handled") }))
	for _, secret := range []string{"sandbox-made-for-the-examples", "sandbox-of-somebody-else"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, genuine(secret, `{"webhook_id":"1"}`))
		fmt.Println(w.Code)
	}
	// Output:
	// 18 bytes, reason ""
	// handled
	// 200
	// 18 bytes, reason "signature-mismatch"
	// 401
}

// A handler is tested without a signature: the test claims what was verified.
func ExampleNewContext() {
	handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		v, ok := truhook.FromContext(r.Context())
		if !ok {
			fmt.Println("nothing was verified")
			return
		}
		fmt.Println("handled", string(v.Payload))
	})
	r := httptest.NewRequest(http.MethodPost, "/webhooks/truv", http.NoBody)
	handler.ServeHTTP(httptest.NewRecorder(), r)
	ctx := truhook.NewContext(r.Context(), &truhook.Verified{Payload: []byte(`{"webhook_id":"1"}`)})
	handler.ServeHTTP(httptest.NewRecorder(), r.WithContext(ctx))
	// Output:
	// nothing was verified
	// handled {"webhook_id":"1"}
}
