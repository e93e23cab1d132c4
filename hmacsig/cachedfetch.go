package hmacsig

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	maxWaiters  = 256         // deliveries that wait for one fetch
	beforeEnd   = time.Minute // how long before the end of a key's validity the next answer is fetched
	freshFifths = 4           // of the TTL, after which the next answer is fetched without anybody waiting
)

// answer is what the last good fetch came to. It is never changed.
type answer struct {
	keys     []Key
	gone     []time.Time // when the last keys of the slice, those that are retained, were no longer listed
	at, next time.Time   // when it was fetched, and when the next fetch is due
}

type flight struct {
	begun time.Time // by the real clock, as waiting takes real time
	done  chan struct{}
}

// beginLocked returns the fetch that is under way, after beginning one if that is allowed; nil if there is none.
func (c *CachedKeys) beginLocked(now time.Time, force bool) *flight {
	if c.flight != nil {
		return c.flight
	}
	if since := now.Sub(c.begun); !force && !c.begun.IsZero() && since >= 0 && since < c.config.MinInterval {
		return nil
	}
	c.begun = now
	c.flight = &flight{begun: time.Now(), done: make(chan struct{})}
	go c.fly(c.flight)
	return c.flight
}

// wait returns when f is done, limit after it began, when ctx ends, or at once if too many wait already.
func (c *CachedKeys) wait(ctx context.Context, f *flight, limit time.Duration) {
	if f == nil {
		return
	}
	left := limit - time.Since(f.begun)
	if left <= 0 {
		return
	}
	c.mu.Lock()
	full := c.waiters >= maxWaiters
	if !full {
		c.waiters++
	}
	c.mu.Unlock()
	if full {
		return
	}
	timer := time.NewTimer(left)
	select {
	case <-f.done:
	case <-timer.C:
	case <-ctx.Done():
	}
	timer.Stop()
	c.mu.Lock()
	c.waiters--
	c.mu.Unlock()
}

// fly fetches once. It has a context of its own, as several deliveries may wait for it.
func (c *CachedKeys) fly(f *flight) {
	ctx, cancel := context.WithTimeout(context.Background(), c.config.Timeout)
	keys, err := c.call(ctx)
	cancel()
	now := c.config.Now()
	c.mu.Lock()
	c.flight, c.failure = nil, err
	if err == nil {
		c.current.Store(c.config.succeed(c.current.Load(), keys, now))
	}
	c.mu.Unlock()
	close(f.done)
	if err != nil && c.config.OnError != nil {
		defer func() { _ = recover() }()
		c.config.OnError(err)
	}
}

func (c *CachedKeys) call(ctx context.Context) (keys []Key, err error) {
	defer func() {
		if value := recover(); value != nil { // which would end the program, as this is a goroutine of its own
			keys, err = nil, fmt.Errorf("hmacsig: fetching the keys panicked: %T", value)
		}
	}()
	keys, err = c.fetch(ctx)
	switch {
	case err != nil:
		return nil, err
	case len(keys) == 0:
		return nil, errors.New("hmacsig: the source has no keys")
	}
	keys = distinct(keys)
	if slices.ContainsFunc(keys, func(k Key) bool { return k.open == nil }) {
		return nil, errors.New("hmacsig: the source gave a zero Key")
	}
	if len(keys) > maxKeys {
		return nil, fmt.Errorf("hmacsig: the source gave %w", errTooManyKeys)
	}
	return keys, nil
}

// distinct drops what is there twice, as a credential of two webhooks is.
func distinct(keys []Key) []Key {
	var once []Key
	for _, k := range keys {
		if !slices.ContainsFunc(once, func(o Key) bool { return sameKey(&o, &k) }) {
			once = append(once, k)
		}
	}
	return once
}

// succeed returns the answer that follows old.
func (cfg CacheConfig) succeed(old *answer, keys []Key, now time.Time) *answer {
	a := &answer{keys: keys, at: now, next: now.Add(cfg.TTL / (freshFifths + 1) * freshFifths)}
	for i := range keys {
		if end := keys[i].notAfter; end.After(now) && end.Add(-beforeEnd).Before(a.next) {
			a.next = end.Add(-beforeEnd)
		}
	}
	if old == nil {
		return a
	}
	if cfg.Retain > 0 {
		a.retain(old, now, cfg.Retain)
	}
	a.keys = reuse(old.keys, a.keys)
	return a
}

// retain appends the keys of old that are no longer listed, as keys whose validity is over.
func (a *answer) retain(old *answer, now time.Time, limit time.Duration) {
	listed := a.keys
	for i, k := range old.keys {
		since := now
		if first := len(old.keys) - len(old.gone); i >= first {
			since = old.gone[i-first]
		}
		relisted := slices.ContainsFunc(listed, func(l Key) bool { return sameSecret(&k, &l) })
		if relisted || now.Sub(since) >= limit || len(a.keys) == maxKeys {
			continue
		}
		if k.notAfter.IsZero() || k.notAfter.After(since) {
			k.notAfter = since
		}
		a.keys, a.gone = append(a.keys, k), append(a.gone, since)
	}
}
