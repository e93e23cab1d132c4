package jose

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/clock"
	"github.com/truhook/truhook/internal/keycache"
)

// CacheConfig adjusts [CachedKeys]. Its zero value is the strict default. Values below zero are errors.
type CacheConfig struct {
	_ [0]func()

	// TTL is how long fetched keys count as fresh. Zero: 1 h. They are fetched again after four fifths of it, or a minute
	// before the validity of one ends, without anybody waiting.
	TTL time.Duration

	// MinInterval is the shortest time between the beginnings of two fetches, after a failure too, whatever asks for them
	// but Refresh and Prefetch. Zero: 10 s, or TTL if that is shorter. While fetches that strangers cause, by unknown ids
	// and by signatures that do not fit, bring nothing new, it doubles up to eight times. An id that the source does not
	// know is remembered for six times as long.
	MinInterval time.Duration

	// Timeout is how long one fetch may take. Zero: 10 s.
	Timeout time.Duration

	// Wait is how long after the beginning of a fetch deliveries wait for it where older keys could serve. Zero: 2 s.
	// Where there are no keys, deliveries wait for Timeout.
	Wait time.Duration

	// MaxStale is how long after the last good answer its keys are used while fetches fail. After it deliveries are
	// rejected with KeysUnavailable, 503. Zero: 72 h, so that a weekend is survived. It is never shorter than TTL.
	MaxStale time.Duration

	MaxKeys    int // keys of a set, or ids, that are kept; zero: 64
	MaxWaiters int // deliveries that wait for fetches at once; zero: 256

	// OnError is called with each failure of a fetch, and with each key that was left out of an answer. It runs in a
	// goroutine of the cache and must be safe for concurrent use. Its panic is recovered and dropped.
	OnError func(err error)

	// Logger logs what OnError is called with, at most one line a minute. Nil: slog.Default() as it is then;
	// slog.DiscardHandler turns it off.
	Logger *slog.Logger

	// Now replaces time.Now. A panic of it is reported to OnError, and the real time counts.
	Now func() time.Time
}

// CachedKeys is a [KeySource] in front of a source that has to be asked over the network. [CacheByID], [CacheSet] and
// [JWKS] make it. It is safe for concurrent use and must not be copied. The nil and the zero CachedKeys answer NoKey.
//
// It asks once for callers that come together, with a context of its own, so that none of them can cancel it for the
// others. It starts a goroutine only for the time of a fetch. Nobody waits while an answer is fresh. While fetches
// fail the last good answer serves for MaxStale; but then it cannot tell that an id does not exist, or that a
// signature is wrong: such deliveries are rejected with KeysStale, 503. A source that works can tell, and is asked
// again at most once every MinInterval; between two fetches its last good answer counts. KeysUnavailable means that
// the source failed and no usable key is there. It is never the work of strangers.
type CachedKeys struct {
	cache *keycache.Cache[PublicKey]
	whole bool // a fetch gives all keys there are
	now   func() time.Time
}

// CacheByID returns [CachedKeys] of a source that is asked for one id at a time. fetch returns the keys of that id,
// none if the source says that there is no such id, and an error if it cannot tell. It must end when ctx does.
//
// Senders choose the ids, so strangers who guess every claim of a token right can take the fetches for ids that are not
// known yet. The first fetch of an id that nobody has heard of is best effort against them: until it is asked for, a
// source that works answers that there is no such id. Ids that are found one after the other do not wait for each
// other. Give [CachedKeys.Prefetch] the ids that are known at start: strangers cannot get in the way of these, nor of
// ids that were fetched before. A source that holds no key, such as one with a mistyped address, cannot say that an id
// is unknown: KeysStale.
//
// A nil fetch and a limit below zero are errors.
func CacheByID(
	fetch func(ctx context.Context, keyID string) ([]PublicKey, error), cfg CacheConfig,
) (*CachedKeys, error) {
	return newCache(fetch, false, cfg)
}

// CacheSet returns [CachedKeys] of a source that gives all its keys at once. A key that is gone from the source is
// gone after the next fetch. No keys are a failed fetch, as they are a fault more often than the truth. Several keys
// may share an id: each is tried, up to four. A key against the key policy is left out and reported to OnError and by
// Audit.
//
// A nil fetch and a limit below zero are errors.
func CacheSet(fetch func(ctx context.Context) ([]PublicKey, error), cfg CacheConfig) (*CachedKeys, error) {
	if fetch == nil {
		return newCache(nil, true, cfg)
	}
	return newCache(func(ctx context.Context, _ string) ([]PublicKey, error) { return fetch(ctx) }, true, cfg)
}

func newCache(
	fetch func(context.Context, string) ([]PublicKey, error), whole bool, cfg CacheConfig,
) (*CachedKeys, error) {
	c := &CachedKeys{whole: whole, now: clock.Guard("jose", cfg.Now, clock.Report(cfg.Logger, cfg.OnError))}
	cache, err := keycache.New(keycache.Config[PublicKey]{
		Package: "jose", Fetch: fetch, ByID: !whole, Merge: mergeKeys,
		Vet: func(id string, keys []PublicKey) ([]PublicKey, error) {
			return vetFetched(id, whole, keys, cfg.MaxKeys)
		},
		NotAfter: func(k PublicKey) time.Time { return k.NotAfter },
		TTL:      cfg.TTL, MaxStale: cfg.MaxStale, Timeout: cfg.Timeout, Wait: cfg.Wait, MinInterval: cfg.MinInterval,
		MaxKeys: cfg.MaxKeys, MaxWaiters: cfg.MaxWaiters, OnError: cfg.OnError, Logger: cfg.Logger, Now: c.now,
	})
	if err != nil {
		return nil, err
	}
	c.cache = cache
	return c, nil
}

// vetFetched copies what a source gave, ordered by id, and leaves out what the policy refuses.
func vetFetched(id string, whole bool, keys []PublicKey, most int) ([]PublicKey, error) {
	if most == 0 {
		most = keycache.DefaultMaxKeys
	}
	if len(keys) > most {
		return nil, configError("the source gave more than %d keys", most)
	}
	var kept []PublicKey
	var dropped []error
	for _, k := range keys {
		if !whole && k.ID != id {
			dropped = append(dropped, configError("the source gave a key of another id"))
			continue
		}
		if err := k.validate(); err != nil {
			dropped = append(dropped, err)
			continue
		}
		k.Key = copyPublicKey(k.Key)
		kept = append(kept, k)
	}
	kept, surplus := bounded(kept)
	slices.SortStableFunc(kept, func(a, b PublicKey) int { return strings.Compare(a.ID, b.ID) })
	return kept, keycache.Drop(append(dropped, surplus...)...)
}

// bounded drops a key that is there twice, and those of an id beyond the number that is tried.
func bounded(keys []PublicKey) (kept []PublicKey, dropped []error) {
	count := map[string]int{}
	for _, k := range keys {
		switch {
		case slices.ContainsFunc(kept, k.same):
		case count[k.ID] == maxKeysPerID:
			dropped = append(dropped, configError("more than %d keys have the id %q", maxKeysPerID, k.ID))
		default:
			count[k.ID]++
			kept = append(kept, k)
		}
	}
	return kept, dropped
}

// mergeKeys returns old if fresh is worth the same.
func mergeKeys(old, fresh []PublicKey) []PublicKey {
	if slices.EqualFunc(old, fresh, func(a, b PublicKey) bool {
		return a.same(b) && a.NotBefore.Equal(b.NotBefore) && a.NotAfter.Equal(b.NotAfter)
	}) {
		return old
	}
	return fresh
}

// PublicKeys implements [KeySource]. Errors are KeysUnavailable, KeysStale, NoKey, and Canceled if ctx ended while the
// delivery waited for keys.
func (c *CachedKeys) PublicKeys(ctx context.Context, q Query) ([]PublicKey, error) {
	if c == nil || c.cache == nil {
		return nil, &truhook.Error{Reason: truhook.NoKey}
	}
	if !c.whole {
		return c.cache.Get(ctx, q.KeyID, q.Missed)
	}
	keys, err := c.cache.Get(ctx, "", q.Missed)
	if err != nil {
		return nil, err
	}
	if found := ofID(keys, q.KeyID); len(found) > 0 || q.Missed {
		return found, nil
	}
	if keys, err = c.cache.Get(ctx, "", true); err != nil {
		return nil, err
	}
	return ofID(keys, q.KeyID), nil
}

// ofID returns the keys of an id that stand together, beginning with the first.
func ofID(keys []PublicKey, id string) []PublicKey {
	first := 0
	for first < len(keys) && keys[first].ID != id {
		first++
	}
	last := first
	for last < len(keys) && keys[last].ID == id {
		last++
	}
	return keys[first:last:last]
}

func count(keys []PublicKey, id string) (n int) {
	for i := range keys {
		if keys[i].ID == id {
			n++
		}
	}
	return n
}

// Prefetch fetches the keys of ids now, and keeps them: strangers cannot get in the way of these ids, also where this
// first fetch fails. Call it at start. It returns what failed; an id that the source does not know is an error, and
// so are more ids than MaxKeys. The keys of a set come all at once: then it is Refresh.
func (c *CachedKeys) Prefetch(ctx context.Context, keyIDs ...string) error {
	if c == nil || c.cache == nil {
		return errNoCache
	}
	for _, id := range keyIDs {
		if !validKeyID(id) {
			return configError("a key id to prefetch is not one of 1 to %d printable characters", maxKeyID)
		}
	}
	return c.cache.Prefetch(ctx, keyIDs...)
}

// Refresh fetches what is held now, however long ago the last fetch was, or waits for the fetch that is under way, and
// returns what it failed of. Call it at start for a set, and when you are told of a rotation; never on behalf of a
// stranger. It ends when ctx does.
func (c *CachedKeys) Refresh(ctx context.Context) error {
	if c == nil || c.cache == nil {
		return errNoCache
	}
	return c.cache.Refresh(ctx)
}

// Run keeps what is held fresh where deliveries are few, until ctx ends, and returns its error. It fetches within the
// same bounds as deliveries do. A cache works without it: then a delivery that comes after a pause waits.
func (c *CachedKeys) Run(ctx context.Context) error {
	if c == nil || c.cache == nil {
		return errNoCache
	}
	return c.cache.Run(ctx)
}

var errNoCache = errors.New("jose: CachedKeys that no constructor made")
