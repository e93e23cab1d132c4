package inbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/internal/dedupe"
)

// ErrInFlight says that another worker holds the lease on the event. Its work may end well, or the lease run out: come
// back later. No attempt was counted.
var ErrInFlight = errors.New("inbox: another worker is handling this event")

// A Worker stands between a queue and the function that handles events. It is made by [NewWorker] and is safe for
// concurrent use. A nil or zero Worker returns an error for every message.
type Worker struct {
	store     idempotency.Store
	once      *idempotency.Middleware
	fn        func(ctx context.Context, v *truhook.Verified) error
	dead      func(ctx context.Context, v *truhook.Verified, err error) error
	skipStale bool
}

// NewWorker returns a worker that calls fn once for each event, with s as the memory of what was done. The store may be
// the one in front of the queue: the scopes differ. Its retention has to outlast the queue's retries. One Worker serves
// messages of any number of scopes.
//
// The Config differs from that of idempotency.NewMiddleware in what a queue knows better. Version, Fingerprint and Now
// come with the message, and AnswerWithin has no meaning, so each of them is an error. DeadLetter: nil means that Work
// returns the error, still marked by retry.Permanent, and gives the event back, so that the queue keeps it among its
// own dead and its own way of replaying works. SkipStale needs messages with an order.
//
// HandlerTimeout is that of idempotency.Config: 30 s unless it says more. Set it to what the queue gives a job.
//
// It is also an error if s or fn is nil, or a duration contradicts another one.
func NewWorker(
	s idempotency.Store, fn func(ctx context.Context, v *truhook.Verified) error, cfg idempotency.Config,
) (*Worker, error) {
	switch {
	case s == nil || fn == nil:
		return nil, errors.New("inbox: the store or the function is nil")
	case cfg.Version != nil || cfg.Fingerprint != nil || cfg.Now != nil:
		return nil, errors.New("inbox: Version, Fingerprint and Now come with the message")
	case cfg.AnswerWithin != 0:
		return nil, errors.New("inbox: AnswerWithin has no meaning behind a queue")
	}
	w := &Worker{store: s, fn: fn, dead: cfg.DeadLetter, skipStale: cfg.SkipStale}
	cfg.SkipStale = false // whether an event has an order is the message's to say
	var err error
	w.once, err = idempotency.NewMiddleware(s, workScope, func(*truhook.Verified) (string, error) { return "", nil }, cfg)
	if err != nil {
		return nil, fmt.Errorf("inbox: %w", err)
	}
	return w, nil
}

var errWorker = errors.New("inbox: the worker was not made by NewWorker")

// Work handles m, unless that was done, and returns nil when m may leave the queue.
//
// An error means that it has to come again: the function's own, [ErrInFlight], idempotency.ErrHandlerTimeout or that of
// the store. One marked by retry.Permanent says that coming again would not help. The mark is taken off where a
// DeadLetter is set and has failed: nobody has the event then.
//
// A panic of the function passes through, with the stack of this call, and as its text where no queue could keep that
// as it is (a NUL, bytes that are no UTF-8); the event was given back, Config.Logger was told the function and line,
// and Config.Observe the stack. For the function, idempotency.FromContext gives attempt, order and idempotency key, and
// [FromContext] the message. Its context ends with ctx, which is the queue's, when the lease is lost, and when its time
// is over; a function that does not look at it then goes on, while Work returns. A message is never too old for a
// worker.
//
// An error whose own methods panic, as those of a nil pointer in an error do, comes back as an idempotency.PanicError,
// and so does runtime.Goexit of the function.
func (w *Worker) Work(ctx context.Context, m Message) error {
	if w == nil || w.once == nil {
		return errWorker
	}
	item, err := m.item()
	if err == nil {
		err = ctx.Err() // nothing is begun for a queue that stops
	}
	if err != nil {
		return err
	}
	defer func() {
		if value := recover(); value != nil {
			panic(keepablePanic(value))
		}
	}()
	v := m.Verified()
	call := dedupe.Call{
		Until: ctx, SkipStale: w.skipStale, KeepsDead: w.dead == nil,
		ReturnsExit: true, // queues recover a panic, and would wait for an end of their goroutine
	}
	if w.dead != nil {
		call.DeadLetter = func(ctx context.Context, err error) error {
			return w.dead(context.WithValue(ctx, contextKey{}, m), v, err)
		}
	}
	res, err := w.once.Run(ctx, item, call, func(ctx context.Context) error {
		return readable(w.fn(context.WithValue(ctx, contextKey{}, m), v))
	})
	switch res.Outcome {
	case idempotency.Handled, idempotency.Duplicate, idempotency.Stale:
		return nil
	case idempotency.DeadLettered:
		if w.dead != nil {
			return nil
		}
		if err != nil {
			return readable(err) // also what Claim.Fail was given
		}
	case idempotency.InFlight:
		return fmt.Errorf("%w for another %v", ErrInFlight, res.RetryAfter.Round(time.Millisecond))
	}
	if err == nil {
		return fmt.Errorf("inbox: the event was not handled: %s", res.Outcome)
	}
	return unmark(readable(err)) // or the queue would bury what DeadLetter could not take
}

// Forget lets the event of k, which is that of its [Message], be handled again: call it for an event that DeadLetter
// has taken, before it is enqueued once more. See idempotency.Middleware.Forget.
func (w *Worker) Forget(ctx context.Context, k idempotency.Key) error {
	if w == nil || w.once == nil {
		return errWorker
	}
	return w.store.Forget(ctx, idempotency.Key{Scope: k.Scope + workScope, ID: k.ID})
}

// item is the event of m as the engine sees it: in a scope of its own, as the front may use the same store.
func (m Message) item() (dedupe.Item, error) {
	if err := m.check(); err != nil {
		return dedupe.Item{}, err
	}
	scope := m.Key.Scope + workScope
	item := dedupe.Item{
		Key: dedupe.Key{Scope: scope, ID: m.Key.ID}, Fingerprint: m.Fingerprint,
		Judged:   m.Received, // by the clock that accepted it, however long it has waited
		Accepted: true,
	}
	if len(scope) > idempotency.MaxKeyBytes {
		return dedupe.Item{}, errKey
	}
	if m.Resource != "" && dedupe.Plausible(m.At, m.Received) {
		if k, err := idempotency.NewKey(scope, m.Resource); err == nil {
			item.Resource, item.Version = dedupe.Key(k), m.At
		}
	}
	return item, nil
}
