package idempotency

import (
	"context"
	"encoding/binary"
	"errors"
	"sync/atomic"
	"time"
)

// DefaultMaxEntries is how many records a [Memory] holds where MemoryConfig says nothing: about 75 MB when full.
const DefaultMaxEntries = 1 << 20

// A MemoryConfig has what is optional about a [Memory]. Its zero value is ready to use.
type MemoryConfig struct {
	_ [0]func()

	// MaxEntries is how many records are kept, those of claims and those of resources together. Zero, or less:
	// [DefaultMaxEntries]. A store that is full of records it must keep refuses new ones with [ErrFull], so make it
	// larger than the events of one retention: at one event a second and 31 days that is 2.7 million, or 200 MB.
	MaxEntries int

	// Now is the clock for leases and retention; nil: time.Now, whose monotonic reading no step of the wall clock moves.
	Now func() time.Time
}

// A Memory is a [Store] in the memory of this process, for a service of one process and for tests.
// It forgets everything when the process ends: an event that was handled before a restart is handled
// again if it comes again.
//
// It is sharded, holds no pointers for the garbage collector to follow, takes at most 80 bytes a record, allocates
// nothing for Claim and Complete but for growth, and runs no goroutine: each Claim clears away at most two records
// whose time is over. What it gave to its records it keeps for the next ones. It stores the first half of SHA-256 of a
// key, never the key. A Memory is made by [NewMemory]; it is safe for concurrent use.
type Memory struct {
	now    func() time.Time
	base   time.Time // records hold times as the distance from here
	max    int64
	held   atomic.Int64
	shards []shard // a power of two
}

var _ Store = (*Memory)(nil)

// NewMemory returns an empty store.
func NewMemory(cfg MemoryConfig) *Memory {
	const fewest, perShard = 64, 1 << 14 // growing a shard walks over it once, which 2^14 records keep below a millisecond
	m := &Memory{now: cfg.Now, max: int64(cfg.MaxEntries)}
	if m.now == nil {
		m.now = time.Now
	}
	if m.max <= 0 {
		m.max = DefaultMaxEntries
	}
	m.max = min(m.max, perShard<<16)
	count := int64(fewest)
	for count*perShard < m.max && count < 1<<16 {
		count *= 2
	}
	m.base = m.now()
	m.shards = make([]shard, count)
	return m
}

// Len returns how many records are held, those that are over and not yet cleared away included.
func (m *Memory) Len() int { return int(m.held.Load()) }

// place returns the hash of a key, its shard, and the time in nanoseconds.
func (m *Memory) place(k Key, use byte) (sum [16]byte, s *shard, now int64) {
	sum = k.sum(use)
	now = max(0, int64(m.now().Sub(m.base)))
	return sum, &m.shards[binary.LittleEndian.Uint16(sum[:])&uint16(len(m.shards)-1)], now
}

// A claim and a resource of the same name are two keys.
const (
	useClaim    = 'c'
	useResource = 'r'
)

// Claim implements [Store]. It returns [ErrFull] for a key that is not held while MaxEntries are.
func (m *Memory) Claim(ctx context.Context, c ClaimRequest) (Record, error) {
	if err := ctx.Err(); err != nil {
		return Record{}, err
	}
	if c.Lease <= 0 || c.Retain < c.Lease {
		return Record{}, errors.New("idempotency: a claim needs a lease, and a retention that is not shorter")
	}
	sum, s, now := m.place(c.Key, useClaim)
	r, err := m.claim(s, sum, &c, now)
	if err != nil && m.reclaim(now) {
		r, err = m.claim(s, sum, &c, now)
	}
	return r, err
}

func (m *Memory) claim(s *shard, sum [16]byte, c *ClaimRequest, now int64) (Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.held.Add(-s.expire(now, 2))
	e := s.find(sum, now)
	if e == nil {
		if m.held.Add(1) > m.max {
			m.held.Add(-1)
			return Record{}, ErrFull
		}
		e = s.add(sum, now, c.Retain)
		e.fingerprint = c.Fingerprint
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

// reclaim makes room in a full store and reports whether there was any to make.
func (m *Memory) reclaim(now int64) bool {
	var freed int64
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		freed += s.expire(now, 2)
		s.mu.Unlock()
	}
	m.held.Add(-freed)
	return freed > 0
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
	sum, s, now := m.place(k, useClaim)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.find(sum, now)
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
	sum, s, now := m.place(k, useClaim)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e := s.find(sum, now); {
	case e == nil:
	case e.state() == done:
		e.set(dead, 0, 0) // expire frees it when its place in the queue comes
		s.remove(s.lookup(&sum))
	case e.state() == pending && e.lease() > now:
		return ErrInFlight
	}
	return nil
}

// Order implements [Store]. It returns [ErrFull] for a resource that is not held while MaxEntries are.
func (m *Memory) Order(ctx context.Context, resource Key, version time.Time, retain time.Duration) (Order, error) {
	if err := ctx.Err(); err != nil {
		return OrderUnknown, err
	}
	sum, s, now := m.place(resource, useResource)
	o, err := m.order(s, sum, version.UnixMicro(), retain, now)
	if err != nil && m.reclaim(now) {
		o, err = m.order(s, sum, version.UnixMicro(), retain, now)
	}
	return o, err
}

func (m *Memory) order(s *shard, sum [16]byte, at int64, retain time.Duration, now int64) (Order, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.held.Add(-s.expire(now, 2))
	e := s.find(sum, now)
	switch {
	case e != nil && e.version() > at:
		return Older, nil
	case e != nil && e.version() == at:
		return Same, nil
	case e == nil:
		if m.held.Add(1) > m.max {
			m.held.Add(-1)
			return OrderUnknown, ErrFull
		}
		e = s.add(sum, now, retain)
	}
	binary.LittleEndian.PutUint64(e.token[:], uint64(at))
	e.set(gate, 0, after(now, retain)) // what a lease is for a claim, its retention is for a resource: it moves
	return Newer, nil
}
