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
)

// replay delivers a captured refusal to the service once more, under a secret of yours: the file holds none, so
// file.Secrets is empty. It returns why the delivery was refused then, and what the service responds now.
func replay(name, accessSecret string) (was truhook.Reason, status int, err error) {
	file, err := recorded.ReadFile(name)
	if err != nil {
		return "", 0, err
	}
	r, err := file.Request() // judged as of when it came
	if err != nil {
		return "", 0, err
	}
	w := httptest.NewRecorder()
	newService(accessSecret).ServeHTTP(w, r)
	return file.Expect, w.Code, nil
}

// newService stands for the routes of a service.
func newService(accessSecret string) http.Handler {
	v, err := truv.New(accessSecret)
	if err != nil {
		log.Fatal(err)
	}
	cfg := truhook.Config{Logger: slog.New(slog.DiscardHandler)} // leave it out in a service
	return truhook.NewMiddleware(v, cfg).Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
}

// A delivery of the sandbox came to production, and was captured. Would it be accepted under the other secret?
func ExampleFile_Request_captured() {
	const production, sandbox = "prod-made-for-this-example", "sandbox-made-for-this-example"
	name := captureOne(production, sandbox)
	defer os.RemoveAll(filepath.Dir(name))
	for _, secret := range []string{production, sandbox} {
		was, status, err := replay(name, secret)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(was, status)
	}
	// Output:
	// signature-mismatch 401
	// signature-mismatch 200
}

// captureOne lets a service refuse a delivery that another secret signed, and returns the file of it.
func captureOne(held, signed string) string {
	dir, err := os.MkdirTemp("", "refused")
	if err != nil {
		log.Fatal(err)
	}
	capture, err := recorded.Refused(dir, recorded.RefusedConfig{})
	if err != nil {
		log.Fatal(err)
	}
	v, err := truv.New(held)
	if err != nil {
		log.Fatal(err)
	}
	key, err := hmacsig.NewKey("signed", signed)
	if err != nil {
		log.Fatal(err)
	}
	const body = `{"webhook_id":"1","event_type":"order-created"}`
	r := httptest.NewRequest(http.MethodPost, "/webhooks/truv", strings.NewReader(body))
	if err := truv.Scheme().Sign(r.Header, key, hmacsig.Message{Body: []byte(body)}); err != nil {
		log.Fatal(err)
	}
	verify := truhook.NewMiddleware(v, truhook.Config{Capture: capture.Capture, Logger: slog.New(slog.DiscardHandler)})
	verify.Wrap(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), r)
	if err := capture.Wait(context.Background()); err != nil {
		log.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "refused-*.http"))
	if err != nil || len(files) != 1 {
		log.Fatal(files, err)
	}
	return files[0]
}
