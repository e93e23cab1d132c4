package dedupe

import (
	"errors"
	"runtime/debug"
)

// Ask calls the methods of err, and of all that it wraps, as those do who get it: Error, Unwrap, Is and As. It returns
// what one of them panics with, and the stack; nil: none does. They are not ours, and those of a nil pointer in an
// error panic. Who calls them where nothing recovers asks here first.
func Ask(err error) (value any, stack []byte) {
	defer func() {
		if value = recover(); value != nil {
			stack = debug.Stack()
		}
	}()
	var none unfound
	if err != nil {
		_, _, _ = errors.As(err, &none), errors.Is(err, none), err.Error()
	}
	return nil, nil
}

// unfound is nowhere, so that nothing is left out for having been found.
type unfound struct{}

func (unfound) Error() string { return "" }
