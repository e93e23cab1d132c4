// Tenants receives the webhooks of several tenants on one route. Each tenant has a URL, a secret and a scope of its
// own: nobody is verified by another's secret, and equal ids of two tenants are two events.
//
//	go run ./examples/tenants
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
)

// tenants are the receivers by the last element of the path. That element is a claim until the tenant's own secret
// has verified the delivery.
type tenants map[string]http.Handler

func (t tenants) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h, known := t[r.PathValue("tenant")]
	if !known {
		http.NotFound(w, r)
		return
	}
	h.ServeHTTP(w, r)
}

// newTenants returns a receiver for each secret. They share a store; the scope keeps their events apart.
func newTenants(
	secrets map[string]string, store idempotency.Store, handle func(ctx context.Context, tenant string, e *truv.Event) error,
) (tenants, error) {
	all := tenants{}
	for tenant, secret := range secrets {
		v, err := truv.New(secret)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", tenant, err)
		}
		once, err := idempotency.NewMiddleware(store, "truv/"+tenant, truv.EventID, idempotency.Config{Policy: truv.RetryPolicy()})
		if err != nil {
			return nil, err
		}
		verify := truhook.NewMiddleware(v, truhook.Config{})
		all[tenant] = verify.Wrap(once.Handle(func(ctx context.Context, v *truhook.Verified) error {
			event, err := truv.Parse(v)
			if err != nil {
				return err
			}
			return handle(ctx, tenant, event)
		}))
	}
	return all, nil
}

func main() {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // the lines that are printed say it too; a service keeps its logger
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "tenants:", err)
		os.Exit(1)
	}
}

func run(out io.Writer) error {
	// Made for this example; a service reads them from where its tenants are kept.
	secrets := map[string]string{"acme": "sandbox-acme-made-for-this-example", "globex": "sandbox-globex-made-for-this-example"}
	all, err := newTenants(secrets, idempotency.NewMemory(idempotency.MemoryConfig{}),
		func(_ context.Context, tenant string, e *truv.Event) error {
			fmt.Fprintln(out, "handled:", tenant, e.WebhookID)
			return nil
		})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/truv/{tenant}", all)
	for _, d := range [][2]string{{"acme", "acme"}, {"globex", "globex"}, {"acme", "acme"}, {"globex", "acme"}, {"initech", "acme"}} {
		fmt.Fprintf(out, "to %s, signed by %s: %d\n", d[0], d[1], deliver(mux, "/webhooks/truv/"+d[0], secrets[d[1]]))
	}
	return nil
}

// deliver plays the provider: it signs under the secret and returns the status.
func deliver(h http.Handler, path, secret string) int {
	const body = `{"webhook_id":"1","event_type":"order-created"}`
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, path, strings.NewReader(body))
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
