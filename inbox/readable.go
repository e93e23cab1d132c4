package inbox

import (
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
		if err != nil && text(err.Error()) != err.Error() {
			return &legible{err}
		}
		return err
	}
	out = &idempotency.PanicError{Value: value, Stack: stack}
	defer func() { _ = recover() }()
	if retry.IsPermanent(err) {
		out = retry.Permanent(out)
	}
	return out
}

// A legible error is one whose text every queue can keep.
type legible struct{ err error }

func (l *legible) Error() string { return text(l.err.Error()) }
func (l *legible) Unwrap() error { return l.err }
