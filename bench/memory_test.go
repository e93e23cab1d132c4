package main

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/expirable"
	"github.com/maypok86/otter/v2"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/idempotency"
)

const million = 1_000_000

// A memory remembers events. claimComplete reports whether the event was new.
type memory interface {
	claimComplete(i int) bool
	forget(i int) // called before claimComplete(i) once a million are held
}

// record is as large as what Memory keeps of an event: token, fingerprint, lease, expiry, attempt and state.
type record struct {
	state uint8
	_     [55]byte
}

type truhookMemory struct {
	store *idempotency.Memory
	clock time.Time
}

func (o *truhookMemory) claimComplete(i int) bool {
	o.clock = o.clock.Add(month / million)
	k := idempotency.Key{Scope: scope, ID: eventID(i)}
	t := idempotency.Token{byte(i), byte(i >> 8), byte(i >> 16), 1}
	r, err := o.store.Claim(context.Background(), idempotency.ClaimRequest{Key: k, Token: t, Lease: time.Second, Retain: month - time.Hour})
	if err != nil {
		panic(err)
	}
	return r.State == idempotency.Owned && o.store.Complete(context.Background(), k, t) == nil
}
func (*truhookMemory) forget(int) {}

type goMap struct {
	mu sync.Mutex
	m  map[string]record
}

func (g *goMap) claimComplete(i int) bool {
	id := eventID(i)
	g.mu.Lock()
	if _, seen := g.m[id]; seen {
		g.mu.Unlock()
		return false
	}
	g.m[id] = record{state: 1}
	g.mu.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.m[id] = record{state: 2}
	return true
}

func (g *goMap) forget(i int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.m, eventID(i-million))
}

type otterCache struct{ c *otter.Cache[string, record] }

func (o otterCache) claimComplete(i int) bool {
	id := eventID(i)
	_, fresh := o.c.SetIfAbsent(id, record{state: 1})
	if fresh {
		o.c.Set(id, record{state: 2})
	}
	return fresh
}
func (otterCache) forget(int) {}

type lruCache struct{ c *lru.LRU[string, record] }

func (l lruCache) claimComplete(i int) bool {
	id := eventID(i)
	if _, seen := l.c.Peek(id); seen {
		return false
	}
	l.c.Add(id, record{state: 1})
	l.c.Add(id, record{state: 2})
	return true
}
func (lruCache) forget(int) {}

// BenchmarkMillionEvents holds a million events in each of: this module's store, a Go map behind a mutex, and two cache
// libraries, which both forget the oldest when they are full and so could not serve as one. ns/op is for one new event
// while the oldest leaves, B/event is heap, gc-ms is what the events add to one forced garbage collection (best of
// three), worst-us is the longest single operation.
func BenchmarkMillionEvents(b *testing.B) {
	for _, c := range []struct {
		name string
		make func() memory
	}{
		{"Memory", func() memory {
			o := &truhookMemory{clock: time.Now()}
			o.store = idempotency.NewMemory(idempotency.MemoryConfig{Now: func() time.Time { return o.clock }, MaxEntries: million})
			return o
		}},
		{"map+mutex", func() memory { return &goMap{m: map[string]record{}} }},
		{"otter", func() memory {
			return otterCache{otter.Must(&otter.Options[string, record]{
				MaximumSize: million, ExpiryCalculator: otter.ExpiryCreating[string, record](month),
			})}
		}},
		{"golang-lru", func() memory { return lruCache{lru.NewLRU[string, record](million, nil, month)} }},
	} {
		b.Run(c.name, func(b *testing.B) {
			baseGC, baseHeap := collect()
			s := c.make()
			next := 0
			var worst time.Duration
			step := func() {
				if next >= million {
					s.forget(next)
				}
				began := time.Now()
				if !s.claimComplete(next) {
					panic("a new event is a duplicate")
				}
				worst = max(worst, time.Since(began))
				next++
			}
			for range million {
				step()
			}
			gc, heap := collect()
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				step()
			}
			b.StopTimer()
			b.ReportMetric(float64(heap-baseHeap)/million, "B/event")
			b.ReportMetric(float64(max(0, gc-baseGC))/1e6, "gc-ms")
			b.ReportMetric(float64(worst)/1e3, "worst-us")
			runtime.KeepAlive(s)
		})
	}
}

// BenchmarkWorstClaim fills a store with a million events several times over, always the same ones, takes for each
// claim the fastest of its runs, which a pause of the machine does not touch, and reports the slowest of these: what
// the store itself makes a claim wait for when it grows, and while each claim clears away two that are over.
func BenchmarkWorstClaim(b *testing.B) {
	const runs = 5
	best := make([]time.Duration, 2*million)
	for range b.N {
		for run := range runs {
			clock := time.Now()
			store := idempotency.NewMemory(idempotency.MemoryConfig{Now: func() time.Time { return clock }, MaxEntries: 2 * million})
			for i := range best {
				if i == million {
					clock = clock.Add(2 * month)
				}
				c := idempotency.ClaimRequest{Key: idempotency.Key{Scope: scope, ID: eventID(i)}, Lease: time.Second, Retain: month}
				began := time.Now()
				_, err := store.Claim(context.Background(), c)
				spent := time.Since(began)
				require.NoError(b, err)
				if run == 0 || spent < best[i] {
					best[i] = spent
				}
			}
		}
		b.ReportMetric(float64(slices.Max(best[:million]))/1e3, "growing-us")
		b.ReportMetric(float64(slices.Max(best[million:]))/1e3, "expiring-us")
	}
}

// collect returns the best of three forced collections and the heap after them.
func collect() (best time.Duration, heap int64) {
	best = time.Hour
	runtime.GC()
	for range 3 {
		began := time.Now()
		runtime.GC()
		best = min(best, time.Since(began))
	}
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return best, int64(s.HeapAlloc)
}

func TestMemories_TakeADuplicateForOne(t *testing.T) {
	o := &truhookMemory{clock: time.Now(), store: idempotency.NewMemory(idempotency.MemoryConfig{})}
	for _, c := range []memory{
		o, &goMap{m: map[string]record{}}, lruCache{lru.NewLRU[string, record](10, nil, month)},
		otterCache{otter.Must(&otter.Options[string, record]{MaximumSize: 10})},
	} {
		require.True(t, c.claimComplete(1))
		require.False(t, c.claimComplete(1))
	}
}
