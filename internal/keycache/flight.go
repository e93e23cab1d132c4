package keycache

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A flight is one fetch that is under way.
type flight struct {
	begun   time.Time // by the real clock, as waiting takes real time
	charged *gate     // of the delivery that no key fits, or of the unknown id, that caused it; nil: neither
	done    chan struct{}
}

var errHung = errors.New("earlier fetches ignore the end of their context and are still under way")

// start begins a fetch for a slot that has none under way.
func (c *Cache[K]) start(s *slot[K], charged *gate, now time.Time) *flight {
	f := &flight{begun: time.Now(), charged: charged, done: make(chan struct{})}
	s.flight, s.gate.begun = f, now
	if c.hung >= maxHung {
		_ = c.settle(s, f, nil, fmt.Errorf("%s: %w", c.cfg.Package, errHung), now)
		close(f.done)
		return f
	}
	go c.run(s, f)
	return f
}

// run fetches once. It has a context of its own, as several deliveries may wait for it.
func (c *Cache[K]) run(s *slot[K], f *flight) {
	keys, err := c.call(s.id)
	now := c.now()
	c.mu.Lock()
	reported := c.settle(s, f, keys, err, now)
	c.mu.Unlock()
	close(f.done)
	c.report(reported)
}

type result[K any] struct {
	keys []K
	err  error
}

// call runs Fetch and Vet in a goroutine of its own, so that one which ignores the end of its context is left behind.
func (c *Cache[K]) call(id string) ([]K, error) {
	ctx, cancel := context.WithTimeout(context.Background(), c.cfg.Timeout)
	defer cancel()
	results := make(chan result[K], 1)
	go c.fetchSafely(ctx, id, results)
	select {
	case r := <-results:
		return r.keys, r.err
	case <-ctx.Done():
	}
	c.mu.Lock()
	c.hung++
	c.mu.Unlock()
	go func() {
		<-results
		c.mu.Lock()
		c.hung--
		c.mu.Unlock()
	}()
	return nil, fmt.Errorf("%s: fetching the keys took longer than %v: %w", c.cfg.Package, c.cfg.Timeout, ctx.Err())
}

// fetchSafely sends what Fetch and Vet come to. A panic, of which it does not repeat the value, and a goroutine that
// ends are errors.
func (c *Cache[K]) fetchSafely(ctx context.Context, id string, results chan<- result[K]) {
	r := result[K]{err: fmt.Errorf("%s: the function that fetches keys ended its goroutine", c.cfg.Package)}
	defer func() {
		if value := recover(); value != nil {
			r = result[K]{err: fmt.Errorf("%s: fetching the keys panicked: %T", c.cfg.Package, value)}
		}
		results <- r
	}()
	r = c.fetch(ctx, id)
	if _, isPartial := r.err.(*Partial); r.err != nil && !isPartial { //nolint:errorlint // made by this package
		r.err = newFailure(r.err)
	}
}

// A failure is the error of a function of the user, and what its methods say, which can panic: they are asked once,
// where that is recovered.
type failure struct {
	error
	text  string
	pause time.Duration // for which the source asks to be left alone
}

func newFailure(err error) *failure {
	f := &failure{error: err, text: err.Error()}
	var pause interface{ RetryAfter() time.Duration }
	if errors.As(err, &pause) {
		f.pause = pause.RetryAfter()
	}
	return f
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.error }

func (c *Cache[K]) fetch(ctx context.Context, id string) result[K] {
	keys, err := c.cfg.Fetch(ctx, id)
	partial, isPartial := err.(*Partial) //nolint:errorlint // only the outermost error stands beside keys
	if err != nil && !isPartial {
		return result[K]{err: err}
	}
	if c.cfg.Vet != nil && len(keys) > 0 {
		var dropped error
		keys, dropped = c.cfg.Vet(id, keys)
		also, isPartial := dropped.(*Partial) //nolint:errorlint // as above
		switch {
		case dropped != nil && !isPartial:
			return result[K]{err: dropped}
		case dropped != nil && partial != nil:
			partial = &Partial{Dropped: append(append([]error(nil), partial.Dropped...), also.Dropped...)}
		case dropped != nil:
			partial = also
		}
	}
	switch {
	case len(keys) == 0 && partial != nil:
		return result[K]{err: fmt.Errorf("%s: no usable key was fetched: %w", c.cfg.Package, partial)}
	case len(keys) == 0 && !c.cfg.ByID:
		return result[K]{err: fmt.Errorf("%s: the source has no keys", c.cfg.Package)}
	case partial != nil:
		return result[K]{keys: keys, err: partial}
	}
	return result[K]{keys: keys}
}

// settle stores the outcome of a fetch and returns what is to be reported.
func (c *Cache[K]) settle(s *slot[K], f *flight, keys []K, err error, now time.Time) (report error) {
	s.flight = nil
	old := s.current.Load()
	partial, isPartial := err.(*Partial) //nolint:errorlint // made by this package
	if err != nil && !isPartial {
		s.failure, c.failure = err, err
		if f, ok := err.(*failure); ok && f.pause > 0 { //nolint:errorlint // the outermost, made by this package
			c.paused = now.Add(min(f.pause, maxPause))
		}
		if old != nil && now.Before(old.At) { // the clock was set back: the answer ages from now on
			rebased := *old
			rebased.At, rebased.next = now, now
			s.current.Store(&rebased)
		}
		if old == nil && !s.pinned {
			delete(c.slots, s.id)
		}
		return err
	}
	s.failure, c.failure, s.none = nil, nil, len(keys) == 0
	if s.none {
		c.forget(s, now)
		f.note(&s.gate, old != nil)
		if err := c.noSuchID(); err != nil {
			return fmt.Errorf("%s: %w", c.cfg.Package, errNoneID)
		}
		return nil
	}
	fresh, changed := c.succeed(old, keys, now)
	if partial != nil {
		fresh.Dropped = partial
		if old == nil || old.Dropped == nil || old.Dropped.Error() != partial.Error() {
			report = partial
		}
	}
	s.current.Store(fresh)
	f.note(&s.gate, changed)
	delete(c.unknown, s.id)
	c.evict()
	return report
}

// note notes whether a fetch brought anything new.
func (f *flight) note(own *gate, changed bool) {
	switch {
	case changed:
		own.fruitless = 0
		if f.charged != nil {
			f.charged.fruitless = 0
			f.charged.fruitful++
		}
	case f.charged != nil:
		f.charged.fruitless++
		f.charged.fruitful = 0
	}
}

// forget takes away the keys of an id that the source no longer knows, or never knew.
func (c *Cache[K]) forget(s *slot[K], now time.Time) {
	s.current.Store(nil)
	if s.pinned {
		return
	}
	delete(c.slots, s.id)
	for id, until := range c.unknown {
		if !now.Before(until) || until.Sub(now) > unknownLife*c.cfg.MinInterval {
			delete(c.unknown, id)
		}
	}
	c.unknown[s.id] = now.Add(unknownLife * c.cfg.MinInterval)
}

// evict forgets the ids that were fetched first, while there are more than MaxKeys.
func (c *Cache[K]) evict() {
	if c.all != nil {
		return
	}
	for len(c.slots) > c.cfg.MaxKeys {
		var oldest *slot[K]
		var at time.Time
		for _, s := range c.slots {
			a := s.current.Load()
			if s.pinned || s.flight != nil || a == nil {
				continue
			}
			if oldest == nil || a.At.Before(at) {
				oldest, at = s, a.At
			}
		}
		if oldest == nil {
			return
		}
		delete(c.slots, oldest.id)
	}
}

// wait reports whether f is done. It returns when f is, limit after f began, when ctx ends, or at once if too many
// wait.
func (c *Cache[K]) wait(ctx context.Context, f *flight, limit time.Duration) bool {
	if f == nil {
		return true
	}
	select {
	case <-f.done:
		return true
	default:
	}
	left := limit - time.Since(f.begun)
	c.mu.Lock()
	full := c.waiters >= c.cfg.MaxWaiters
	if !full {
		c.waiters++
	}
	c.mu.Unlock()
	if full {
		return false
	}
	if left > 0 {
		timer := time.NewTimer(left)
		select {
		case <-f.done:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	c.mu.Lock()
	c.waiters--
	c.mu.Unlock()
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}
