package idempotency

import (
	"context"
	"encoding/binary"
	"errors"
	"sync/atomic"
	"time"

	"github.com/truhook/truhook/internal/clock"
)

// DefaultMaxEntries is how many records a [Memory] holds where MemoryConfig says nothing: 7 weeks at one event a
// second. It takes 340 MB when it is full.
const DefaultMaxEntries = 4 << 20

// A MemoryConfig has what is optional about a [Memory]. Its zero value is ready to use.
type MemoryConfig struct {
	_ [0]func()

	// MaxEntries is how many records are kept. Zero, or less: [DefaultMaxEntries].
	//
	// Each event takes one, so make it larger than the events of one retention: at one event a second and 31 days that
	// is 2.7 million, or 215 MB. A store that is full of events refuses new ones with [ErrFull]. The order of events
	// takes one for each resource, a quarter of MaxEntries at most, and gives way to events: as many events fit as
	// MaxEntries says. While events take the places of resources the memory of both is held, a quarter more.
	MaxEntries int

	// Now is the clock for leases and retention; nil: time.Now, whose monotonic reading no step of the wall clock
	// moves. What a clock has claimed while it was ahead counts as claimed when it is looked at afterwards. Where it
	// panics, the real time counts.
	Now func() time.Time
}

// A Memory is a [Store] in the memory of this process, for a service of one process and for tests. It forgets
// everything when the process ends: an event that was handled before a restart is handled again if it comes again.
//
// It is sharded, holds no pointers for the garbage collector to follow, takes at most 80 bytes a record, allocates
// nothing for Claim and Complete but for growth, and runs no goroutine: each Claim clears away at most two records
// whose time is over. What it gave to its records it keeps for the next ones. It stores the first half of SHA-256 of a
// key, never the key. A Memory is made by [NewMemory]; it is safe for concurrent use.
type Memory struct {
	now     func() time.Time
	base    time.Time // records hold times as the distance from here
	max     int64
	entries atomic.Int64 // of events and of resources
	shards  []shard      // a power of two
	orders  []orderShard // a power of two
	next    atomic.Uint32

	// These are for Audit.
	added  atomic.Int64 // events since first
	first  atomic.Int64 // the time of the first event; 0: none
	retain atomic.Int64 // the longest retention
}

var _ Store = (*Memory)(nil)

// NewMemory returns an empty store.
func NewMemory(cfg MemoryConfig) *Memory {
	const fewest, perShard = 64, 1 << 14 // growing a shard walks over it once, which 2^14 records keep below a millisecond
	m := &Memory{now: clock.Guard("idempotency", cfg.Now, clock.Report(nil, nil)), max: int64(cfg.MaxEntries)}
	if m.max <= 0 {
		m.max = DefaultMaxEntries
	}
	m.max = min(m.max, perShard<<16)
	count := int64(fewest)
	for count*perShard < m.max && count < 1<<16 {
		count *= 2
	}
	m.base = m.now().Add(-aheadAtMost)
	m.shards = make([]shard, count)
	m.orders = newOrderShards(max(1, m.max/4), perShard)
	return m
}

// Len returns how many records are held, those that are over and not yet cleared away included.
func (m *Memory) Len() int { return int(m.entries.Load()) }

// place returns the hash of an event's key, its shard, and the time in nanoseconds.
func (m *Memory) place(k Key) (sum [16]byte, s *shard, now int64) {
	sum = k.sum(useClaim)
	return sum, &m.shards[binary.LittleEndian.Uint16(sum[:])&uint16(len(m.shards)-1)], m.instant()
}

// aheadAtMost is how far the clock may have been ahead when the store was made: no record has a time before the base.
const aheadAtMost = 36 * 365 * day

// instant is the time in nanoseconds since the base.
func (m *Memory) instant() int64 { return max(0, int64(m.now().Sub(m.base))) }

// latest is when the last record is over at the latest, if now is right.
func (m *Memory) latest(now int64) int64 { return after(now, time.Duration(m.retain.Load())) }

// find returns the record of a key, nil if there is none or its time is over.
func (m *Memory) find(s *shard, sum [16]byte, now int64) *entry {
	e := s.find(sum, now)
	if e != nil {
		e.putRight(m.latest(now))
	}
	return e
}

// A claim and a resource of the same name are two keys.
const (
	useClaim    = 'c'
	useResource = 'r'
)

// Claim implements [Store]. It returns [ErrFull] for an event that is not held while MaxEntries events are.
func (m *Memory) Claim(ctx context.Context, c ClaimRequest) (Record, error) {
	if err := ctx.Err(); err != nil {
		return Record{}, err
	}
	if c.Lease <= 0 || c.Retain < c.Lease {
		return Record{}, errors.New("idempotency: a claim needs a lease, and a retention that is not shorter")
	}
	sum, s, now := m.place(c.Key)
	r, err := m.claim(s, sum, &c, now)
	for err != nil && (m.reclaim(now) || m.giveWay()) {
		r, err = m.claim(s, sum, &c, now)
	}
	return r, err
}

func (m *Memory) claim(s *shard, sum [16]byte, c *ClaimRequest, now int64) (Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.entries.Add(-s.expire(now, 2))
	e := m.find(s, sum, now)
	if e == nil {
		if m.entries.Add(1) > m.max {
			m.entries.Add(-1)
			return Record{}, ErrFull
		}
		e = s.add(sum, now, c.Retain)
		e.fingerprint = c.Fingerprint
		m.count(now, c.Retain)
	}
	switch state, lease := e.state(), e.lease(); {
	case state == done:
		return Record{State: Done, Attempt: e.attempt(), Fingerprint: e.fingerprint}, nil
	case state == pending && e.token == c.Token:
		e.set(pending, e.attempt(), after(now, c.Lease))
	case state == pending && lease > now:
		left := time.Duration(lease - now)
		return Record{State: Busy, Attempt: e.attempt(), Fingerprint: e.fingerprint, LeaseLeft: left}, nil
	default:
		e.token = c.Token
		e.set(pending, min(e.attempt()+1, maxAttempt), after(now, c.Lease))
	}
	return Record{State: Owned, Attempt: e.attempt(), Fingerprint: e.fingerprint}, nil
}

// reclaim makes room in a full store and reports whether it is worth another attempt.
func (m *Memory) reclaim(now int64) bool {
	var freed, moved int64
	latest := m.latest(now)
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		moved += s.putRight(latest, 2)
		freed += s.expire(now, 2)
		s.mu.Unlock()
	}
	m.entries.Add(-freed)
	return freed+moved > 0
}

// Extend implements [Store].
func (m *Memory) Extend(ctx context.Context, k Key, t Token, lease time.Duration) error {
	return m.settle(ctx, k, t, pending, lease)
}

// Complete implements [Store].
func (m *Memory) Complete(ctx context.Context, k Key, t Token) error {
	return m.settle(ctx, k, t, done, 0)
}

// Release implements [Store].
func (m *Memory) Release(ctx context.Context, k Key, t Token) error {
	return m.settle(ctx, k, t, released, 0)
}

func (m *Memory) settle(ctx context.Context, k Key, t Token, to uint64, lease time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sum, s, now := m.place(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := m.find(s, sum, now)
	switch {
	case e == nil || e.token != t:
		return ErrLost
	case e.state() == pending:
		until := e.lease()
		if to == pending {
			until = after(now, lease)
		}
		e.set(to, e.attempt(), until)
		return nil
	case e.state() == to:
		return nil
	}
	return ErrLost
}

// Forget implements [Store].
func (m *Memory) Forget(ctx context.Context, k Key) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	sum, s, now := m.place(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e := m.find(s, sum, now); {
	case e == nil:
	case e.state() == done:
		e.set(dead, 0, 0) // expire frees it when its place in the queue comes
		s.remove(s.lookup(&sum))
	case e.state() == pending && e.lease() > now:
		return ErrInFlight
	}
	return nil
}
