// Trulioo registers an endpoint from nothing: it fetches the credentials, answers the handshake, and handles an event
// once, however often Trulioo counts its retries. It plays Trulioo's side too.
//
//	go run ./examples/trulioo
//
// receiver.go is what a service takes over; credentials.json is what the credentials endpoint answers.
package main

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/idempotency"
)

//go:embed credentials.json
var credentials string

func main() {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // the lines that are printed say it too; a service keeps its logger
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "trulioo:", err)
		os.Exit(1)
	}
}

// platform plays Trulioo's two endpoints.
func platform() *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /connect/token", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"made-for-this-example","token_type":"Bearer","expires_in":1800}`)
	})
	mux.HandleFunc("GET /api/v2/client-webhooks/current-credential", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer made-for-this-example" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, credentials)
	})
	return httptest.NewTLSServer(mux)
}

func run(out io.Writer) error {
	p := platform()
	defer p.Close()
	h, err := receiver(context.Background(), settings{
		tokenURL: p.URL + "/connect/token", credentialsURL: p.URL + "/api/v2/client-webhooks/current-credential",
		clientID: "client", clientSecret: "made-for-this-example", account: "account-made-for-this-example", client: p.Client(),
	}, idempotency.NewMemory(idempotency.MemoryConfig{}), func(_ context.Context, e *trulioo.Event) error {
		fmt.Fprintln(out, "handled:", e.Type, e.ID)
		return nil
	})
	if err != nil {
		return err
	}
	keys, err := trulioo.ParseCredentials([]byte(credentials))
	if err != nil {
		return err
	}
	current, previous := keys[0], keys[1]
	event := fmt.Sprintf(`{"id":"952255da","type":"EVENT_CALLBACK","event":{"type":"FLOW_END","ts":%d,"user":"u"},"retry":`, time.Now().Unix())
	const handshake = `{"challenge":"made-for-this-example","type":"URL_VERIFICATION","token":"t"}`
	for _, d := range []struct {
		about, body string
		key         hmacsig.Key
	}{
		{"handshake", handshake, current},
		{"event", event + "0}", current},
		{"the same, retried", event + "1}", current},
		{"under an expired credential", event + "2}", previous},
	} {
		w, err := deliver(h, d.body, d.key)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, strings.TrimSpace(fmt.Sprintf("%s: %d %s", d.about, w.Code, w.Body)))
	}
	return nil
}

// deliver plays Trulioo's sender.
func deliver(h http.Handler, body string, key hmacsig.Key) (*httptest.ResponseRecorder, error) {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/webhooks/trulioo", strings.NewReader(body))
	if err := trulioo.Scheme().Sign(r.Header, key, hmacsig.Message{Body: []byte(body)}); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w, nil
}
