package keycache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Refresh fetches now, however long ago the last fetch was, or waits for the one that is under way, and returns what it
// failed of. With ByID it fetches anew what it holds and what was given to Prefetch. It ends when ctx does.
func (c *Cache[K]) Refresh(ctx context.Context) error {
	c.mu.Lock()
	slots := c.list()
	c.mu.Unlock()
	return c.force(ctx, slots)
}

// Prefetch fetches the keys of ids now and keeps them for as long as the cache lives: strangers cannot get in the way
// of these ids, also where their first fetch fails. It returns what failed; an id that the source does not know is an
// error. More ids than MaxKeys are an error. Without ByID it is Refresh.
func (c *Cache[K]) Prefetch(ctx context.Context, ids ...string) error {
	if c.all != nil {
		return c.Refresh(ctx)
	}
	c.mu.Lock()
	pinned := 0
	for _, s := range c.slots {
		if s.pinned && !slices.Contains(ids, s.id) {
			pinned++
		}
	}
	if pinned+len(ids) > c.cfg.MaxKeys {
		c.mu.Unlock()
		return fmt.Errorf("%s: more ids are prefetched than MaxKeys, which is %d", c.cfg.Package, c.cfg.MaxKeys)
	}
	var slots []*slot[K]
	for _, id := range ids {
		s := c.slots[id]
		if s == nil {
			s = &slot[K]{id: id}
			c.slots[id] = s
		}
		s.pinned = true
		slots = append(slots, s)
	}
	c.evict()
	c.mu.Unlock()
	return c.force(ctx, slots)
}

func (c *Cache[K]) list() []*slot[K] {
	if c.all != nil {
		return []*slot[K]{c.all}
	}
	slots := make([]*slot[K], 0, len(c.slots))
	for _, s := range c.slots {
		slots = append(slots, s)
	}
	slices.SortFunc(slots, func(a, b *slot[K]) int { return cmp.Compare(a.id, b.id) })
	return slots
}

func (c *Cache[K]) force(ctx context.Context, slots []*slot[K]) error {
	now := c.now()
	flights := make([]*flight, len(slots))
	c.mu.Lock()
	for i, s := range slots {
		if flights[i] = s.flight; flights[i] == nil {
			if c.pausing(now) {
				c.mu.Unlock()
				return fmt.Errorf("%s: %w", c.cfg.Package, errPaused)
			}
			flights[i] = c.start(s, nil, now)
		}
	}
	c.mu.Unlock()
	var failed []error
	for i, s := range slots {
		select {
		case <-flights[i].done:
		case <-ctx.Done():
			return ctx.Err()
		}
		c.mu.Lock()
		switch {
		case s.failure != nil:
			failed = append(failed, s.failure)
		case s.none:
			failed = append(failed, fmt.Errorf("%s: there is no key with the id %q", c.cfg.Package, s.id))
		}
		c.mu.Unlock()
	}
	if len(failed) == 1 {
		return failed[0]
	}
	return errors.Join(failed...)
}

// Run keeps what is held fresh where deliveries are few, until ctx ends, and returns its error. It fetches within the
// same bounds as deliveries do.
func (c *Cache[K]) Run(ctx context.Context) error {
	const shortest = 10 * time.Millisecond
	ticker := time.NewTicker(max(c.cfg.MinInterval, shortest))
	defer ticker.Stop()
	for ctx.Err() == nil {
		now := c.now()
		var flights []*flight
		c.mu.Lock()
		for _, s := range c.list() {
			if a := s.current.Load(); a == nil || !now.Before(a.next) || now.Before(a.At) {
				if f := c.renew(s, now, false); f != nil {
					flights = append(flights, f)
				}
			}
		}
		c.mu.Unlock()
		for _, f := range flights {
			select {
			case <-f.done:
			case <-ctx.Done():
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}

// A State is what a cache holds of one id, or of the whole source.
type State[K any] struct {
	ID      string     // empty without ByID
	Answer  *Answer[K] // the last good one; nil: none, or the source no longer knows the id
	Failure error      // of the last fetch; nil if it succeeded or there was none
	Fresh   bool       // Answer is younger than TTL
	Usable  bool       // Answer is younger than MaxStale
	Ends    time.Time  // when Answer will be as old as MaxStale; zero without Answer
}

// Trouble returns why a source cannot say that an unknown id does not exist, nil if it can or was not asked yet.
func (c *Cache[K]) Trouble() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failure != nil {
		return c.failure
	}
	if len(c.unknown) > 0 && c.noSuchID() != nil {
		return errNoneID
	}
	return nil
}

// States returns what is held, ordered by id. It fetches nothing.
func (c *Cache[K]) States() []State[K] {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	var states []State[K]
	for _, s := range c.list() {
		a := s.current.Load()
		state := State[K]{
			ID: s.id, Answer: a, Failure: s.failure,
			Fresh: a.younger(now, c.cfg.TTL), Usable: a.younger(now, c.cfg.MaxStale),
		}
		if a != nil {
			state.Ends = a.At.Add(c.cfg.MaxStale)
		}
		states = append(states, state)
	}
	return states
}
