package sqliteinbox

import (
	"fmt"

	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/internal/dedupe"
)

// plain returns err, or one that says so if its methods panic, as nothing recovers where a row is given back. An
// inbox.Worker has looked at a function's error, but not at what the function panicked with.
func plain(err error) error {
	value, stack := dedupe.Ask(err)
	if value == nil {
		return err
	}
	of := fmt.Sprintf("%T", err)
	if p, ok := err.(*idempotency.PanicError); ok { //nolint:errorlint // not to ask it again
		of, stack = fmt.Sprintf("%T", p.Value), p.Stack
	}
	return &idempotency.PanicError{Value: "the methods of a " + of + " panic too", Stack: stack}
}
