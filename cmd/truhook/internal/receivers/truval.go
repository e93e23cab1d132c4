package receivers

import (
	"context"
	"log"
	"net/http"
	"os"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/retry"
)

// Truval mounts a receiver of Truval's callbacks.
func Truval(mux *http.ServeMux, store idempotency.Store, save func(ctx context.Context, payload []byte) error) {
	v, err := truval.New(os.Getenv("TRUVAL_WEBHOOK_SECRET"))
	if err != nil {
		log.Fatal(err)
	}
	once, err := idempotency.NewMiddleware(store, "truval/prod", truval.EventID, idempotency.Config{Policy: truval.RetryPolicy()})
	if err != nil {
		log.Fatal(err)
	}
	verify := truhook.NewMiddleware(v, truhook.Config{})
	mux.Handle("POST /webhooks/truval", verify.Wrap(once.Handle(func(ctx context.Context, v *truhook.Verified) error {
		event, err := truval.Parse(v)
		if err != nil {
			return retry.Permanent(err) // no JSON object at all
		}
		if event.Valid && event.Status == truval.Deliverable {
			return save(ctx, event.Raw)
		}
		return nil
	})))
}
