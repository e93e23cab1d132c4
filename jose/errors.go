package jose

import (
	"context"
	"errors"
	"fmt"

	"github.com/truhook/truhook"
)

// refuse makes a refusal; about is a fixed text or the name of a claim, never what came over the wire.
func refuse(r truhook.Reason, about string) error {
	return &truhook.Error{Reason: r, Err: errors.New(about)}
}

// named puts the scheme on a refusal of this package, and a reason on an error of somebody else.
func named(scheme string, err error) error {
	var own *truhook.Error
	if e, ok := err.(*truhook.Error); ok && e.Scheme == "" { //nolint:errorlint // only the outermost is to be named
		own = &truhook.Error{Scheme: scheme, Reason: e.Reason, Err: e.Err}
		return own
	}
	return &truhook.Error{Scheme: scheme, Reason: truhook.ReasonOf(err), Err: err}
}

// unavailable is the refusal for an error of a key source: its listed Reason stays, anything else is KeysUnavailable.
func unavailable(ctx context.Context, err error) error {
	own, ok := err.(*truhook.Error) //nolint:errorlint // the outermost: it would be named twice
	if ok && truhook.ReasonOf(err) != truhook.Internal {
		return own
	}
	reason := truhook.ReasonOf(err)
	if reason == truhook.Internal && !errors.Is(err, truhook.Internal) {
		reason = truhook.KeysUnavailable
		if ctx.Err() != nil {
			reason = truhook.Canceled
		}
	}
	return &truhook.Error{Reason: reason, Err: err}
}

// safely is the one place where code of others runs on bytes of strangers: its panic is an error.
func safely[T any](f func() (T, error)) (result T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errPanic
		}
	}()
	return f()
}

var errPanic = errors.New("third-party code panicked")

// configError is what the constructors of this package return.
func configError(format string, args ...any) error { return fmt.Errorf("jose: "+format, args...) }
