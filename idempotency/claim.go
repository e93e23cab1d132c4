package idempotency

import (
	"context"
	"fmt"
	"sync/atomic"
)

// A Claim is what a handler may know about the claim it runs under. The zero value is that of a handler which runs
// under none: Attempt is 0, and Fail does nothing.
type Claim struct {
	// Attempt is 1 the first time, and larger after a failure, a crash, or a lost lease: an earlier attempt may have
	// had an effect. It only grows while the record is kept, so it serves as a fencing number. 0: the handler runs
	// without a claim.
	Attempt uint32

	// Order says how the event stands to others of its resource. It is OrderUnknown without Config.Version.
	//
	// No handler starts for an older event, without being told Older, after one has started for a newer one. One that
	// had started before may still write last: compare the event's time in the statement that writes, too.
	Order Order

	// IdempotencyKey is the same on every attempt and differs between events: 32 hex digits to pass on to the APIs that
	// the handler calls. Empty where the KeyFunc gave no id.
	IdempotencyKey string

	failure *atomic.Pointer[error]
}

// Fail makes the delivery fail with err, whatever the handler returns or answers: the event is given back, and the
// provider is asked to come again unless err is marked by retry.Permanent. It serves handlers under Wrap, and what runs
// deep inside a handler. The first error counts; nil does nothing, and so does a call after the handler has returned.
// Under Wrap the answer can still change if less than 64 KiB of it were written and none flushed.
func (c Claim) Fail(err error) {
	if err != nil && c.failure != nil {
		c.failure.CompareAndSwap(nil, &err)
	}
}

func failed(ctx context.Context) bool {
	c, ok := FromContext(ctx)
	return ok && c.failure.Load() != nil
}

type contextKey struct{}

// FromContext returns the claim that a handler runs under. It reports false where no [Middleware] called the handler.
func FromContext(ctx context.Context) (Claim, bool) {
	c, ok := ctx.Value(contextKey{}).(Claim)
	return c, ok
}

// A PanicError is what Config.Observe gets after a panic in a handler.
type PanicError struct {
	Value any    // what the handler panicked with; nil: it called runtime.Goexit
	Stack []byte // of the goroutine that panicked
}

// Error returns the panic's value as text, or its type if its own methods panic.
func (e *PanicError) Error() string {
	if e.Value == nil {
		return "idempotency: the handler called runtime.Goexit"
	}
	return "idempotency: the handler panicked: " + textOf(e.Value)
}

func textOf(value any) (text string) {
	defer func() {
		if recover() != nil { // fmt recovers the first panic, not one of its value
			text = fmt.Sprintf("a %T", value)
		}
	}()
	return fmt.Sprint(value)
}

// Unwrap returns the value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
