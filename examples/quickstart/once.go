package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/retry"
)

var errDown = errors.New("the database is down")

// newOnceReceiver handles every event of Truv once, and skips what is older than what it has seen. The witness looks
// on, and says when the handler is to fail.
func newOnceReceiver(w *witness) (http.Handler, error) {
	v, err := truv.New(truvSecret)
	if err != nil {
		return nil, err
	}
	store := idempotency.NewMemory(idempotency.MemoryConfig{})
	once, err := idempotency.NewMiddleware(store, "truv/sandbox", truv.EventID, idempotency.Config{
		Policy: truv.RetryPolicy(), Version: truv.EventVersion, SkipStale: true, Observe: w.observeEvent, Now: w.now, Logger: quiet,
	})
	if err != nil {
		return nil, err
	}
	verify := truhook.NewMiddleware(v, truhook.Config{Observe: w.observe, Now: w.now, Logger: quiet})
	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/truv", verify.Wrap(once.Handle(func(_ context.Context, v *truhook.Verified) error {
		if _, err := truv.Parse(v); err != nil {
			return retry.Permanent(err) // another delivery would not be better
		}
		if w.down() {
			return errDown // the provider comes again
		}
		return nil
	})))
	return mux, nil
}
