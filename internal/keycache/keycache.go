package keycache

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/backoff"
	"github.com/truhook/truhook/internal/clock"
	"github.com/truhook/truhook/internal/logonce"
)

// A Cache remembers what was fetched. [New] makes it. It is safe for concurrent use and must not be copied.
type Cache[K any] struct {
	cfg  Config[K]
	now  func() time.Time // cfg.Now without its panics
	pace backoff.Backoff
	all  *slot[K] // without ByID: the one answer

	mu      sync.RWMutex
	slots   map[string]*slot[K] // with ByID: ids that have keys, are being asked for, or were given to Prefetch
	unknown map[string]time.Time
	gate    gate      // for ids without a slot, as strangers choose them
	failure error     // of the last fetch, whatever its id
	paused  time.Time // the source asked to be left alone until then
	waiters int
	hung    int // fetches that go on after their time

	lines logonce.Lines
}

// A slot is one question that a source is asked: for all keys, or for those of one id.
type slot[K any] struct {
	id      string
	current atomic.Pointer[Answer[K]]

	// The rest is guarded by Cache.mu.
	gate    gate
	flight  *flight // nil: no fetch is under way
	failure error   // of the last fetch; nil if it succeeded
	none    bool    // the last fetch said that there is no such id
	pinned  bool    // given to Prefetch
}

// An Answer is what the last good fetch came to. It is never changed.
type Answer[K any] struct {
	Keys    []K
	At      time.Time // when it was fetched
	Dropped error     // what was left out; nil: nothing

	gone []time.Time // when the last keys of Keys, those that are retained, were no longer listed
	next time.Time   // when the next fetch is due
}

const (
	missedMost  = 8           // times MinInterval: the longest time between two fetches that strangers can cause
	unknownLife = 6           // times MinInterval: how long an unknown id is remembered
	beforeEnd   = time.Minute // how long before the end of a key's validity the next answer is fetched
	maxFruitful = 8           // unknown ids that are found one after the other without waiting for MinInterval
	maxHung     = 4           // fetches that ignore the end of their context
	maxPause    = 15 * time.Minute
)

func newCache[K any](cfg Config[K]) *Cache[K] {
	c := &Cache[K]{
		cfg: cfg, pace: backoff.Backoff{First: cfg.MinInterval, Most: missedMost * cfg.MinInterval},
		slots: map[string]*slot[K]{}, unknown: map[string]time.Time{},
	}
	if !cfg.ByID {
		c.all = &slot[K]{pinned: true}
	}
	c.now = clock.Guard(cfg.Package, cfg.Now, c.report)
	return c
}

var (
	errAsked  = errors.New("the source was asked a moment ago")
	errSlow   = errors.New("the keys have not arrived yet")
	errNoneID = errors.New("the source knows no id that it was asked for: it cannot tell that one does not exist")
	errPaused = errors.New("the source asked to be left alone for a while")
	errStale  = errors.New("there is no answer younger than TTL")
)

// Get returns the keys, with ByID those of id. missed says that none of the keys just given fits: the same slice again,
// without an error, means that there are no others. With ByID no keys and no error means that there is no such id.
//
// Errors are *truhook.Error with the Reasons KeysUnavailable, KeysStale, and Canceled if ctx ended during a wait.
func (c *Cache[K]) Get(ctx context.Context, id string, missed bool) ([]K, error) {
	now := c.now()
	s := c.find(id)
	if s != nil && !missed {
		if a := s.current.Load(); a != nil && now.Before(a.next) && !now.Before(a.At) {
			return a.Keys, nil
		}
	}
	c.mu.Lock()
	s, f, err := c.begin(id, now, missed)
	if s == nil {
		c.mu.Unlock()
		return nil, err
	}
	failing, a := s.failure != nil, s.current.Load()
	c.mu.Unlock()

	limit := c.cfg.Timeout + time.Second // the fetch ends before, and says why
	if a.younger(now, c.cfg.MaxStale) {
		limit = c.cfg.Wait
		if !missed && (failing || a.younger(now, c.cfg.TTL)) {
			return a.Keys, nil //nolint:nilerr // the last good answer serves; begin gives an error only without a slot
		}
	}
	arrived := c.wait(ctx, f, limit)
	return c.verdict(ctx, s, missed, arrived)
}

func (c *Cache[K]) find(id string) *slot[K] {
	if c.all != nil {
		return c.all
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.slots[id]
}

// begin returns the slot of id and the fetch that is under way for it, after starting one if that is allowed. Without a
// slot the error is the answer; nil means that there is no such id.
func (c *Cache[K]) begin(id string, now time.Time, missed bool) (*slot[K], *flight, error) {
	s := c.all
	if s == nil {
		s = c.slots[id]
	}
	if s != nil {
		return s, c.renew(s, now, missed), nil
	}
	if until, told := c.unknown[id]; told && now.Before(until) && until.Sub(now) <= unknownLife*c.cfg.MinInterval {
		return nil, nil, c.noSuchID()
	}
	if c.pausing(now) || !c.gate.allows(now, c.gate.interval(c.pace, now)) && !c.gate.generous(now, c.cfg.MinInterval) {
		return nil, nil, c.cannotAsk(now)
	}
	c.gate.begin(c.pace, now)
	s = &slot[K]{id: strings.Clone(id)} // a host may use the memory of a request again
	c.slots[s.id] = s
	return s, c.start(s, &c.gate, now), nil
}

// cannotAsk is the answer for an unknown id for which no fetch may begin now; nil: there is no such id.
func (c *Cache[K]) cannotAsk(now time.Time) error {
	switch {
	case c.failure == nil && c.fresh(now): // a source that works: in between its last good answer counts
		return nil
	case c.failure == nil:
		return stale(errAsked)
	case c.holds(now):
		return stale(c.failure)
	}
	return unavailable(c.failure)
}

// pausing reports whether the source asked to be left alone, for a time that a clock cannot prolong that was set back.
func (c *Cache[K]) pausing(now time.Time) bool {
	return now.Before(c.paused) && c.paused.Sub(now) <= maxPause
}

// noSuchID is the answer for an id that the source does not know: nil if the source can tell.
func (c *Cache[K]) noSuchID() error {
	if c.failure != nil {
		return stale(c.failure)
	}
	for _, s := range c.slots {
		if s.current.Load() != nil {
			return nil
		}
	}
	return stale(errNoneID)
}

// renew returns the fetch that is under way for a slot, after starting one if its time has come; nil if there is none.
func (c *Cache[K]) renew(s *slot[K], now time.Time, missed bool) *flight {
	if s.flight != nil {
		return s.flight
	}
	interval, charged := c.cfg.MinInterval, (*gate)(nil)
	if missed && s.failure == nil {
		interval, charged = s.gate.interval(c.pace, now), &s.gate
	}
	if c.pausing(now) || !s.gate.allows(now, interval) {
		return nil
	}
	if charged != nil {
		charged.begin(c.pace, now)
	}
	return c.start(s, charged, now)
}

// verdict answers after a wait. arrived is false if a fetch is still under way.
func (c *Cache[K]) verdict(ctx context.Context, s *slot[K], missed, arrived bool) ([]K, error) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	a := s.current.Load()
	usable := a.younger(now, c.cfg.MaxStale)
	healthy := arrived && s.failure == nil && a.younger(now, c.cfg.TTL)
	switch {
	case usable && (!missed || healthy):
		return a.Keys, nil
	case ctx.Err() != nil && !arrived:
		return nil, &truhook.Error{Reason: truhook.Canceled, Err: ctx.Err()}
	case !arrived:
		return nil, stale(errSlow)
	case usable && s.failure == nil:
		return nil, stale(errStale)
	case s.failure != nil && (usable || c.holds(now)):
		return nil, stale(s.failure)
	case s.failure != nil:
		return nil, unavailable(s.failure)
	case s.none:
		return nil, c.noSuchID()
	}
	return nil, stale(errAsked)
}

// fresh reports whether an answer of any id is younger than TTL.
func (c *Cache[K]) fresh(now time.Time) bool {
	for _, s := range c.slots {
		if s.current.Load().younger(now, c.cfg.TTL) {
			return true
		}
	}
	return false
}

// holds reports whether a usable key of any id is there, so that a failure shows as stale, not as unavailable.
func (c *Cache[K]) holds(now time.Time) bool {
	for _, s := range c.slots {
		if s.current.Load().younger(now, c.cfg.MaxStale) {
			return true
		}
	}
	return false
}

func unavailable(cause error) error {
	return &truhook.Error{Reason: truhook.KeysUnavailable, Err: cause}
}

func stale(cause error) error { return &truhook.Error{Reason: truhook.KeysStale, Err: cause} }

// younger reports whether the answer is younger than limit. One from the future is: the clock was set back.
func (a *Answer[K]) younger(now time.Time, limit time.Duration) bool {
	return a != nil && now.Sub(a.At) < limit
}

// report logs and calls OnError.
func (c *Cache[K]) report(err error) {
	if err == nil {
		return
	}
	c.lines.Write(context.Background(), c.cfg.Logger, time.Now(), slog.LevelWarn, "",
		"truhook: keys could not be fetched, or not all of them", slog.String("error", err.Error()))
	if c.cfg.OnError == nil {
		return
	}
	defer func() { _ = recover() }()
	c.cfg.OnError(err)
}
