package receivers

import (
	"context"
	"log"
	"net/http"
	"os"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/retry"
)

// Truv mounts a receiver of Truv's deliveries.
func Truv(mux *http.ServeMux, store idempotency.Store, save func(ctx context.Context, payload []byte) error) {
	v, err := truv.New(os.Getenv("TRUV_ACCESS_SECRET"))
	if err != nil {
		log.Fatal(err)
	}
	once, err := idempotency.NewMiddleware(store, "truv/prod", truv.EventID, idempotency.Config{
		Policy:  truv.RetryPolicy(),
		Version: truv.EventVersion,
	})
	if err != nil {
		log.Fatal(err)
	}
	verify := truhook.NewMiddleware(v, truhook.Config{})
	mux.Handle("POST /webhooks/truv", verify.Wrap(once.Handle(func(ctx context.Context, v *truhook.Verified) error {
		event, err := truv.Parse(v)
		if err != nil {
			return retry.Permanent(err) // no JSON object at all
		}
		if event.Type == truv.OrderStatusUpdated && event.Status == "completed" {
			return save(ctx, event.Raw)
		}
		return nil
	})))
}
