package inbox

import (
	"fmt"

	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/internal/dedupe"
	"github.com/truhook/truhook/retry"
)

// readable returns err, or what its methods panic with. Queues call them where nothing recovers, so that one event
// would end the process, and again after each start. Queues keep the text too, and one that a database cannot hold
// would keep the failure from being written.
func readable(err error) (out error) {
	value, stack := dedupe.Ask(err)
	if value == nil {
		return keepable(err)
	}
	out = keepable(&idempotency.PanicError{Value: value, Stack: stack})
	defer func() { _ = recover() }()
	if retry.IsPermanent(err) {
		out = retry.Permanent(out)
	}
	return out
}

func keepable(err error) error {
	if err != nil && text(err.Error()) != err.Error() {
		return &legible{err}
	}
	return err
}

// keepablePanic returns what a function panicked with, or its text where a queue could not keep that: River writes it
// into the commit by which the jobs beside it are completed, and none of them would be.
func keepablePanic(value any) any {
	words := fmt.Sprint(value) // which recovers the panics of its methods
	if kept := text(words); kept != words {
		return kept
	}
	return value
}

// A legible error is one whose text every queue can keep.
type legible struct{ err error }

func (l *legible) Error() string { return text(l.err.Error()) }
func (l *legible) Unwrap() error { return l.err }
