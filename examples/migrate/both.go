package main

import (
	"context"
	"errors"
	"net/http"

	"github.com/truhook/truhook"
)

// both asks two verifiers about every delivery. While it observes, the old one decides, as it did before. Afterwards
// both have to say the same.
type both struct {
	old, new truhook.Verifier
	observe  bool
	differ   func(d *truhook.Delivery, old, new error) // told of every disagreement; nil is "accepted"
}

var errDiffer = errors.New("the two checks differ")

func (b both) Verify(ctx context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
	byOld, oldErr := b.old.Verify(ctx, d)
	byNew, newErr := b.new.Verify(ctx, d)
	agree := (oldErr == nil) == (newErr == nil)
	if !agree {
		b.differ(d, oldErr, newErr)
	}
	switch {
	case b.observe:
		return byOld, oldErr
	case !agree:
		return nil, errDiffer
	default:
		return byNew, newErr
	}
}

// comeAgain answers a disagreement with 503: the event is neither acknowledged nor refused for good, so the provider
// delivers it again. What else is refused has the status of its Reason.
func comeAgain(w http.ResponseWriter, _ *http.Request, err error) {
	if errors.Is(err, errDiffer) {
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}
