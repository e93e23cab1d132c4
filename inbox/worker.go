package inbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/retry"
)

// ErrInFlight says that another worker holds the lease on the event. Its work may end well, or the lease run out: come
// back later. No attempt was counted.
var ErrInFlight = errors.New("inbox: another worker is handling this event")

// A Worker stands between a queue and the function that handles events. It is made by [NewWorker] and is safe for
// concurrent use. A nil or zero Worker returns an error for every message.
type Worker struct {
	store idempotency.Store
	fn    func(ctx context.Context, v *truhook.Verified) error
	cfg   idempotency.Config
}

// NewWorker returns a worker that calls fn once for each event, with s as the memory of what was done. The store may be
// the one in front of the queue: the scopes differ. Its retention has to outlast the queue's retries.
//
// The Config differs from that of idempotency.NewMiddleware in what a queue knows better. Version, Fingerprint and Now
// come with the message, and AnswerWithin and Fallback have no meaning, so each of them is an error. MaxAttempts: zero
// means no limit, as queues count for themselves. DeadLetter: nil means that Work returns the error, still marked by
// retry.Permanent, and forgets the claim, so that the queue's own way of replaying a dead message works. SkipStale
// needs messages with an order.
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
	case cfg.AnswerWithin != 0 || cfg.Fallback != nil:
		return nil, errors.New("inbox: AnswerWithin and Fallback have no meaning behind a queue")
	}
	cfg.AnswerWithin = -1
	if cfg.MaxAttempts == 0 {
		cfg.MaxAttempts = -1
	}
	w := &Worker{store: s, fn: fn, cfg: cfg}
	probe := cfg
	probe.SkipStale = false
	if _, err := idempotency.NewMiddleware(s, workScope, func(*truhook.Verified) (string, error) { return "", nil }, probe); err != nil {
		return nil, fmt.Errorf("inbox: %w", err)
	}
	return w, nil
}

// Work handles m, unless that was done, and returns nil when m may leave the queue.
//
// An error means that it has to come again: the function's own, [ErrInFlight], or that of the store. One marked by
// retry.Permanent says that coming again would not help. A panic of the function passes through; the event was given
// back. For the function, idempotency.FromContext gives attempt, order and idempotency key, and [FromContext] the
// message. Its context ends with ctx, which is the queue's, and when the lease is lost.
func (w *Worker) Work(ctx context.Context, m Message) error {
	if w == nil || w.fn == nil {
		return errors.New("inbox: the worker was not made by NewWorker")
	}
	if err := m.check(); err != nil {
		return err
	}
	var last error // what the outcome was for; written in this goroutine only
	cfg := w.config(m, &last)
	once, err := idempotency.NewMiddleware(w.store, m.Key.Scope+workScope,
		func(*truhook.Verified) (string, error) { return m.Key.ID, nil }, cfg)
	if err != nil {
		return fmt.Errorf("inbox: %w", err)
	}
	v := m.Verified()
	res := once.Do(ctx, v, func(claimed context.Context) error {
		claimed, cancel := context.WithCancelCause(context.WithValue(claimed, contextKey{}, m))
		defer cancel(nil)
		defer context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })()
		return w.fn(claimed, v)
	})
	switch res.Outcome {
	case idempotency.Handled, idempotency.Duplicate, idempotency.DeadLettered, idempotency.Stale:
		return nil
	case idempotency.InFlight:
		return fmt.Errorf("%w for another %v", ErrInFlight, res.RetryAfter.Round(time.Millisecond))
	}
	if last == nil {
		last = fmt.Errorf("inbox: the event was not handled: %s", res.Outcome)
	}
	return last
}

// futureSlack is that of package idempotency: a version further ahead does not move the gate.
const futureSlack = 5 * time.Minute

// config completes the Config with what comes with the message.
func (w *Worker) config(m Message, last *error) idempotency.Config {
	cfg := w.cfg
	// What was accepted is never too old: the handler in front has judged that.
	cfg.Now = func() time.Time { return m.At }
	cfg.Fingerprint = func(*truhook.Verified) []byte {
		if m.Fingerprint == (idempotency.Fingerprint{}) {
			return nil
		}
		return m.Fingerprint[:]
	}
	ahead := !m.Received.IsZero() && m.At.After(m.Received.Add(futureSlack))
	if m.Resource != "" && !m.At.IsZero() && !ahead {
		cfg.Version = func(*truhook.Verified) (string, time.Time, error) { return m.Resource, m.At, nil }
	} else {
		cfg.SkipStale = false
	}
	kept := cfg.DeadLetter == nil // in the queue
	if kept {
		cfg.DeadLetter = func(_ context.Context, _ *truhook.Verified, err error) error { return err }
	}
	observe := cfg.Observe
	cfg.Observe = func(ctx context.Context, e idempotency.Observation) {
		switch e.Outcome {
		case idempotency.DeadLetterFailed:
			if kept {
				return
			}
		case idempotency.Failed, idempotency.Unavailable, idempotency.BadKey:
			*last = e.Err
			if kept && retry.IsPermanent(e.Err) {
				e.Outcome = idempotency.DeadLettered
			}
		}
		if observe != nil {
			observe(ctx, e)
		}
	}
	return cfg
}
