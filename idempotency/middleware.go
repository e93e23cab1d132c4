package idempotency

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/truhook/truhook"
)

// Handle returns a handler that calls fn once for each event, and answers by what it returns: nil completes the event,
// an error gives it back and asks the provider to come again, and an error marked by retry.Permanent goes to
// Config.DeadLetter and completes it. The sender learns none of these errors. A panic gives the event back and is
// raised again: net/http closes the connection, which every provider takes as a failed attempt.
//
// The context of fn goes on when the provider hangs up, and ends when the lease is lost, with [ErrLeaseLost] as its
// cause. [FromContext] gives the claim. fn may still run after the answer (see Config.AnswerWithin), so it must not
// touch what belongs to the request; v stays valid. Handle panics if fn is nil. It stands behind the middleware that
// verifies: without that every request is answered 500.
func (m *Middleware) Handle(fn func(ctx context.Context, v *truhook.Verified) error) http.Handler {
	if fn == nil {
		panic("idempotency: Handle: the function is nil")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, _ := truhook.FromContext(r.Context())
		m.Do(r.Context(), v, func(ctx context.Context) error { return fn(ctx, v) }).Respond(w)
	})
}

// Do calls fn if the event of v is to be handled now, settles the event by what fn returns, as [Middleware.Handle]
// does, and returns how to answer. It serves frameworks whose handlers return errors (echo, gin), functions without
// HTTP, and workers behind a queue. v is what truhook.FromContext or Verify gave; nil is answered 500.
//
// fn may still run after Do has returned (see Config.AnswerWithin): it must use nothing that the framework takes back
// with the answer, such as a gin.Context. Set AnswerWithin to -1 where a process is frozen between requests. A panic of
// fn is raised again here, or reported if Do has returned before.
func (m *Middleware) Do(ctx context.Context, v *truhook.Verified, fn func(context.Context) error) Result {
	if m == nil {
		return Result{Outcome: NotVerified, Status: http.StatusInternalServerError}
	}
	return m.do(ctx, v, m.cfg.AnswerWithin, fn)
}

func (m *Middleware) do(
	ctx context.Context, v *truhook.Verified, within time.Duration, fn func(context.Context) error,
) Result {
	d := &delivery{Middleware: m, ctx: context.WithoutCancel(ctx), v: v, start: time.Now(), within: within}
	if m.store == nil || v == nil {
		return d.end(NotVerified, nil, 0)
	}
	id, err := m.key(v)
	if err != nil {
		return d.end(BadKey, fmt.Errorf("idempotency: the KeyFunc: %w", err), 0)
	}
	if id == "" {
		d.report(NotDeduped, nil)
		d.within = 0 // its redelivery would run beside it
		return d.run(fn)
	}
	if d.claim.Key, err = NewKey(m.scope, id); err != nil {
		return d.end(BadKey, err, 0)
	}
	if d.sequence(); d.tooOld() {
		return d.end(TooOld, nil, 0)
	}
	if err := ctx.Err(); err != nil {
		return d.end(Unavailable, err, 0) // nobody waits for it and nothing has begun
	}
	d.claim = ClaimRequest{
		Key: d.claim.Key, Token: NewToken(), Fingerprint: fingerprint(m.cfg.Fingerprint(v)),
		Lease: m.cfg.Lease, Retain: m.cfg.Retention,
	}
	if err := d.acquire(ctx); err != nil {
		return d.end(Unavailable, err, 0)
	}
	d.compare()
	switch d.record.State {
	case Done:
		return d.end(Duplicate, nil, 0)
	case Busy:
		return d.end(InFlight, nil, d.record.LeaseLeft)
	}
	if err := d.advance(); err != nil {
		d.release()
		return d.end(Unavailable, err, 0)
	}
	if d.order == Older {
		if m.cfg.SkipStale {
			d.complete()
			return d.end(Stale, nil, 0)
		}
		d.report(OutOfOrder, nil)
	}
	return d.run(fn)
}

func fingerprint(content []byte) Fingerprint {
	if len(content) == 0 {
		return Fingerprint{}
	}
	return NewFingerprint(content)
}

// Wrap returns h, called once for each event: an answer of 2xx completes the event, any other gives it back, and so
// does a panic. It is for a handler of net/http that exists already; [Middleware.Handle] is better where the code is
// new. It never answers before h has returned, whatever Config.AnswerWithin says.
//
// Wrap believes the status that h writes to the ResponseWriter it was given. A framework that writes its errors after
// its middleware has returned (echo), or that does not write to that writer, would have its failed events completed:
// use [Middleware.Do] there. The answer is held back until the event is settled, up to 64 KiB of it and unless h
// flushes, so that [Claim.Fail] can still change it. A redirect is answered 503 instead, as Truv takes one for
// accepted; other answers of h are passed on as they are, a 4xx too, which for Truval ends the matter. Wrap panics if h
// is nil.
func (m *Middleware) Wrap(h http.Handler) http.Handler {
	if h == nil {
		panic("idempotency: Wrap: the handler is nil")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, _ := truhook.FromContext(r.Context())
		if m == nil {
			m.Do(r.Context(), v, nil).Respond(w)
			return
		}
		held, own := hold(w), false // own: the handler's answer stands
		res := m.do(r.Context(), v, 0, func(ctx context.Context) error {
			h.ServeHTTP(held, r.WithContext(ctx))
			status := held.statusCode()
			own = !failed(ctx) && (status < 300 || status > 399)
			if status < 200 || status > 299 {
				return fmt.Errorf("%w %d", errStatus, status)
			}
			return nil
		})
		switch {
		case held.passed: // too late for anything else
		case own:
			held.pass()
		default:
			res.Respond(w)
		}
	})
}

var errStatus = errors.New("idempotency: the handler answered")
