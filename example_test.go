package truhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
)

// The ten lines that put verification in front of a handler that exists already.
func Example() {
	v, err := truv.New("sandbox-7e577e577e577e577e577e577e577e577e577e57") // os.Getenv("TRUV_ACCESS_SECRET")
	if err != nil {
		panic(err)
	}
	existing := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		verified, _ := truhook.FromContext(r.Context())
		fmt.Println("handled", string(verified.Payload))
	})
	verify := truhook.NewMiddleware(v, truhook.Config{})
	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/truv", verify.Wrap(existing))

	for _, body := range []string{`{"n": 1.0}`, `{"n": 2.0}`} {
		r := httptest.NewRequest(http.MethodPost, "/webhooks/truv", strings.NewReader(body))
		r.Header.Set("X-Webhook-Sign", "v1=7029c8ab408ef9bfe03de3d93375f336d5890cdd4797c296d086b174720cb026")
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(w.Code)
	}
	// Output:
	// handled {"n": 1.0}
	// 200
	// 401
}

// INCORRECT: the commonest mistake. Something in front decodes the JSON and encodes it again, so what is verified is no
// longer what was signed, and every genuine delivery is refused. The middleware belongs in front of whatever reads the
// body, and the handler behind it can decode as it likes.
func ExampleMiddleware_Wrap_incorrectDecodedBeforeVerification() {
	v, err := truv.New("sandbox-7e577e577e577e577e577e577e577e577e577e57")
	if err != nil {
		panic(err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })
	decoding := func(next http.Handler) http.Handler { // do not do this
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var decoded any
			if json.NewDecoder(r.Body).Decode(&decoded) == nil {
				encoded, _ := json.Marshal(decoded)
				r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(encoded)), int64(len(encoded))
			}
			next.ServeHTTP(w, r)
		})
	}
	verify := truhook.NewMiddleware(v, truhook.Config{})
	for name, h := range map[string]http.Handler{
		"incorrect": decoding(verify.Wrap(handler)),
		"correct":   verify.Wrap(decoding(handler)),
	} {
		r := httptest.NewRequest(http.MethodPost, "/webhooks/truv", strings.NewReader(`{"n": 1.0}`))
		r.Header.Set("X-Webhook-Sign", "v1=7029c8ab408ef9bfe03de3d93375f336d5890cdd4797c296d086b174720cb026")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Println(name, w.Code)
	}
	// Unordered output:
	// incorrect 401
	// correct 204
}

// A check of your own beside a signature: it sees the head only and refuses before the body is read.
func ExampleHeadCheck() {
	v, err := truv.New("sandbox-7e577e577e577e577e577e577e577e577e577e57")
	if err != nil {
		panic(err)
	}
	postOnly := truhook.HeadCheck("POST only", func(d *truhook.Delivery) error {
		if d.Method != http.MethodPost {
			return truhook.CheckFailed
		}
		return nil
	})
	_, err = truhook.Require(v, postOnly).Verify(context.Background(), &truhook.Delivery{Method: http.MethodGet})
	fmt.Println(err)
	// Output: POST only: check-failed
}

// A host that is not net/http: an event of a serverless function, with names of headers in lower case.
func ExampleNewDelivery() {
	v, err := truv.New("sandbox-7e577e577e577e577e577e577e577e577e577e57")
	if err != nil {
		panic(err)
	}
	verify := truhook.NewMiddleware(v, truhook.Config{})

	verified, err := verify.Verify(context.Background(), truhook.NewDelivery(truhook.Delivery{
		Method:     "POST",
		RequestURI: "/webhooks/truv",
		RemoteAddr: "34.212.57.93", // without a port
		Header:     http.Header{"x-webhook-sign": {"v1=7029c8ab408ef9bfe03de3d93375f336d5890cdd4797c296d086b174720cb026"}},
		Body:       []byte(`{"n": 1.0}`),
	}))
	fmt.Println(string(verified.Payload), err)
	// Output: {"n": 1.0} <nil>
}

// Something in front has written the JSON anew: the sender held the key, and the body is not what it signed.
func ExampleExplain() {
	v, err := truv.New("sandbox-7e577e577e577e577e577e577e577e577e577e57")
	if err != nil {
		panic(err)
	}
	d := &truhook.Delivery{
		Method: "POST", RequestURI: "/webhooks/truv", Body: []byte("{\"n\": 1.0}\n"),
		Header: http.Header{"X-Webhook-Sign": {"v1=7029c8ab408ef9bfe03de3d93375f336d5890cdd4797c296d086b174720cb026"}},
	}
	_, err = v.Verify(context.Background(), d)
	e := truhook.Explain(context.Background(), v, d, truhook.ExplainConfig{Reason: truhook.ReasonOf(err)})
	for _, f := range e.Findings {
		fmt.Println(e.Reason, f.Name, f.Subject, f.Proven, f.Offset)
	}
	// Output: signature-mismatch body-text-changed whitespace true 10
}
