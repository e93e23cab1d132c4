package idempotency

import (
	"context"
	"errors"
	"net/http"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/dedupe"
	"github.com/truhook/truhook/retry"
)

// A Middleware handles each event once. It is made by [NewMiddleware], one for each endpoint; the nil and the zero
// Middleware answer 500. It is safe for concurrent use.
type Middleware struct {
	store   Store
	scope   string
	key     KeyFunc
	cfg     Config // completed
	flights flights
	waiting chan struct{} // a place for each delivery that waits
	late    lateHandlers
	log     outcomeLog

	delivered, retried int // statuses
}

// NewMiddleware returns the middleware of one endpoint. The scope keeps its events apart from those of others in the
// same store: name the provider and the environment in it, for example "truv/prod". It comes from the configuration,
// never from a request.
//
// It is an error if s or key is nil, scope is empty, longer than [MaxKeyBytes], not UTF-8 or holds a NUL, if the policy
// is not valid, if a duration contradicts another one or would lose events under the policy, or if there is a SkipStale
// without a Version.
func NewMiddleware(s Store, scope string, key KeyFunc, cfg Config) (*Middleware, error) {
	if s == nil || key == nil {
		return nil, errors.New("idempotency: the store or the KeyFunc is nil")
	}
	if _, err := NewKey(scope, "id"); err != nil {
		return nil, err
	}
	if err := cfg.Policy.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.complete()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	m := &Middleware{
		store: s, scope: scope, key: key, cfg: cfg,
		waiting:   make(chan struct{}, maxWaiters),
		delivered: http.StatusOK, retried: http.StatusServiceUnavailable,
	}
	if code, ok := cfg.Policy.Status(retry.Delivered); ok {
		m.delivered = code
	}
	if code, ok := cfg.Policy.Status(retry.Retried); ok {
		m.retried = code
	}
	return m, nil
}

// Handle returns a handler that calls fn once for each event, and answers by what it returns: nil completes the event,
// an error gives it back and asks the provider to come again, and an error marked by retry.Permanent goes to
// Config.DeadLetter and completes it. The sender learns none of these errors. A panic gives the event back and is
// raised again: net/http closes the connection, which every provider takes as a failed attempt.
//
// The context of fn goes on when the provider hangs up. It ends when the lease is lost, with [ErrLeaseLost] as its
// cause, and after Config.HandlerTimeout, with [ErrHandlerTimeout]. [FromContext] gives the claim. fn may still run
// after the answer (see Config.AnswerWithin), so it must not touch what belongs to the request; v stays valid. Handle
// panics if fn is nil. It stands behind the middleware that verifies: without that every request is answered 500.
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
// HTTP, and workers behind a queue. v is what truhook.FromContext or Verify gave; nil is answered 500. The end of ctx
// ends the wait for another delivery of the event, and nothing else: a sender that has closed its half of the
// connection gets its answer.
//
// fn may still run after Do has returned (see Config.AnswerWithin and Config.HandlerTimeout): it must use nothing that
// the framework takes back with the answer, such as a gin.Context, or look at its context. Set AnswerWithin to -1 where
// a process is frozen between requests. A panic of fn is raised again here, or reported if Do has returned before.
func (m *Middleware) Do(ctx context.Context, v *truhook.Verified, fn func(context.Context) error) Result {
	if m == nil {
		return Result{Outcome: NotVerified, Status: http.StatusInternalServerError}
	}
	return m.do(ctx, v, dedupe.Call{AnswersEarly: true}, fn)
}

func (m *Middleware) do(
	ctx context.Context, v *truhook.Verified, call dedupe.Call, fn func(context.Context) error,
) Result {
	if m.store == nil || v == nil {
		m.observe(ctx, Observation{Outcome: NotVerified})
		return m.result(NotVerified, false, 0)
	}
	item, err := m.Item(ctx, v)
	if err != nil {
		return m.result(BadKey, false, 0)
	}
	call.SkipStale = m.cfg.SkipStale
	if dead := m.cfg.DeadLetter; dead != nil {
		call.DeadLetter = func(ctx context.Context, err error) error { return dead(ctx, v, err) }
	}
	res, _ := m.Run(ctx, item, call, fn)
	return res
}

// Forget lets the event of id, as the KeyFunc gives it, be handled again: call it for an event that DeadLetter has
// taken, after its cause was mended, and let the provider deliver it once more. Without it that delivery is a
// [Duplicate] until the retention is over. An event that nobody remembers is no error; one that is being handled is
// [ErrInFlight].
func (m *Middleware) Forget(ctx context.Context, id string) error {
	if m == nil || m.store == nil {
		return errors.New("idempotency: the middleware was not made by NewMiddleware")
	}
	k, err := NewKey(m.scope, id)
	if err != nil {
		return err
	}
	return m.call(ctx, func(ctx context.Context) error { return m.store.Forget(ctx, k) })
}
