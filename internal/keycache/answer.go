package keycache

import (
	"slices"
	"time"
)

// succeed returns the answer that follows old, and whether it brings anything new.
func (c *Cache[K]) succeed(old *Answer[K], keys []K, now time.Time) (fresh *Answer[K], changed bool) {
	a := &Answer[K]{Keys: keys, At: now, next: now.Add(c.cfg.TTL - c.cfg.TTL/5)}
	if c.cfg.NotAfter != nil {
		for _, k := range keys {
			if end := c.cfg.NotAfter(k); end.After(now) && end.Add(-beforeEnd).Before(a.next) {
				a.next = end.Add(-beforeEnd)
			}
		}
	}
	if old == nil {
		return a, true
	}
	if c.cfg.Retain > 0 {
		c.retain(a, old, now)
	}
	if c.cfg.Merge == nil {
		return a, true
	}
	a.Keys = c.cfg.Merge(old.Keys, a.Keys)
	same := len(a.Keys) == len(old.Keys) && (len(a.Keys) == 0 || &a.Keys[0] == &old.Keys[0])
	return a, !same
}

// retain appends the keys of old that are no longer listed.
func (c *Cache[K]) retain(a, old *Answer[K], now time.Time) {
	listed := a.Keys
	for i, k := range old.Keys {
		since := now
		if first := len(old.Keys) - len(old.gone); i >= first {
			since = old.gone[i-first]
		}
		if since.After(now) { // the clock was ahead then: the key would be given until it is there again
			since = now
		}
		relisted := slices.ContainsFunc(listed, func(l K) bool { return c.cfg.SameKey(k, l) })
		if relisted || now.Sub(since) >= c.cfg.Retain || len(a.Keys) >= c.cfg.MaxKeys {
			continue
		}
		a.Keys, a.gone = append(a.Keys, c.cfg.Retire(k, since)), append(a.gone, since)
	}
}
