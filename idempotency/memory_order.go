package idempotency

import (
	"context"
	"encoding/binary"
	"math"
	"time"
)

// An orderShard holds the newest version of each of its resources. What only helps gives way to what must be: it holds
// a number of records at most, the oldest go first, and all of them go before an event is refused.
type orderShard struct {
	shard
	most    int
	records int

	// forgotten is the newest version that is no longer held. No version up to it can be called newer.
	forgotten int64
}

func newOrderShards(most, perShard int64) []orderShard {
	count := int64(1)
	for count*perShard < most && count < 1<<16 {
		count *= 2
	}
	shards := make([]orderShard, count)
	for i := range shards {
		shards[i].most = int(most / count)
		shards[i].forgotten = math.MinInt64
	}
	return shards
}

// Order implements [Store]. It never returns [ErrFull]: a resource whose record had to give way is [OrderUnknown] until
// there is a version that is newer than all that gave way.
func (m *Memory) Order(ctx context.Context, resource Key, version time.Time, retain time.Duration) (Order, error) {
	if err := ctx.Err(); err != nil {
		return OrderUnknown, err
	}
	sum := resource.sum(useResource)
	s := &m.orders[binary.LittleEndian.Uint16(sum[:])&uint16(len(m.orders)-1)]
	at, now := version.UnixMicro(), m.instant()
	o, full := m.order(s, sum, at, retain, now)
	if full && m.reclaim(now) {
		o, full = m.order(s, sum, at, retain, now)
	}
	if full {
		s.forget(at)
	}
	return o, nil
}

func (m *Memory) order(s *orderShard, sum [16]byte, at int64, retain time.Duration, now int64) (o Order, full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	freed := s.expire(now, 2)
	s.records -= int(freed)
	m.entries.Add(-freed)
	e := s.find(sum, now)
	switch {
	case e != nil && e.version() > at:
		return Older, false
	case e != nil && e.version() == at:
		return Same, false
	case e == nil && at <= s.forgotten:
		return OrderUnknown, false
	case e == nil:
		if !m.enter(s) {
			return OrderUnknown, true
		}
		e = s.add(sum, now, retain)
	}
	binary.LittleEndian.PutUint64(e.token[:], uint64(at))
	e.set(ordered, 0, after(now, retain)) // what a lease is for a claim, its retention is for a resource: it moves
	return Newer, false
}

// enter makes room for one more record, if need be of the oldest one of the shard.
func (m *Memory) enter(s *orderShard) bool {
	if s.records >= s.most {
		m.entries.Add(-s.dropOldest())
	}
	if m.entries.Add(1) > m.max { // it replaces one of its own, or has no place
		m.entries.Add(-1)
		if s.dropOldest() == 0 {
			return false
		}
	}
	s.records++
	return true
}

// forget notes that a version is not held.
func (s *orderShard) forget(at int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgotten = max(s.forgotten, at)
}

// oldest returns the queue whose first record is due first; nil: the shard is empty.
func (s *orderShard) oldest() (q *queue, due uint32) {
	for i := range s.queues {
		if head := s.queues[i].head; head != 0 && (q == nil || s.entry(head).expires < due) {
			q, due = &s.queues[i], s.entry(head).expires
		}
	}
	return q, due
}

// dropOldest frees the record that was written longest ago and returns how many it freed: 1, or 0 of an empty shard.
func (s *orderShard) dropOldest() int64 {
	for step := 0; ; step++ {
		q, _ := s.oldest()
		if q == nil {
			return 0
		}
		ref := q.head
		e := s.entry(ref)
		q.head = e.next
		if e.state() == ordered && e.lease() >= (int64(e.expires)+1)*second && step < 1024 { // written since it was queued
			e.expires = uint32(min(e.lease()/second, math.MaxUint32))
			s.enqueue(q, ref)
			continue
		}
		if e.state() == ordered {
			s.forgotten = max(s.forgotten, e.version())
			e.set(dead, 0, 0)
			s.remove(s.lookup(&e.key))
		}
		e.next, s.free = s.free, ref
		s.records--
		return 1
	}
}

// giveWay frees one of the oldest records of resources, and reports whether there was any.
func (m *Memory) giveWay() bool {
	const look = 64 // at so many shards
	var from *orderShard
	var first uint32
	start := m.next.Add(look)
	for i := range min(look, len(m.orders)) {
		s := &m.orders[(int(start)+i)&(len(m.orders)-1)]
		s.mu.Lock()
		if q, due := s.oldest(); q != nil && (from == nil || due < first) {
			from, first = s, due
		}
		s.mu.Unlock()
	}
	if from == nil {
		return false
	}
	from.mu.Lock()
	defer from.mu.Unlock()
	m.entries.Add(-from.dropOldest())
	return true
}
