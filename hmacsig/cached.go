package hmacsig

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/truhook/truhook"
)

// CacheConfig adjusts [NewCachedKeys]. Its zero value is the strict default.
type CacheConfig struct {
	_ [0]func()

	// TTL is how long an answer counts as fresh. Zero and below mean 5 min. The next one is fetched after four fifths of
	// it, or a minute before the validity of a key ends, without anybody waiting.
	TTL time.Duration

	// MinInterval is how far apart two fetches begin at the least, after a failure too, whatever asks for them but Refresh.
	// Zero and below mean 10 s, or TTL if that is shorter.
	MinInterval time.Duration

	// Timeout is how long one fetch may take. Zero and below mean 10 s.
	Timeout time.Duration

	// Wait is how long after the beginning of a fetch deliveries wait for it where older keys could serve: those that no
	// key fits, and those that come when the answer is no longer fresh. Zero and below mean 2 s. Where there are no keys
	// at all, deliveries wait for Timeout.
	Wait time.Duration

	// MaxStale is how long after the last good answer its keys are used while fetches fail; after it deliveries are
	// refused with KeysUnavailable, 503. Zero and below mean 72 h, so that a weekend is survived.
	MaxStale time.Duration

	// Retain is how long a key that is no longer in the answer is still given, as one whose validity ended then: its
	// deliveries are KeyExpired, or accepted within the Grace of the [Verifier]'s Config. Zero and below: it is gone
	// at once.
	Retain time.Duration

	// OnError is called with what a fetch failed of, in a goroutine of the cache and at most once a fetch. Its panic is
	// recovered and dropped.
	OnError func(err error)

	// Now replaces time.Now.
	Now func() time.Time
}

func (cfg CacheConfig) withDefaults() CacheConfig {
	for _, d := range []struct {
		of     *time.Duration
		preset time.Duration
	}{
		{&cfg.TTL, 5 * time.Minute}, {&cfg.Timeout, 10 * time.Second}, {&cfg.Wait, 2 * time.Second},
		{&cfg.MaxStale, 72 * time.Hour},
	} {
		if *d.of <= 0 {
			*d.of = d.preset
		}
	}
	if cfg.MinInterval <= 0 {
		cfg.MinInterval = min(10*time.Second, cfg.TTL)
	}
	cfg.MaxStale = max(cfg.MaxStale, cfg.TTL)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return cfg
}

// A CachedKeys is a [KeySource] that remembers what was fetched. [NewCachedKeys] makes it. It is safe for concurrent use and must not
// be copied. A nil or zero Cache has no keys, so that deliveries are refused with NoKey.
type CachedKeys struct {
	fetch   func(ctx context.Context) ([]Key, error)
	config  CacheConfig
	current atomic.Pointer[answer]

	mu      sync.Mutex
	begun   time.Time // of the last fetch, by config.Now
	flight  *flight   // nil: none is under way
	failure error     // of the last fetch; nil if it went well
	waiters int
}

// NewCachedKeys returns a source that remembers what fetch returned. A secret manager becomes a source with it in a few lines.
//
// fetch does not learn which delivery it is asked for, so no answer can get into the hands of the wrong tenant: for
// keys by tenant, keep one Cache for each and choose by path in a [KeySourceFunc]. It gets a context of its own that
// ends after Timeout and not when a request ends, and it must end then; its panic is an error. No keys, more than 16 and
// a zero Key count as a failed fetch: the last key cannot be withdrawn by an empty answer.
//
// A cache begins at most one fetch every MinInterval, whatever comes in; at most one is under way; and there is no
// goroutine but during a fetch. It fetches when the first delivery comes, or in [CachedKeys.Refresh] before that. Nobody
// waits while an answer is fresh. A delivery that no key fits waits for a new answer, if there may be one. While fetches fail
// nobody waits for them longer than Wait after they began, and the last good answer is used for up to MaxStale. At most
// 256 deliveries wait at once; others are served with the keys that there are, and refused as KeysUnavailable if there
// are none.
//
// It panics if fetch is nil.
func NewCachedKeys(fetch func(ctx context.Context) ([]Key, error), cfg CacheConfig) *CachedKeys {
	if fetch == nil {
		panic("hmacsig: Cached: the function is nil")
	}
	return &CachedKeys{fetch: fetch, config: cfg.withDefaults()}
}

// Keys implements [KeySource]. The Delivery of q is not looked at. The same slice comes back until something changes.
// Errors are Canceled, if ctx ended while there was nothing to serve, and KeysUnavailable.
func (c *CachedKeys) Keys(ctx context.Context, q Query) ([]Key, error) {
	if c == nil || c.fetch == nil {
		return nil, nil
	}
	now := c.config.Now()
	a := c.current.Load()
	if a != nil && !q.Missed && now.Before(a.next) && !now.Before(a.at) {
		return a.keys, nil
	}
	c.mu.Lock()
	f := c.beginLocked(now, false)
	failing := c.failure != nil
	a = c.current.Load()
	c.mu.Unlock()

	usable := a.usable(now, c.config.MaxStale)
	wait := c.config.Timeout
	if usable {
		wait = c.config.Wait
		if fresh := a.usable(now, c.config.TTL); !q.Missed && (fresh || failing) {
			return a.keys, nil
		}
	}
	c.wait(ctx, f, wait)
	if a = c.current.Load(); a.usable(now, c.config.MaxStale) {
		return a.keys, nil
	}
	return nil, c.unavailable(ctx)
}

// usable reports whether the answer is younger than limit. One from the future is: the clock was set back.
func (a *answer) usable(now time.Time, limit time.Duration) bool {
	return a != nil && now.Sub(a.at) < limit
}

func (c *CachedKeys) unavailable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return &truhook.Error{Reason: truhook.Canceled, Err: err}
	}
	c.mu.Lock()
	failure := c.failure
	c.mu.Unlock()
	if failure == nil {
		failure = errors.New("the keys have not arrived yet")
	}
	return &truhook.Error{Reason: truhook.KeysUnavailable, Err: failure}
}

// Refresh fetches now, however long ago the last fetch was, or waits for the one that is under way, and returns what it
// failed of. Call it at start, so that the first delivery does not wait, and when you are told of a rotation; never on
// behalf of a stranger. It ends when ctx does.
func (c *CachedKeys) Refresh(ctx context.Context) error {
	if c == nil || c.fetch == nil {
		return errors.New("hmacsig: a Cache that Cached did not make")
	}
	c.mu.Lock()
	f := c.beginLocked(c.config.Now(), true)
	c.mu.Unlock()
	select {
	case <-f.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failure
}

// Run keeps the answer fresh where deliveries are few, until ctx ends, and returns its error. It fetches when an answer
// is due, within the same bounds. A cache works without it: then a delivery that comes after a pause waits.
func (c *CachedKeys) Run(ctx context.Context) error {
	if c == nil || c.fetch == nil {
		return errors.New("hmacsig: a Cache that Cached did not make")
	}
	return every(ctx, c.config.MinInterval, func() {
		now := c.config.Now()
		if a := c.current.Load(); a != nil && now.Before(a.next) && !now.Before(a.at) {
			return
		}
		c.mu.Lock()
		f := c.beginLocked(now, false)
		c.mu.Unlock()
		c.wait(ctx, f, c.config.Timeout)
	})
}

// every calls do now and then in each interval, until ctx ends.
func every(ctx context.Context, interval time.Duration, do func()) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		do()
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}
