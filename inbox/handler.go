package inbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
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
	// little else. Authorization, Proxy-Authorization and Cookie are errors. A value that is not UTF-8 is left out.
	Header []string

	// Store keeps duplicates out of the queue where the queue itself forgets a key sooner than Retention, or never knew
	// it: claim, enqueue, complete. The worker finds the duplicates that pass in a crash between the last two, so Store
	// saves work; it is not what makes an event handled once. Nil: none, which is right for package sqliteinbox.
	Store idempotency.Store

	// Retention is how long Store remembers a key, and how old an event may be where Version tells its time: an older
	// one is answered 200 and not enqueued (idempotency.TooOld). Zero: as idempotency.Config derives it from Policy.
	Retention time.Duration

	// Timeout bounds one call of Enqueue. Zero: half of Policy.AckLimit, or 5 s where that is not published.
	Timeout time.Duration

	// Observe is told what became of every delivery: idempotency.Handled is accepted. See idempotency.Config.
	Observe func(ctx context.Context, e idempotency.Observation)

	// Now is the clock of Message.Received, and of what is too old; nil: time.Now.
	Now func() time.Time
}

const (
	workScope      = "#work" // what a Worker appends to the scope, as the front may use the same store
	defaultTimeout = 5 * time.Second
	comeAgain      = time.Second // Retry-After where nothing better is known
)

// A Handler puts verified deliveries into a queue. It is made by [NewHandler], one for each endpoint; the nil and the
// zero Handler answer 500. It is safe for concurrent use.
type Handler struct {
	queue Enqueuer
	scope string
	key   idempotency.KeyFunc
	cfg   Config
	once  *idempotency.Middleware
}

// NewHandler returns the handler of one endpoint. It stands behind the middleware that verifies. The scope keeps its
// events apart from those of others in the same queue or store, for example "truv/prod".
//
// It is an error if e or key is nil, scope is empty, longer than 250 bytes, not UTF-8 or holds a NUL, if the policy is
// not valid, or if Header names what holds a credential.
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
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	h := &Handler{queue: e, scope: scope, key: key, cfg: cfg}
	front := idempotency.Config{
		Policy: cfg.Policy, Retention: cfg.Retention, MaxAttempts: -1, Observe: h.observe, Now: cfg.Now,
		Fingerprint: func(v *truhook.Verified) []byte { return arrivalOf(v).content },
		// An error that a queue marks as permanent is still no reason to tell the provider that all is well.
		DeadLetter: func(_ context.Context, _ *truhook.Verified, err error) error { return err },
	}
	if cfg.Policy.AckLimit == 0 {
		front.AnswerWithin = cfg.Timeout + cfg.Timeout/10 // for a queue that does not end when its context does
	}
	if cfg.Version != nil {
		front.Version = func(v *truhook.Verified) (string, time.Time, error) {
			a := arrivalOf(v)
			return a.message.Resource, a.message.At, a.sequenceErr
		}
	}
	var store idempotency.Store = noStore{}
	if cfg.Store != nil {
		store = frontStore{cfg.Store}
	}
	var err error
	h.once, err = idempotency.NewMiddleware(store, scope, func(v *truhook.Verified) (string, error) {
		a := arrivalOf(v)
		return a.id, a.keyErr
	}, front)
	if err != nil {
		return nil, fmt.Errorf("inbox: %w", err)
	}
	return h, nil
}

// ServeHTTP accepts the delivery that the middleware in front has verified. Without one it answers 500 and enqueues
// nothing.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v, _ := truhook.FromContext(r.Context())
	h.Accept(r.Context(), v, r.Header).Respond(w)
}

// Accept does what ServeHTTP does, for frameworks and transports without net/http, and returns how to answer. v is what
// truhook.FromContext or Verify gave; nil is answered 500. header may be nil.
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
	a := h.arrive(v, header)
	duplicate := new(bool)
	res := h.once.Do(context.WithValue(ctx, duplicateKey{}, duplicate), a.verified(), func(ctx context.Context) (err error) {
		ctx, cancel := context.WithTimeout(ctx, h.cfg.Timeout)
		defer cancel()
		*duplicate, err = h.queue.Enqueue(ctx, a.message)
		return err
	})
	if res.Outcome == idempotency.Handled && *duplicate {
		res.Outcome = idempotency.Duplicate
	}
	if res.Status == http.StatusServiceUnavailable && res.RetryAfter == 0 {
		res.RetryAfter = comeAgain
	}
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

type duplicateKey struct{}

func (h *Handler) observe(ctx context.Context, e idempotency.Observation) {
	if h.cfg.Observe == nil {
		return
	}
	if e.Outcome == idempotency.DeadLetterFailed { // Failed follows
		return
	}
	if e.Outcome == idempotency.Handled && *ctx.Value(duplicateKey{}).(*bool) {
		e.Outcome = idempotency.Duplicate
	}
	h.cfg.Observe(ctx, e)
}

// An arrival is a delivery on its way into the queue. It travels as the Detail of a proof, so that what the KeyFunc,
// the SequenceFunc and the FingerprintFunc have to say is asked for once.
type arrival struct {
	message     Message
	id          string // as the KeyFunc gave it
	content     []byte
	keyErr      error
	sequenceErr error
}

func (a *arrival) verified() *truhook.Verified {
	return &truhook.Verified{Proofs: []truhook.Proof{{Detail: a}}}
}

func arrivalOf(v *truhook.Verified) *arrival {
	a, _ := truhook.Detail[*arrival](v)
	return a
}

func (h *Handler) arrive(v *truhook.Verified, header http.Header) *arrival {
	a := &arrival{content: v.Payload}
	m := &a.message
	m.Received, m.Payload, m.Inner = h.cfg.Now(), v.Payload, v.Inner
	for _, p := range v.Proofs {
		m.Proofs = append(m.Proofs, truhook.Proof{Scheme: p.Scheme, KeyID: p.KeyID})
	}
	for _, name := range h.cfg.Header {
		for _, value := range header[name] {
			if utf8.ValidString(value) {
				if m.Header == nil {
					m.Header = http.Header{}
				}
				m.Header[name] = append(m.Header[name], value)
			}
		}
	}
	if h.cfg.Fingerprint != nil {
		a.content = h.cfg.Fingerprint(v)
	}
	if len(a.content) > 0 {
		m.Fingerprint = idempotency.NewFingerprint(a.content)
	}
	if a.id, a.keyErr = h.key(v); a.keyErr != nil {
		return a
	}
	if id := a.id; id == "" { // not deduped, and still a message of its own
		m.Key, a.keyErr = idempotency.NewKey(h.scope, "undeduped:"+rand.Text())
	} else {
		m.Key, a.keyErr = idempotency.NewKey(h.scope, id)
	}
	h.order(a, v)
	return a
}

func (h *Handler) order(a *arrival, v *truhook.Verified) {
	if h.cfg.Version == nil {
		return
	}
	resource, at, err := h.cfg.Version(v)
	if err == nil && resource != "" && !at.IsZero() {
		var k idempotency.Key
		if k, err = idempotency.NewKey(h.scope, resource); err == nil {
			a.message.Resource, a.message.At = k.ID, at
		}
	}
	a.sequenceErr = err
}
