package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/jose/transunion"
)

// The scopes keep the events of the two apart, in the queue and in the work.
const (
	truvScope       = "truv/prod"
	transunionScope = "transunion/prod"
)

// newRoutes returns the routes that providers call: verify, accept durably, answer.
func newRoutes(ctx context.Context, s settings, queue inbox.Enqueuer, m *metrics, out io.Writer) (http.Handler, error) {
	mux := http.NewServeMux()
	add := func(path, scope string, v truhook.Verifier, id idempotency.KeyFunc, cfg inbox.Config) error {
		if err := audit(ctx, v, out); err != nil {
			return err
		}
		hook, err := m.hook(scope)
		if err != nil {
			return err
		}
		accept, err := inbox.NewHandler(queue, scope, id, cfg)
		if err != nil {
			return err
		}
		mux.Handle("POST "+path, truhook.NewMiddleware(v, truhook.Config{Observe: hook.Delivery}).Wrap(accept))
		return nil
	}
	v, err := s.truv()
	if err != nil {
		return nil, err
	}
	err = add("/webhooks/truv", truvScope, v, truv.EventID, inbox.Config{Policy: truv.RetryPolicy(), Version: truv.EventVersion})
	if err != nil || s.transunionEntity == "" {
		return mux, err
	}
	if v, err = s.transunion(); err != nil {
		return nil, err
	}
	return mux, add("/webhooks/transunion", transunionScope, v, transunion.EventID, inbox.Config{Policy: transunion.RetryPolicy()})
}

// audit says at start what will go wrong, and stops the start where genuine deliveries would be refused.
func audit(ctx context.Context, v truhook.Verifier, out io.Writer) error {
	for _, f := range truhook.Audit(ctx, v) {
		fmt.Fprintln(out, f)
		if f.Severity == truhook.SeverityError {
			return errors.New(f.Problem)
		}
	}
	return nil
}
