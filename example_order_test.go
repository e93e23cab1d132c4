package truhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
)

// What a wrong order of wrapping looks like. None of these is answered with a 4xx, which would be final to some
// providers, and in none of them the handler runs: the sender comes again, and the log says what to mend.
func ExampleMiddleware_Wrap_wrongOrder() {
	const secret = "sandbox-7e577e577e577e577e577e577e577e577e577e57" // made for this example
	v, err := truv.New(secret)
	if err != nil {
		log.Fatal(err)
	}
	once, err := idempotency.NewMiddleware(idempotency.NewMemory(idempotency.MemoryConfig{}), "truv", truv.EventID, idempotency.Config{})
	if err != nil {
		log.Fatal(err)
	}
	verify := truhook.NewMiddleware(v, truhook.Config{
		Logger:  slog.New(slog.DiscardHandler),
		Observe: func(_ context.Context, o truhook.Observation) { fmt.Println(truhook.ReasonOf(o.Err)) },
	})
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { fmt.Println("handled") })

	decoded := func(next http.Handler) http.Handler { // JSON is decoded in front of the verification
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var event map[string]any
			_ = json.NewDecoder(r.Body).Decode(&event)
			next.ServeHTTP(w, r)
		})
	}
	rewritten := func(next http.Handler) http.Handler { // and put back in another layout
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var event map[string]any
			_ = json.NewDecoder(r.Body).Decode(&event)
			body, _ := json.MarshalIndent(event, "", "  ")
			r.Body = io.NopCloser(bytes.NewReader(body))
			next.ServeHTTP(w, r)
		})
	}
	for _, wired := range []http.Handler{
		verify.Wrap(handler), // right
		decoded(verify.Wrap(handler)),
		rewritten(verify.Wrap(handler)),
		once.Wrap(verify.Wrap(handler)), // asks which event it is before anybody knows whether it is genuine
	} {
		w := httptest.NewRecorder()
		wired.ServeHTTP(w, genuine(secret, `{"webhook_id":"1"}`))
		fmt.Println(w.Code)
	}
	// Output:
	//
	// handled
	// 200
	// body-incomplete
	// 503
	// body-replaced
	// 500
	// 500
}

func genuine(secret, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/webhooks/truv", strings.NewReader(body))
	key, err := hmacsig.NewKey("example", secret)
	if err != nil {
		log.Fatal(err)
	}
	if err := truv.Scheme().Sign(r.Header, key, hmacsig.Message{Body: []byte(body)}); err != nil {
		log.Fatal(err)
	}
	return r
}
