package hmacsig

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/truhook/truhook/internal/clock"
	"github.com/truhook/truhook/internal/keycache"
)

// CacheConfig adjusts [NewCachedKeys]. Its zero value is the strict default. Values below zero are errors.
type CacheConfig struct {
	_ [0]func()

	// TTL is how long an answer counts as fresh. Zero: 1 h. The next answer is fetched after four fifths of it, or a
	// minute before the validity of a key ends, without anybody waiting.
	TTL time.Duration

	// MinInterval is the shortest time between the beginnings of two fetches, after a failure too, whatever asks for them
	// but Refresh. Zero: 10 s, or TTL if that is shorter. While fetches that strangers cause bring nothing new, it doubles
	// up to eight times.
	MinInterval time.Duration

	// Timeout is how long one fetch may take. Zero: 10 s.
	Timeout time.Duration

	// Wait is how long after the beginning of a fetch deliveries wait for it where older keys could serve: those that no
	// key fits, and those that come when the answer is no longer fresh. Zero: 2 s. Where there are no keys at all,
	// deliveries wait for Timeout.
	Wait time.Duration

	// MaxStale is how long after the last good answer its keys are used while fetches fail. After it deliveries are
	// rejected with KeysUnavailable, 503. Zero: 72 h, so that a weekend is survived. It is never shorter than TTL.
	MaxStale time.Duration

	// Retain is how long a key that is no longer in the answer is still given, as one whose validity ended then: its
	// deliveries are KeyExpired, or accepted within the Grace of the [Verifier]'s Config. Zero: the key is gone at once.
	Retain time.Duration

	// MaxWaiters is how many deliveries wait for a fetch at once. Zero: 256.
	MaxWaiters int

	// OnError is called with each failure of a fetch, and with each key that was left out of an answer. It runs in a
	// goroutine of the cache and must be safe for concurrent use. Its panic is recovered and dropped.
	OnError func(err error)

	// Logger logs what OnError is called with, at most one line a minute. Nil: slog.Default() as it is then;
	// slog.DiscardHandler turns it off.
	Logger *slog.Logger

	// Now replaces time.Now. A panic of it is reported to OnError, and the real time counts.
	Now func() time.Time
}

// CachedKeys is a [KeySource] that remembers what was fetched. [NewCachedKeys] makes it. It is safe for concurrent use
// and must not be copied. A nil or zero CachedKeys has no keys: deliveries are rejected with NoKey.
type CachedKeys struct {
	cache *keycache.Cache[Key]
	now   func() time.Time
}

// NewCachedKeys returns a source that remembers what fetch returned. A secret manager becomes a source with it in a few
// lines.
//
// fetch does not learn which delivery it is asked for, so no answer can get into the hands of the wrong tenant: for
// keys by tenant, keep one CachedKeys for each and choose by path in a [KeySourceFunc]. It gets a context of its own
// that ends after Timeout and not when a request ends, and it must end then; its panic is an error. No keys and more
// than 16 are a failed fetch: the last key cannot be withdrawn by an empty answer. A zero Key among others is left
// out and reported.
//
// At most one fetch begins every MinInterval, whatever comes in; at most one is under way; and there is no goroutine
// but during a fetch. It fetches when the first delivery comes, or in [CachedKeys.Refresh] before that. Nobody waits
// while an answer is fresh. A delivery that no key fits waits for a new answer, if there may be one; between two
// fetches the last good answer counts. While fetches fail nobody waits for them longer than Wait after they began,
// and the last good answer is used for up to MaxStale; but a delivery that none of its keys fits is rejected with
// KeysStale, 503, as a source that fails cannot tell whether there is a new key. At most MaxWaiters deliveries wait
// at once; others are served with the keys that there are.
//
// A nil fetch and a limit below zero are errors.
func NewCachedKeys(fetch func(ctx context.Context) ([]Key, error), cfg CacheConfig) (*CachedKeys, error) {
	now := clock.Guard("hmacsig", cfg.Now, clock.Report(cfg.Logger, cfg.OnError))
	shared := keycache.Config[Key]{
		Package: "hmacsig", Vet: vetFetched, Merge: reuse, MaxKeys: maxKeys,
		NotAfter: func(k Key) time.Time { return k.NotAfter },
		Retain:   cfg.Retain, Retire: retire, SameKey: func(a, b Key) bool { return sameSecret(&a, &b) },
		TTL: cfg.TTL, MinInterval: cfg.MinInterval, Timeout: cfg.Timeout, Wait: cfg.Wait, MaxStale: cfg.MaxStale,
		MaxWaiters: cfg.MaxWaiters, OnError: cfg.OnError, Logger: cfg.Logger, Now: now,
	}
	if fetch != nil {
		shared.Fetch = func(ctx context.Context, _ string) ([]Key, error) { return fetch(ctx) }
	}
	cache, err := keycache.New(shared)
	if err != nil {
		return nil, err
	}
	return &CachedKeys{cache: cache, now: now}, nil
}

// vetFetched drops what is there twice, as a credential of two webhooks is, and zero keys.
func vetFetched(_ string, keys []Key) ([]Key, error) {
	var once []Key
	var dropped []error
	for _, k := range keys {
		switch {
		case k.open == nil:
			dropped = append(dropped, errors.New("hmacsig: the source gave a zero Key"))
		case !slices.ContainsFunc(once, func(o Key) bool { return sameKey(&o, &k) }):
			once = append(once, k)
		}
	}
	if len(once) > maxKeys {
		return nil, errTooManyFetched
	}
	return once, keycache.Drop(dropped...)
}

var errTooManyFetched = errors.New("hmacsig: the source gave more than 16 keys")

// retire returns a key that is no longer listed as one whose validity ended at an instant.
func retire(k Key, at time.Time) Key {
	if last := at.Add(-1); k.NotAfter.IsZero() || k.NotAfter.After(last) {
		k.NotAfter = last // the last instant before it was gone
	}
	return k
}

// Keys implements [KeySource]. It does not look at the Delivery of q. The same slice comes back until something
// changes. Errors are KeysUnavailable, KeysStale, and Canceled if ctx ended while the delivery waited for keys.
func (c *CachedKeys) Keys(ctx context.Context, q Query) ([]Key, error) {
	if c == nil || c.cache == nil {
		return nil, nil
	}
	return c.cache.Get(ctx, "", q.Missed)
}

// Refresh fetches now, however long ago the last fetch was, or waits for the one that is under way, and returns what it
// failed of. Call it at start, so that the first delivery does not wait, and when you are told of a rotation; never on
// behalf of a stranger. It ends when ctx does.
func (c *CachedKeys) Refresh(ctx context.Context) error {
	if c == nil || c.cache == nil {
		return errNoCache
	}
	return c.cache.Refresh(ctx)
}

// Run keeps the answer fresh where deliveries are few, until ctx ends, and returns its error. It fetches when an answer
// is due, within the same bounds. A cache works without it: then a delivery that comes after a pause waits.
func (c *CachedKeys) Run(ctx context.Context) error {
	if c == nil || c.cache == nil {
		return errNoCache
	}
	return c.cache.Run(ctx)
}

var errNoCache = errors.New("hmacsig: a CachedKeys that NewCachedKeys did not make")
