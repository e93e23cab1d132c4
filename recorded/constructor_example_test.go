package recorded_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/recorded"
	"github.com/truhook/truhook/recorded/deliveries"
)

// The deliveries of this module, for tests of yours.
func ExampleReadFS() {
	file, err := recorded.ReadFS(deliveries.FS(), "truv/event-order-created.http")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(file.Provider, file.About, file.Expect == "")
	// Output: truv a genuine delivery: order-created true
}

// A recording from anywhere, such as a ticket.
func ExampleRead() {
	file, err := recorded.Read(strings.NewReader("provider: truv\nexpect: missing-signature\n\n" +
		"POST /webhooks/truv HTTP/1.1\r\nHost: receiver.example\r\nContent-Length: 2\r\n\r\n{}"))
	if err != nil {
		log.Fatal(err)
	}
	d, err := file.Delivery()
	fmt.Println(d.Method, string(d.Body), file.Expect, err)
	_, err = recorded.Read(strings.NewReader("no recording"))
	fmt.Println(err != nil)
	// Output:
	// POST {} missing-signature <nil>
	// true
}

// A redactor removes every value that it is not told to keep, and signs what is left under a test key.
func ExampleNewRedactor() {
	key := recorded.Secret{ID: "test", Value: "truhook-test-only-key"}
	signKey, err := hmacsig.NewKey(key.ID, key.Value)
	if err != nil {
		log.Fatal(err)
	}
	redactor, err := recorded.NewRedactor(key, func(d *truhook.Delivery) error {
		return truv.Scheme().Sign(d.Header, signKey, hmacsig.Message{Body: d.Body})
	}, recorded.RedactorConfig{Keep: []string{"status"}})
	if err != nil {
		log.Fatal(err)
	}
	file, err := redactor.Redact(&recorded.File{Provider: "truv", Wire: []byte(
		"POST /hooks HTTP/1.1\r\nHost: hooks.internal\r\nContent-Length: 34\r\n\r\n" + `{"user_id":"8f21","status":"done"}`)})
	if err != nil {
		log.Fatal(err)
	}
	d, err := file.Delivery()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(d.Body), file.Redacted != "")
	// Output: {"user_id":"redacted","status":"done"} true
}

// Refused deliveries are kept as they came, for truhook verify. Read the package comment on what is in them.
func ExampleRefused() {
	dir, err := os.MkdirTemp("", "refused")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	capture, err := recorded.Refused(dir, recorded.RefusedConfig{})
	if err != nil {
		log.Fatal(err)
	}
	v, err := truv.New("sandbox-made-for-this-example")
	if err != nil {
		log.Fatal(err)
	}
	verify := truhook.NewMiddleware(v, truhook.Config{
		Capture: capture.Capture,
		Logger:  slog.New(slog.DiscardHandler), // leave it out in a service
	})
	w := httptest.NewRecorder()
	verify.Wrap(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/webhooks/truv", strings.NewReader("{}")))
	if err := capture.Wait(context.Background()); err != nil { // after Server.Shutdown
		log.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "refused-*.http"))
	if err != nil || len(files) != 1 {
		log.Fatal(files, err)
	}
	file, err := recorded.ReadFile(files[0])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(w.Code, file.Expect)
	// Output: 401 missing-signature
}
