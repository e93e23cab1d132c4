package jose

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/truhook/truhook"
)

// CacheConfig bounds a [CachedKeys]. Values below zero are errors.
type CacheConfig struct {
	_ [0]func()

	TTL      time.Duration // how long fetched keys are taken without asking again; zero: 1 h
	MaxStale time.Duration // how long beyond TTL they are still taken while the source fails; zero: 24 h
	Timeout  time.Duration // for one fetch; zero: 5 s

	// MinInterval is the least time between two fetches for ids that are not known, whatever ids are asked for, and
	// between two tries of a source that fails; zero: 10 s. An id that the source does not know is remembered for six
	// times as long.
	MinInterval time.Duration

	MaxKeys    int              // keys kept; zero: 64
	MaxWaiters int              // deliveries that wait for fetches at once; zero: 256
	Now        func() time.Time // nil: time.Now
}

// A CachedKeys is a [KeySource] in front of a source that has to be asked over the network.
//
// It asks once for callers that come together, with a context of its own, so that one of them cannot cancel it for the
// others. It answers KeysUnavailable only when it cannot tell: the source failed and there is nothing younger than TTL
// and MaxStale, or a fetch for an unknown id would come sooner than MinInterval after the last one (with [CacheSet], one
// that failed: a whole set that was just fetched tells that there is no such id). It is safe for concurrent use. It starts a goroutine only for the time of a fetch. The nil and the zero CachedKeys answer NoKey.
type CachedKeys struct {
	fetch func(ctx context.Context, keyID string) ([]PublicKey, error)
	whole bool // a fetch gives all keys there are, under the slot ""
	cfg   CacheConfig

	mu      sync.Mutex
	slots   map[string]*slot
	flights map[string]*flight
	unknown map[string]time.Time // ids that the source does not know, and until when that is believed
	next    time.Time            // no fetch for an unknown id before this
	waiting int
}

// A slot is what one fetch gave.
type slot struct {
	keys    []PublicKey
	fetched time.Time
	failed  bool      // the last try to renew it failed
	retry   time.Time // no renewal before this
}

// A flight is one fetch on its way.
type flight struct {
	done <-chan struct{} // closed when it ended, or when its time is over
	err  error           // valid after done; guarded by mu
}

// CacheByID returns a [CachedKeys] of a source that is asked for one id at a time. fetch returns the keys of that
// id, none if the source says that there is no such id, and an error if it cannot tell. It must end when ctx does.
// Since strangers choose the ids, one of them can hold up the fetch of a new key by MinInterval after MinInterval.
func CacheByID(fetch func(ctx context.Context, keyID string) ([]PublicKey, error), cfg CacheConfig) (*CachedKeys, error) {
	return newCache(fetch, false, cfg)
}

// CacheSet returns a [CachedKeys] of a source that gives all its keys at once. A key that is gone from the source is
// gone after the next fetch. fetch returning no key is an error, as it is a fault more often than the truth.
func CacheSet(fetch func(ctx context.Context) ([]PublicKey, error), cfg CacheConfig) (*CachedKeys, error) {
	if fetch == nil {
		return newCache(nil, true, cfg)
	}
	return newCache(func(ctx context.Context, _ string) ([]PublicKey, error) { return fetch(ctx) }, true, cfg)
}

func newCache(fetch func(context.Context, string) ([]PublicKey, error), whole bool, cfg CacheConfig) (*CachedKeys, error) {
	if fetch == nil {
		return nil, configError("no function to fetch keys is given")
	}
	if cfg.TTL < 0 || cfg.MaxStale < 0 || cfg.Timeout < 0 || cfg.MinInterval < 0 || cfg.MaxKeys < 0 || cfg.MaxWaiters < 0 {
		return nil, configError("a value of CacheConfig is below zero")
	}
	cfg.TTL = orElse(cfg.TTL, time.Hour)
	cfg.MaxStale = orElse(cfg.MaxStale, 24*time.Hour)
	cfg.Timeout = orElse(cfg.Timeout, 5*time.Second)
	cfg.MinInterval = orElse(cfg.MinInterval, 10*time.Second)
	cfg.MaxKeys = orElse(cfg.MaxKeys, 64)
	cfg.MaxWaiters = orElse(cfg.MaxWaiters, 256)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &CachedKeys{
		fetch: fetch, whole: whole, cfg: cfg,
		slots: map[string]*slot{}, flights: map[string]*flight{}, unknown: map[string]time.Time{},
	}, nil
}

func orElse[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// PublicKeys implements [KeySource].
func (c *CachedKeys) PublicKeys(ctx context.Context, keyID string) ([]PublicKey, error) {
	if c == nil || c.fetch == nil {
		return nil, &truhook.Error{Reason: truhook.NoKey}
	}
	name := keyID
	if c.whole {
		name = ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	keys, err, settled := c.look(name, keyID)
	if settled {
		return keys, err
	}
	f := c.flights[name]
	if f == nil {
		f = c.start(ctx, name, len(keys) == 0)
	}
	if c.waiting >= c.cfg.MaxWaiters {
		return c.otherwise(name, keyID, errors.New("too many deliveries wait for keys"))
	}
	c.waiting++
	c.mu.Unlock()
	select {
	case <-f.done:
	case <-ctx.Done():
	}
	c.mu.Lock()
	c.waiting--
	if err := ctx.Err(); err != nil {
		return nil, &truhook.Error{Reason: truhook.Canceled, Err: err}
	}
	if c.flights[name] == f {
		return c.otherwise(name, keyID, errors.New("the source of the keys took too long"))
	}
	if f.err != nil {
		return c.otherwise(name, keyID, f.err)
	}
	if s := c.slots[name]; s != nil {
		return StaticKeys(s.keys).PublicKeys(ctx, keyID)
	}
	return nil, nil
}

// look answers from memory. Where that does not settle it, it returns the keys that are past their TTL, if any.
func (c *CachedKeys) look(name, keyID string) (keys []PublicKey, err error, settled bool) { //nolint:revive // err is data
	now := c.cfg.Now()
	s := c.slots[name]
	if s != nil {
		keys, _ = StaticKeys(s.keys).PublicKeys(context.Background(), keyID)
	}
	known := len(keys) > 0
	switch {
	case known && now.Sub(s.fetched) < c.cfg.TTL:
		return keys, nil, true
	case c.flights[name] != nil:
		return keys, nil, false
	case known && now.Before(s.retry):
		keys, err = c.otherwise(name, keyID, errors.New("the source of the keys failed a moment ago"))
		return keys, err, true
	case known:
		return keys, nil, false
	case now.Before(c.unknown[keyID]):
		return nil, nil, true
	case !now.Before(c.next):
		return nil, nil, false
	case s != nil && !s.failed: // the whole set, fetched within MinInterval: there is no such id
		return nil, nil, true
	}
	return nil, cannotTell(errors.New("the source of the keys was asked a moment ago")), true
}

// otherwise answers where there was no fetch or it failed: with keys that are not too stale, else that it cannot tell.
func (c *CachedKeys) otherwise(name, keyID string, cause error) ([]PublicKey, error) {
	if s := c.slots[name]; s != nil && c.cfg.Now().Sub(s.fetched) < c.cfg.TTL+c.cfg.MaxStale {
		if keys, _ := StaticKeys(s.keys).PublicKeys(context.Background(), keyID); len(keys) > 0 {
			return keys, nil
		}
	}
	return nil, cannotTell(cause)
}

func cannotTell(cause error) error { return unavailable(context.Background(), cause) }

// start begins a fetch. Its context keeps the values of the caller's, not its end.
func (c *CachedKeys) start(ctx context.Context, name string, isUnknown bool) *flight {
	if now := c.cfg.Now(); isUnknown || c.whole {
		c.next = now.Add(c.cfg.MinInterval)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.cfg.Timeout)
	f := &flight{done: ctx.Done()}
	c.flights[name] = f
	go func() {
		defer cancel() // closes done, after the outcome was stored
		keys, err := contained(func() ([]PublicKey, error) { return c.fetch(ctx, name) })
		if err == nil {
			keys, err = c.vet(name, keys)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.flights, name)
		f.err = err
		c.store(name, keys, err)
	}()
	return f
}

// vet copies what a source gave and refuses what the policy refuses.
func (c *CachedKeys) vet(name string, keys []PublicKey) ([]PublicKey, error) {
	if len(keys) == 0 && !c.whole {
		return nil, nil
	}
	if len(keys) > c.cfg.MaxKeys {
		return nil, errors.New("the source gave more keys than are kept")
	}
	kept, err := fixed(StaticKeys(keys))
	if err != nil {
		return nil, err
	}
	own, _ := kept.(StaticKeys)
	if !c.whole && (len(own) != 1 || own[0].ID != name) {
		return nil, errors.New("the source gave a key of another id")
	}
	return own, nil
}

func (c *CachedKeys) store(name string, keys []PublicKey, err error) {
	now := c.cfg.Now()
	switch s := c.slots[name]; {
	case err != nil && s != nil:
		s.failed, s.retry = true, now.Add(c.cfg.MinInterval)
	case err != nil:
	case len(keys) == 0:
		delete(c.slots, name)
		for id, until := range c.unknown {
			if !now.Before(until) {
				delete(c.unknown, id)
			}
		}
		c.unknown[name] = now.Add(6 * c.cfg.MinInterval)
	default:
		if s == nil && len(c.slots) >= c.cfg.MaxKeys {
			c.evict()
		}
		c.slots[name] = &slot{keys: keys, fetched: now}
	}
}

// evict forgets the key that was fetched first.
func (c *CachedKeys) evict() {
	oldest := ""
	for name, s := range c.slots {
		if oldest == "" || s.fetched.Before(c.slots[oldest].fetched) {
			oldest = name
		}
	}
	delete(c.slots, oldest)
}
