// Rotate changes a secret while the service runs and loses no delivery: the new secret beside the old one, then the
// provider signs with it, then the old one goes. The secrets are files in a folder, as a mounted Secret has them.
//
//	go run ./examples/rotate
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
)

// The secrets were made for this example and open nothing.
const (
	oldSecret = "sandbox-2025-made-for-this-example"
	newSecret = "sandbox-2026-made-for-this-example"
)

func main() {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // the lines that are printed say it too; a service keeps its logger
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "rotate:", err)
		os.Exit(1)
	}
}

// receiver verifies by the secrets that are in the folder at the time.
func receiver(folder string, next http.Handler, now func() time.Time) (http.Handler, error) {
	keys, err := hmacsig.NewFileKeys(folder, hmacsig.FileConfig{Now: now})
	if err != nil {
		return nil, err
	}
	v, err := hmacsig.New(truv.Scheme(), keys, hmacsig.Config{})
	if err != nil {
		return nil, err
	}
	return truhook.NewMiddleware(v, truhook.Config{Now: now}).Wrap(next), nil
}

func run(out io.Writer) error {
	folder, err := os.MkdirTemp("", "truv") // in a pod: /var/run/secrets/truv
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	at := time.Now()
	now := func() time.Time { return at } // a clock that does not wait
	if err := write(folder, "2025", oldSecret, at); err != nil {
		return err
	}
	h, err := receiver(folder, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), now)
	if err != nil {
		return err
	}
	step := func(name string, err error) error {
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%-28s old %d, new %d\n", name, deliver(h, oldSecret), deliver(h, newSecret))
		return nil
	}
	if err := step("the old secret", nil); err != nil {
		return err
	}
	at = at.Add(2 * time.Second)
	if err := step("the new one is being written", write(folder, "2026", newSecret, at)); err != nil {
		return err
	}
	at = at.Add(5 * time.Second)
	if err := step("the new one beside it", nil); err != nil {
		return err
	}
	at = at.Add(5 * time.Minute) // the provider's last retry under the old secret is over
	if err := step("the old one is removed", os.Remove(filepath.Join(folder, "2025"))); err != nil {
		return err
	}
	at = at.Add(5 * time.Second)
	return step("the new secret", nil)
}

// write puts a secret into the folder, without the line break that an editor leaves, at that time.
func write(folder, id, secret string, at time.Time) error {
	path := filepath.Join(folder, id)
	if err := os.WriteFile(path, []byte(secret), 0o600); err != nil {
		return err
	}
	return os.Chtimes(path, at, at)
}

// deliver plays the provider: it signs under the secret and returns the status.
func deliver(h http.Handler, secret string) int {
	const body = `{"webhook_id":"1","event_type":"order-created"}`
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/webhooks/truv", strings.NewReader(body))
	key, err := hmacsig.NewKey("test", secret)
	if err == nil {
		err = truv.Scheme().Sign(r.Header, key, hmacsig.Message{Body: []byte(body)})
	}
	if err != nil {
		return 0
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}
