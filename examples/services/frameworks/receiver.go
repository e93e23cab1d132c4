// Package frameworks shows the receiver of Truv's webhooks under echo, gin and chi, and under net/http alone.
//
// Under echo and gin the handler calls Do and answers by its Result: echo writes an error's status after its middleware
// has returned, and gin does not write to the writer of a middleware of net/http, so one that looks at the status would
// take a failed event for a handled one. chi is net/http, where Handle serves.
package frameworks

import (
	"context"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/retry"
)

// A Receiver is what all of them share.
type Receiver struct {
	verify *truhook.Middleware
	once   *idempotency.Middleware
	handle func(ctx context.Context, ev *truv.Event) error
}

// New returns a receiver for one environment of Truv. handle is called once for each event.
func New(
	secret string, store idempotency.Store, handle func(ctx context.Context, ev *truv.Event) error,
) (*Receiver, error) {
	v, err := truv.New(secret)
	if err != nil {
		return nil, err
	}
	once, err := idempotency.NewMiddleware(store, "truv/prod", truv.EventID,
		idempotency.Config{Policy: truv.RetryPolicy(), Version: truv.EventVersion})
	if err != nil {
		return nil, err
	}
	return &Receiver{truhook.NewMiddleware(v, truhook.Config{}), once, handle}, nil
}

// do parses and handles a verified event. What cannot be parsed now cannot be parsed the next time.
func (r *Receiver) do(ctx context.Context, v *truhook.Verified) error {
	ev, err := truv.Parse(v)
	if err != nil {
		return retry.Permanent(err)
	}
	return r.handle(ctx, ev)
}
