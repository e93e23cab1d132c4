package recorded_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/recorded"
)

// A test of a service: what does it make of a recorded delivery?
func ExampleReadFile() {
	file, err := recorded.ReadFile("../recorded/deliveries/truv/body-tampered.http")
	if err != nil {
		log.Fatal(err)
	}
	v, err := truv.New(file.Secrets[0].Value)
	if err != nil {
		log.Fatal(err)
	}
	d, err := file.Delivery()
	if err != nil {
		log.Fatal(err)
	}
	_, err = v.Verify(context.Background(), d)
	fmt.Println(truhook.ReasonOf(err), truhook.ReasonOf(err) == file.Expect)
	// Output: signature-mismatch true
}

// What may be published of a delivery that was copied from a log.
func ExampleRedactor_Redact() {
	key := recorded.Secret{ID: "test", Value: "truhook-test-only-key"}
	signKey, err := hmacsig.NewKey(key.ID, key.Value)
	if err != nil {
		log.Fatal(err)
	}
	redactor, err := recorded.NewRedactor(key, func(d *truhook.Delivery) error {
		return truv.Scheme().Sign(d.Header, signKey, hmacsig.Message{Body: d.Body})
	}, recorded.RedactorConfig{Keep: []string{"event_type", "status"}})
	if err != nil {
		log.Fatal(err)
	}
	file, err := redactor.Redact(&recorded.File{
		Provider: "truv",
		Wire: []byte("POST /hooks?token=hunter2 HTTP/1.1\r\nHost: hooks.internal\r\nCookie: id=8\r\nContent-Length: 64\r\n\r\n" +
			`{"event_type":"order-created", "user_id":"8f21", "status":"new"}`),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.ReplaceAll(string(file.Wire), "\r", ""))
	// Output:
	// POST /webhooks/truv HTTP/1.1
	// Host: receiver.example
	// X-Webhook-Sign: v1=07afe6c2efe219a2df685265dfc5ef6881c2df1d0ba5ae1c22a7e4bb1d9b5e18
	// Content-Length: 68
	//
	// {"event_type":"order-created", "user_id":"redacted", "status":"new"}
}

// Deliveries that a staging system receives become test data of the service.
func ExampleNewMiddleware() {
	dir, err := os.MkdirTemp("", "deliveries")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	key := recorded.Secret{ID: "test", Value: "truhook-test-only-key"}
	signKey, err := hmacsig.NewKey(key.ID, key.Value)
	if err != nil {
		log.Fatal(err)
	}
	redactor, err := recorded.NewRedactor(key, func(d *truhook.Delivery) error {
		return truv.Scheme().Sign(d.Header, signKey, hmacsig.Message{Body: d.Body})
	}, recorded.RedactorConfig{Keep: []string{"event_type", "status"}})
	if err != nil {
		log.Fatal(err)
	}
	record, err := recorded.NewMiddleware(dir, "truv", redactor, recorded.Config{MaxFiles: 20})
	if err != nil {
		log.Fatal(err)
	}
	v, err := truv.New("sandbox-made-for-this-example")
	if err != nil {
		log.Fatal(err)
	}
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	h := truhook.NewMiddleware(v, truhook.Config{}).Wrap(record.Wrap(handler)) // inside of verify.Wrap

	production, err := hmacsig.NewKey("production", "sandbox-made-for-this-example")
	if err != nil {
		log.Fatal(err)
	}
	const body = `{"event_type":"order-created","user_id":"8f21"}`
	r := httptest.NewRequest(http.MethodPost, "/webhooks/truv", strings.NewReader(body))
	if err := truv.Scheme().Sign(r.Header, production, hmacsig.Message{Body: []byte(body)}); err != nil {
		log.Fatal(err)
	}
	h.ServeHTTP(httptest.NewRecorder(), r)
	if err := record.Wait(context.Background()); err != nil { // after Server.Shutdown
		log.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	fmt.Println(len(files), err)
	// Output: 1 <nil>
}
