package idempotency

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/retry"
)

// A KeyFunc returns the provider's id of an event, out of verified bytes: truv.EventID is one. An empty id means
// that this delivery is not deduped: its handler is called. An error means that it is not handled and answered 500. On
// a route of several tenants, put the tenant into the id, with a separator that no tenant's name holds.
type KeyFunc func(v *truhook.Verified) (string, error)

// A FingerprintFunc returns what makes two deliveries of one event equal; it is hashed. Nothing: not compared. For a
// provider whose redeliveries differ by design, as those of Trulioo do by a counter, it leaves that part out.
type FingerprintFunc func(v *truhook.Verified) []byte

// A Config has what is optional about a [Middleware]. Its zero value is that of a provider of which nothing is known: a
// lease of 8 s, a retention of 7 days, no early answer.
type Config struct {
	_ [0]func()

	// Policy is the provider, for example truv.RetryPolicy(). What follows is derived from it.
	Policy retry.Policy

	// Lease is how long an event stays claimed by a process that died. The handler may take longer: the lease is
	// renewed at each third of it.
	//
	// Zero: two thirds of the shortest time in which the provider makes all of its attempts (so that one of them comes
	// after the lease), at most the provider's AckLimit and at most 10 s. Where the attempts are not published 8 s, or the
	// AckLimit if that is shorter: less than the 10 s that senders commonly wait. That makes 10 s for Truv, 2 s for
	// Truval, and 8 s for Trulioo and TransUnion. A longer lease than the provider's attempts take loses every event
	// whose process dies.
	Lease time.Duration

	// Retention is how long an event is remembered, from its first claim on. It is the horizon for replays too: where
	// Version tells the time of an event, one that is older than the retention, less five minutes, is refused as TooOld.
	//
	// Zero: a day more than Policy.Horizon; where the provider publishes its attempts but no way to deliver by hand,
	// 30 days are taken for that, the time for which Truv and Truval keep their logs of deliveries. Where it publishes
	// neither, 7 days. That makes 31 days for Truv and Truval, and 7 for Trulioo and TransUnion.
	Retention time.Duration

	// Wait is how long a delivery waits for its twin, which is being handled, before it is answered as InFlight. Zero:
	// until a quarter of a second after the twin's lease, at most half the AckLimit and at most 5 s. Negative: not at
	// all. At most 64 deliveries wait at a time.
	Wait time.Duration

	// AnswerWithin is how long Do and Handle wait for the handler before they answer as Late: 503, while the handler
	// goes on. Its redelivery then finds the event done. Zero: nine tenths of the AckLimit, never where that is not
	// published. Negative: never. At most 64 handlers are late at a time. Truv counts these answers as failures, and may
	// switch off an endpoint that fails continuously: a handler that is usually late belongs behind package inbox.
	AnswerWithin time.Duration

	// StoreTimeout bounds what one step (a claim, say) may spend on the store, repetitions included. Zero, or less: 1 s.
	StoreTimeout time.Duration

	// MaxAttempts is after how many attempts an event is no longer handled but handed to DeadLetter: an event whose
	// handling kills the process is not noticed otherwise. Zero: 32, which no published schedule reaches. Negative:
	// never.
	MaxAttempts int

	// DeadLetter takes an event whose handler returned an error marked by retry.Permanent, or whose attempts are over
	// (ErrTooManyAttempts). FromContext tells the rest. If it returns an error the event is given back and asked for
	// again. Nil: the event is completed and reported to Observe; its payload is gone.
	DeadLetter func(ctx context.Context, v *truhook.Verified, err error) error

	// Version tells the order of events. Nil: none.
	Version VersionFunc

	// SkipStale completes an event without calling its handler if a later one of its resource came first, whether or not
	// the handler of that one has succeeded. By default the handler is called, and Claim.Order says so.
	SkipStale bool

	// Fingerprint tells deliveries of one key apart. Nil: the payload. What differs is reported as Mismatch and treated
	// as the same event, as no provider documents that its redeliveries repeat every byte.
	Fingerprint FingerprintFunc

	// Fallback takes over while the store cannot be asked or is full, usually a Memory. It is told of every event that
	// this process claims, so it needs the room for one retention, as the store does. During an outage an event is
	// deduped within this process only, Claim.Attempt counts the attempts of this process, and the order is that of
	// this process. Nil: answered 503.
	Fallback Store

	// Observe is told everything that is worth counting. It is called in the goroutine in which it happens, so it must
	// not take long and must be safe for concurrent use; its panic is dropped.
	Observe func(ctx context.Context, o Observation)

	// Now is the clock by which an event is too old or from the future; nil: time.Now. Leases are timed by the
	// monotonic clock on this side, and by the store's on the other.
	Now func() time.Time
}

// ErrTooManyAttempts is what Config.DeadLetter gets for an event that was claimed more than MaxAttempts times.
var ErrTooManyAttempts = errors.New("idempotency: too many attempts")

const (
	longestLease = 10 * time.Second // what is derived is never longer
	unknownLease = 8 * time.Second
	maxWait      = 5 * time.Second
	beyondLease  = 250 * time.Millisecond // how much longer than its lease a twin is waited for
	byHand       = 30 * 24 * time.Hour
	day          = 24 * time.Hour
	clockSlack   = 5 * time.Minute // by which the provider's clock and ours may differ
	maxTwins     = 64              // deliveries that wait, and handlers that are late
	maxAttempts  = 32
)

// A Middleware handles each event once. It is made by [NewMiddleware], one for each endpoint; the nil and the zero
// Middleware answer 500. It is safe for concurrent use.
type Middleware struct {
	store   Store
	scope   string
	key     KeyFunc
	cfg     Config // completed
	waiting chan struct{}
	late    crowd

	delivered, retried int // statuses
}

// NewMiddleware returns the middleware of one endpoint. The scope keeps its events apart from those of others in the
// same store: name the provider and the environment in it, for example "truv/prod". It comes from the configuration,
// never from a request.
//
// It is an error if s or key is nil, scope is empty, longer than [MaxKeyBytes], not UTF-8 or holds a NUL, if the policy
// is not valid, if a duration contradicts another one, or if there is a SkipStale without a Version.
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
	m := &Middleware{
		store: s, scope: scope, key: key, cfg: cfg.complete(),
		waiting:   make(chan struct{}, maxTwins),
		delivered: http.StatusOK, retried: http.StatusServiceUnavailable,
	}
	switch {
	case m.cfg.Lease < time.Millisecond:
		return nil, fmt.Errorf("idempotency: a lease of %v is too short", m.cfg.Lease)
	case m.cfg.Retention < m.cfg.Lease+2*clockSlack:
		return nil, fmt.Errorf("idempotency: a retention of %v is too short", m.cfg.Retention)
	case cfg.SkipStale && cfg.Version == nil:
		return nil, errors.New("idempotency: SkipStale needs a Version")
	}
	if code, ok := cfg.Policy.Status(retry.Delivered); ok {
		m.delivered = code
	}
	if code, ok := cfg.Policy.Status(retry.Retried); ok {
		m.retried = code
	}
	return m, nil
}

// complete returns c with what follows from its policy filled in.
func (c Config) complete() Config {
	shortest, _ := c.Policy.Window()
	limit := c.Policy.AckLimit
	if c.Lease == 0 {
		c.Lease = unknownLease
		if shortest > 0 {
			c.Lease = min(longestLease, shortest*2/3)
		}
		if limit > 0 {
			c.Lease = min(c.Lease, limit)
		}
	}
	if c.Retention == 0 {
		c.Retention = 7 * day
		if c.Policy.Attempts > 0 || c.Policy.ByHand > 0 {
			c.Retention = c.Policy.Horizon() + day
			if c.Policy.ByHand == 0 {
				c.Retention = max(c.Retention, byHand+day)
			}
		}
	}
	if c.Wait == 0 {
		c.Wait = maxWait
		if limit > 0 {
			c.Wait = min(c.Wait, limit/2)
		}
	}
	if c.AnswerWithin == 0 {
		c.AnswerWithin = limit * 9 / 10
	}
	if c.StoreTimeout <= 0 {
		c.StoreTimeout = time.Second
	}
	if c.MaxAttempts == 0 {
		c.MaxAttempts = maxAttempts
	}
	if c.Fingerprint == nil {
		c.Fingerprint = func(v *truhook.Verified) []byte { return v.Payload }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}
