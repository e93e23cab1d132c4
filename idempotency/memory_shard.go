package idempotency

import (
	"encoding/binary"
	"math"
	"sync"
	"time"
)

// An entry is one record in 64 bytes without a pointer.
type entry struct {
	key         [16]byte
	token       Token // of a resource: its newest time in microseconds since 1970
	fingerprint Fingerprint
	packed      uint64 // state, attempt, and the end of the lease in milliseconds
	expires     uint32 // when its place in the queue is due, in seconds, rounded up
	next        uint32 // the reference of the next one in its queue or in the list of free ones; 0: none
}

const (
	dead     uint64 = iota // over, but still in its queue; or free
	pending                // claimed
	released               // given back
	done                   // handled
	ordered                // a resource, not a claim
)

const (
	maxAttempt = math.MaxUint16
	leaseBits  = 45 // of milliseconds: more than the 219 years of after
	maxLease   = 1<<leaseBits - 1

	millisecond = int64(time.Millisecond)
	second      = int64(time.Second)
)

func (e *entry) state() uint64   { return e.packed >> (leaseBits + 16) }
func (e *entry) attempt() uint32 { return uint32(e.packed >> leaseBits & maxAttempt) }
func (e *entry) lease() int64    { return int64(e.packed&maxLease) * millisecond }
func (e *entry) version() int64  { return int64(binary.LittleEndian.Uint64(e.token[:])) }

// set takes the end of the lease in nanoseconds and rounds it up: no lease is shorter than it was promised.
func (e *entry) set(state uint64, attempt uint32, lease int64) {
	e.packed = state<<(leaseBits+16) | uint64(attempt)<<leaseBits | uint64((lease+millisecond-1)/millisecond)
}

// kept reports whether the lease of a claim, or the retention of a resource, outlasts the place in the queue.
func (e *entry) kept(now int64) bool {
	return (e.state() == pending || e.state() == ordered) && e.lease() > now
}

func (e *entry) due(now int64) bool { return int64(e.expires)*second <= now }

// ahead reports whether the clock was ahead when the record was made: it is over after latest.
func (e *entry) ahead(latest int64) bool { return int64(e.expires)*second-latest > int64(clockSlack) }

// putRight makes a record that is ahead one of now: as far as its end is ahead, so far is its lease.
func (e *entry) putRight(latest int64) {
	if !e.ahead(latest) {
		return
	}
	ahead := int64(e.expires)*second - latest
	e.expires = seconds(latest)
	if e.state() == pending {
		e.set(pending, e.attempt(), max(0, e.lease()-ahead))
	}
}

// after returns the instant d from now, at most 219 years after the base.
func after(now int64, d time.Duration) int64 { return min(now, 1<<62) + min(int64(d), 1<<61) }

// seconds returns the second in which that instant is over.
func seconds(instant int64) uint32 { return uint32(min((instant+second-1)/second, math.MaxUint32)) }

// A queue holds the records of one retention, the first to be over in front: where the retention is the same for all,
// the order of claiming is the order of expiry. Retentions come from configurations, so there are few.
type queue struct {
	retain     time.Duration
	head, tail uint32
}

// A chunk is how much a shard grows by: 4 KiB.
const chunk = 64

// A shard is a table with open addressing. A slot holds 12 bits of the key's hash and the reference of an entry, which
// is its number plus 1, in 20 bits; 0 is an empty slot.
type shard struct {
	mu     sync.Mutex
	slots  []uint32 // a power of two; at most three quarters are taken
	taken  int
	chunks []*[chunk]entry
	used   uint32 // entries that were ever handed out
	free   uint32 // list of entries to hand out again
	queues []queue
}

const (
	refBits = 20
	refMask = 1<<refBits - 1
)

func (s *shard) entry(ref uint32) *entry {
	i := ref - 1
	return &s.chunks[i/chunk][i%chunk]
}

func tag(sum *[16]byte) uint32 { return binary.LittleEndian.Uint32(sum[12:]) &^ refMask }

// home is where the search for a key begins. The first two bytes chose the shard.
func (s *shard) home(sum *[16]byte) int {
	return int(binary.LittleEndian.Uint32(sum[2:])) & (len(s.slots) - 1)
}

// lookup returns the slot of a key, or -1.
func (s *shard) lookup(sum *[16]byte) int {
	if len(s.slots) == 0 {
		return -1
	}
	want := tag(sum)
	for i := s.home(sum); s.slots[i] != 0; i = (i + 1) & (len(s.slots) - 1) {
		if slot := s.slots[i]; slot&^refMask == want && s.entry(slot&refMask).key == *sum {
			return i
		}
	}
	return -1
}

// find returns the record of a key, nil if there is none or its time is over.
func (s *shard) find(sum [16]byte, now int64) *entry {
	i := s.lookup(&sum)
	if i < 0 {
		return nil
	}
	e := s.entry(s.slots[i] & refMask)
	if e.due(now) && !e.kept(now) {
		e.set(dead, 0, 0) // its place in the queue is not to be found; expire frees it when it comes there
		s.remove(i)
		return nil
	}
	return e
}

// add returns a new record, released and without an attempt: a claim that takes it over makes it the first.
func (s *shard) add(sum [16]byte, now int64, retain time.Duration) *entry {
	if 4*(s.taken+1) > 3*len(s.slots) {
		s.grow()
	}
	ref := s.free
	if ref != 0 {
		s.free = s.entry(ref).next
	} else {
		if int(s.used) == len(s.chunks)*chunk {
			s.chunks = append(s.chunks, new([chunk]entry))
		}
		s.used++
		ref = s.used
	}
	e := s.entry(ref)
	*e = entry{key: sum, expires: seconds(after(now, retain))}
	e.set(released, 0, 0)
	s.insert(ref, e)
	s.taken++
	s.enqueue(s.queue(retain), ref)
	return e
}

func (s *shard) insert(ref uint32, e *entry) {
	i := s.home(&e.key)
	for s.slots[i] != 0 {
		i = (i + 1) & (len(s.slots) - 1)
	}
	s.slots[i] = tag(&e.key) | ref
}

func (s *shard) grow() {
	s.slots = make([]uint32, max(16, 2*len(s.slots)))
	for ref := uint32(1); ref <= s.used; ref++ { // in the order of memory, not of the table
		if e := s.entry(ref); e.state() != dead {
			s.insert(ref, e)
		}
	}
}

// remove empties a slot and moves those behind it back, so that no search ends early.
func (s *shard) remove(i int) {
	mask := len(s.slots) - 1
	for j := (i + 1) & mask; s.slots[j] != 0; j = (j + 1) & mask {
		home := s.home(&s.entry(s.slots[j] & refMask).key)
		if (j-home)&mask >= (j-i)&mask { // it may stand at i: its search begins there or before
			s.slots[i] = s.slots[j]
			i = j
		}
	}
	s.slots[i] = 0
	s.taken--
}

func (s *shard) queue(retain time.Duration) *queue {
	for i := range s.queues {
		if s.queues[i].retain == retain {
			return &s.queues[i]
		}
	}
	s.queues = append(s.queues, queue{retain: retain})
	return &s.queues[len(s.queues)-1]
}

func (s *shard) enqueue(q *queue, ref uint32) {
	s.entry(ref).next = 0
	if q.head == 0 {
		q.head = ref
	} else {
		s.entry(q.tail).next = ref
	}
	q.tail = ref
}

// expire looks at up to most records that are due, and returns how many of them it freed.
func (s *shard) expire(now int64, most int) (freed int64) {
	for i := range s.queues {
		q := &s.queues[i]
		for ; most > 0 && q.head != 0; most-- {
			ref := q.head
			e := s.entry(ref)
			if !e.due(now) {
				break
			}
			q.head = e.next
			if e.kept(now) {
				if e.state() == ordered { // a claim stays due instead: it is over as soon as it is settled
					e.expires = uint32(min(e.lease()/second, math.MaxUint32)) // rounded down: lease says the rest
				}
				s.enqueue(q, ref)
				continue
			}
			if e.state() != dead {
				e.set(dead, 0, 0)
				s.remove(s.lookup(&e.key))
			}
			e.next, s.free = s.free, ref
			freed++
		}
	}
	return freed
}

// putRight moves up to most records behind the others that a clock which was ahead has made: they would keep those
// behind them from being freed until the clock is there again. It returns how many it has moved.
func (s *shard) putRight(latest int64, most int) (moved int64) {
	for i := range s.queues {
		q := &s.queues[i]
		for ; most > 0 && q.head != 0; most-- {
			ref := q.head
			e := s.entry(ref)
			if !e.ahead(latest) {
				break
			}
			e.putRight(latest)
			q.head = e.next
			s.enqueue(q, ref)
			moved++
		}
	}
	return moved
}
