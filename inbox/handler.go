package inbox

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/internal/dedupe"
	"github.com/truhook/truhook/retry"
)

// An Enqueuer is a queue that survives a crash.
//
// Enqueue returns nil only when m is durable: written and, by the queue's own rules, safe. It reports duplicate if a
// message of the same Key is in the queue or was handled, which is no error; an Enqueuer that cannot tell reports
// false. An error means that m may or may not be in the queue: the provider comes again, and the worker finds the
// duplicate. Enqueue must be safe for concurrent use and end when ctx does; it may keep m, whose slices do not change.
type Enqueuer interface {
	Enqueue(ctx context.Context, m Message) (duplicate bool, err error)
}

// A Config has what is optional about a [Handler]. Its zero value is that of a provider of which nothing is known.
type Config struct {
	_ [0]func()

	// Policy is the provider, for example truv.RetryPolicy().
	Policy retry.Policy

	// Version tells the order of events, for the worker. Nil: none.
	Version idempotency.VersionFunc

	// Fingerprint tells deliveries of one key apart. Nil: the payload. See idempotency.Config.
	Fingerprint idempotency.FingerprintFunc

	// Header names the request's headers that go into the message. No signature covers them, so they serve tracing and
	// little else. Authorization, Proxy-Authorization and Cookie are errors. A value that is not UTF-8, or holds a
	// NUL, is left out.
	Header []string

	// Store keeps duplicates out of the queue where the queue itself forgets a key sooner than Retention, or never knew
	// it: claim, enqueue, complete. The worker finds the duplicates that pass in a crash between the last two, so Store
	// saves work; it is not what makes an event handled once. Nil: none, which is right for package sqliteinbox.
	Store idempotency.Store

	// HandleUndeduped enqueues without a claim while Store cannot be asked, or is full; the worker finds the
	// duplicates. False: answered 503.
	HandleUndeduped bool

	// Retention is how long Store remembers a key, and how old an event may be where Version tells its time: an older
	// one is enqueued and reported (idempotency.TooOld), as nobody can tell whether it was handled. Message.At and
	// Message.Received tell the worker's function. Zero: as idempotency.Config derives it from Policy.
	Retention time.Duration

	// Timeout bounds one call of Enqueue. Zero, or less: half of Policy.AckLimit, or 5 s where that is not published. A
	// timeout as long as the AckLimit is an error.
	Timeout time.Duration

	// Observe is told what became of every delivery: idempotency.Handled is accepted. See idempotency.Config.
	Observe func(ctx context.Context, o idempotency.Observation)

	// Logger is told what was not enqueued, with the queue's or the store's error, and what is enqueued too old or
	// without an id: see idempotency.Config.
	Logger *slog.Logger

	// Now is the clock of Message.Received, and of what is too old. Nil: as in idempotency.Config.
	Now func() time.Time
}

const (
	workScope       = "#work" // what a Worker appends to the scope, as the front may use the same store
	defaultTimeout  = 5 * time.Second
	shortestTimeout = 30 * time.Second // until a queue that does not end when its context does has no place any more
)

// A Handler puts verified deliveries into a queue. It is made by [NewHandler], one for each endpoint; the nil and the
// zero Handler answer 500. It is safe for concurrent use.
type Handler struct {
	queue Enqueuer
	scope string
	cfg   Config
	once  *idempotency.Middleware
}

// NewHandler returns the handler of one endpoint. It stands behind the middleware that verifies. The scope keeps its
// events apart from those of others in the same queue or store, for example "truv/prod".
//
// It is an error if e or key is nil, scope is empty, longer than 250 bytes, not UTF-8 or holds a NUL, if the policy is
// not valid, if a duration would lose events under it, or if Header names what holds a credential.
func NewHandler(e Enqueuer, scope string, key idempotency.KeyFunc, cfg Config) (*Handler, error) {
	if e == nil || key == nil {
		return nil, errors.New("inbox: the Enqueuer or the KeyFunc is nil")
	}
	if scope == "" || len(scope)+len(workScope) > idempotency.MaxKeyBytes {
		return nil, fmt.Errorf("inbox: the scope is empty or longer than %d bytes", idempotency.MaxKeyBytes-len(workScope))
	}
	cfg.Header = slices.Clone(cfg.Header)
	for i, name := range cfg.Header {
		name = http.CanonicalHeaderKey(name)
		switch name {
		case "", "Authorization", "Proxy-Authorization", "Cookie":
			return nil, fmt.Errorf("inbox: the header %q does not belong into a queue", name)
		}
		cfg.Header[i] = name
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
		if limit := cfg.Policy.AckLimit; limit > 0 {
			cfg.Timeout = limit / 2
		}
	}
	if limit := cfg.Policy.AckLimit; limit > 0 && cfg.Timeout >= limit {
		return nil, fmt.Errorf("inbox: a Timeout of %v outlasts the %v within which %q expects a response",
			cfg.Timeout, limit, cfg.Policy.Provider)
	}
	front := idempotency.Config{
		Policy: cfg.Policy, Version: cfg.Version, Fingerprint: cfg.Fingerprint, Retention: cfg.Retention,
		HandleUndeduped: cfg.HandleUndeduped, HandlerTimeout: max(shortestTimeout, 2*cfg.Timeout),
		Observe: cfg.Observe, Logger: cfg.Logger, Now: cfg.Now,
	}
	if cfg.Policy.AckLimit == 0 {
		front.AnswerWithin = cfg.Timeout + cfg.Timeout/10 // for a queue that does not end when its context does
	}
	store := cfg.Store
	if store == nil {
		store = unclaimed{}
	}
	once, err := idempotency.NewMiddleware(store, scope, key, front)
	if err != nil {
		return nil, fmt.Errorf("inbox: %w", err)
	}
	return &Handler{queue: e, scope: scope, cfg: cfg, once: once}, nil
}

// unclaimed is the store of a Handler without one, which is never asked: the queue knows its duplicates.
type unclaimed struct{ idempotency.Store }

// ServeHTTP accepts the delivery that the middleware in front has verified. Without one it answers 500 and enqueues
// nothing.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v, _ := truhook.FromContext(r.Context())
	h.Accept(r.Context(), v, r.Header).Respond(w)
}

// Accept does what ServeHTTP does, for frameworks and transports without net/http, and returns how to answer. v is what
// truhook.FromContext or Verify gave; nil is answered 500. header may be nil, and its names in upper or lower case.
//
// The Outcome is idempotency.Handled when the message is durable and Duplicate when it was before; both are 200. It is
// Failed when Enqueue returned an error, InFlight or Unavailable when Store had no answer, and Late when Enqueue goes
// on but the provider's patience ends: 503 and RetryAfter. The call goes on when ctx ends, as long as Timeout allows.
func (h *Handler) Accept(ctx context.Context, v *truhook.Verified, header http.Header) idempotency.Result {
	if h == nil || h.once == nil {
		return idempotency.Result{Outcome: idempotency.NotVerified, Status: http.StatusInternalServerError}
	}
	if v == nil {
		return h.once.Do(ctx, nil, nil)
	}
	item, err := h.once.Item(ctx, v)
	if err != nil {
		return idempotency.Result{Outcome: idempotency.BadKey, Status: http.StatusInternalServerError}
	}
	call := dedupe.Call{AnswersEarly: true, Unclaimed: h.cfg.Store == nil, EnqueuesOld: true}
	if item.Key == (dedupe.Key{}) { // not deduped, and still a message of its own
		item.Key, call.Unclaimed = dedupe.Key{Scope: h.scope, ID: "undeduped:" + rand.Text()}, true
	}
	m := h.message(item, v, header)
	item.Resource = dedupe.Key{} // the order of events is that in which workers start
	res, _ := h.once.Run(ctx, item, call, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, h.cfg.Timeout)
		defer cancel()
		duplicate, err := h.queue.Enqueue(ctx, m)
		switch {
		case err != nil:
			return &dedupe.QueueError{Err: err}
		case duplicate:
			return dedupe.ErrDuplicate
		}
		return nil
	})
	return res
}

// Wait returns when no Enqueue runs any more whose delivery was answered as Late, or with the context's error. Call it
// after http.Server.Shutdown.
func (h *Handler) Wait(ctx context.Context) error {
	if h == nil {
		return nil
	}
	return h.once.Wait(ctx)
}

// Forget lets the event of id, as the KeyFunc gives it, into the queue again, as far as Store remembers it: see
// idempotency.Middleware.Forget. What the queue itself remembers, and the worker's store, is forgotten there.
func (h *Handler) Forget(ctx context.Context, id string) error {
	switch {
	case h == nil || h.once == nil:
		return errors.New("inbox: the handler was not made by NewHandler")
	case h.cfg.Store == nil:
		return nil
	}
	return h.once.Forget(ctx, id)
}

// message makes what goes into the queue. It shares no memory with v and header, which a host may use again.
func (h *Handler) message(item dedupe.Item, v *truhook.Verified, header http.Header) Message {
	m := Message{
		Key: idempotency.Key(item.Key), Fingerprint: item.Fingerprint, Received: item.Judged,
		Payload: bytes.Clone(v.Payload), Inner: bytes.Clone(v.Inner),
	}
	if item.Resource.ID != "" && !item.Version.IsZero() {
		m.Resource, m.At = item.Resource.ID, item.Version
	}
	for _, p := range v.Proofs {
		m.Proofs = append(m.Proofs, truhook.Proof{Scheme: text(p.Scheme), KeyID: text(p.KeyID)})
	}
	sent := truhook.Delivery{Header: header} // which need not come from net/http: its names may be in any spelling
	for _, name := range h.cfg.Header {
		for _, value := range sent.HeaderValues(name) {
			if text(value) == value {
				if m.Header == nil {
					m.Header = http.Header{}
				}
				m.Header[name] = append(m.Header[name], strings.Clone(value))
			}
		}
	}
	return m
}

// text is a copy that every queue can hold: JSON holds UTF-8 only, and PostgreSQL no NUL.
func text(s string) string {
	const unknown = "\uFFFD"
	return strings.Clone(strings.ReplaceAll(strings.ToValidUTF8(s, unknown), "\x00", unknown))
}
