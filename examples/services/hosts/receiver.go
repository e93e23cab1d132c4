// Package hosts shows the receiver of Truv's webhooks under each host that it can run on, one file a host, short enough
// to copy: net/http over HTTP/1.1, HTTP/2, h2c and Unix sockets, behind http.TimeoutHandler, chi, gin, echo, Fiber, AWS
// Lambda and gRPC-Gateway. hosts_test.go delivers to each of them.
//
// There are three ways in. Middleware.Wrap serves wherever there is an http.Handler. ReadDelivery and Verify serve a
// router whose handlers have another form, around a request of net/http. NewDelivery and Verify serve everything else.
//
// Under echo and gin the handler answers by an idempotency.Result: echo writes an error's status after its middleware
// has returned, and gin does not write to the writer of a middleware of net/http, so one that looks at the status would
// take a failed event for a handled one.
package hosts

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/retry"
)

// A Receiver is what all hosts share: who verifies, and what becomes of what was verified. Accept is Do of an
// idempotency.Middleware, or Accept of an inbox.Handler.
type Receiver struct {
	Verify *truhook.Middleware
	Accept func(ctx context.Context, v *truhook.Verified) idempotency.Result
}

// New returns a receiver for one environment of Truv. handle is called once for each event.
func New(
	secret string, store idempotency.Store, handle func(ctx context.Context, ev *truv.Event) error,
) (*Receiver, error) {
	v, err := truv.New(secret)
	if err != nil {
		return nil, err
	}
	once, err := idempotency.NewMiddleware(store, "truv/prod", truv.EventID, idempotency.Config{
		Policy: truv.RetryPolicy(), Version: truv.EventVersion,
		DeadLetter: func(context.Context, *truhook.Verified, error) error { return nil }, // keep it where you look at it
	})
	if err != nil {
		return nil, err
	}
	return &Receiver{truhook.NewMiddleware(v, truhook.Config{}), func(ctx context.Context, v *truhook.Verified) idempotency.Result {
		return once.Do(ctx, v, func(ctx context.Context) error {
			ev, err := truv.Parse(v)
			if err != nil {
				return retry.Permanent(err) // what cannot be parsed now cannot be parsed the next time
			}
			return handle(ctx, ev)
		})
	}}, nil
}

// ServeHTTP is the handler behind Middleware.Wrap.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	v, _ := truhook.FromContext(req.Context()) // nil where nothing was verified, which Accept answers with 500
	r.Accept(req.Context(), v).Respond(w)
}

// refusal is how a refused delivery is answered: the status of its Reason and nothing else.
func refusal(err error) idempotency.Result {
	result := idempotency.Result{Status: truhook.ReasonOf(err).Status()}
	if result.Status == http.StatusServiceUnavailable {
		result.RetryAfter = 10 * time.Second
	}
	return result
}

// seconds is the value of Retry-After.
func seconds(d time.Duration) string { return strconv.Itoa(int((d + time.Second - 1) / time.Second)) }
