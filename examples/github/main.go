// Github receives the webhooks of GitHub, whose signature covers the body and nothing else. The type of an event stands
// in a header that anybody who captured a delivery can change, so the body has to agree with it.
//
//	go run ./examples/github
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/catalog"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/retry"
)

// push has the members by which a push is known, whatever the header says.
type push struct {
	Ref    string `json:"ref"`
	After  string `json:"after"`
	Pusher *struct {
		Name string `json:"name"`
	} `json:"pusher"`
}

var errType = errors.New("the body is not of the type that the header names")

// handle runs once for each body. The header chooses what to read, and the body decides whether it is that.
func handle(ctx context.Context, v *truhook.Verified, pushed func(push) error) error {
	d, _ := truhook.DeliveryFromContext(ctx)
	switch d.Header.Get("X-GitHub-Event") { // a claim
	case "push":
		var p push
		if err := json.Unmarshal(v.Payload, &p); err != nil || p.Ref == "" || p.After == "" || p.Pusher == nil {
			return retry.Permanent(errType)
		}
		return pushed(p)
	default:
		return nil // not ours
	}
}

// receiver returns the route. Equal bodies are one event: the id in X-GitHub-Delivery is not signed either.
func receiver(secret string, pushed func(push) error) (http.Handler, error) {
	v, err := catalog.New("github", secret)
	if err != nil {
		return nil, err
	}
	once, err := idempotency.NewMiddleware(idempotency.NewMemory(idempotency.MemoryConfig{}), "github/prod", idempotency.BodyDigest,
		idempotency.Config{
			DeadLetter: func(context.Context, *truhook.Verified, error) error { return nil }, // keep it where you look at it
		})
	if err != nil {
		return nil, err
	}
	verify := truhook.NewMiddleware(v, truhook.Config{})
	return verify.Wrap(once.Handle(func(ctx context.Context, v *truhook.Verified) error { return handle(ctx, v, pushed) })), nil
}

func main() {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // the lines that are printed say it too; a service keeps its logger
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "github:", err)
		os.Exit(1)
	}
}

func run(out io.Writer) error {
	const secret = "made for this example"
	h, err := receiver(secret, func(p push) error {
		fmt.Fprintln(out, "pushed:", p.Ref, "by", p.Pusher.Name)
		return nil
	})
	if err != nil {
		return err
	}
	const (
		pushed  = `{"ref":"refs/heads/main","after":"5f2c","pusher":{"name":"ann"}}`
		starred = `{"action":"created","repository":{"name":"truhook"}}`
	)
	for _, d := range []struct{ event, body, secret string }{
		{"push", pushed, secret},
		{"push", pushed, secret},                   // delivered twice
		{"star", starred, secret},                  // another type
		{"push", starred + " ", secret},            // genuine, under another header
		{"push", pushed, "another secret of this"}, // forged
	} {
		fmt.Fprintf(out, "%s: %d\n", d.event, deliver(h, d.event, d.body, d.secret))
	}
	return nil
}

// deliver plays GitHub.
func deliver(h http.Handler, event, body, secret string) int {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/webhooks/github", strings.NewReader(body))
	r.Header.Set("X-GitHub-Event", event)
	p, _ := catalog.Lookup("github")
	key, err := hmacsig.NewKey("test", secret)
	if err == nil {
		err = p.Scheme.Sign(r.Header, key, hmacsig.Message{Body: []byte(body)})
	}
	if err != nil {
		return 0
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}
