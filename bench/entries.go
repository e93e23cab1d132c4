package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"runtime"
	"time"

	"github.com/truhook/truhook/idempotency"
)

const (
	month = 31 * 24 * time.Hour
	scope = "truv/prod"
)

// eventID returns an id of 32 hex digits, as Truv's.
func eventID(i int) string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[8:], uint64(i)*0x9e3779b97f4a7c15)
	binary.BigEndian.PutUint64(raw[:], uint64(i))
	return hex.EncodeToString(raw[:])
}

var entryCounts = []int{10_000, 100_000, 1_000_000, 10_000_000}

const (
	perDuplicate = "duplicate" // processor time of the claim of an event that is done
	perCollect   = "gc"        // processor time of one collection of garbage
	hashOfKey    = "SHA-256 of the key"
)

// measureEntries fills Memory with more and more events, and measures one more beside what it holds by then.
func measureEntries(rounds int) []figure {
	most := entryCounts[len(entryCounts)-1]
	clock := time.Now()
	empty := heap()
	store := idempotency.NewMemory(idempotency.MemoryConfig{Now: func() time.Time { return clock }, MaxEntries: 2 * most})
	held := 0
	event := func(i int) {
		c := idempotency.ClaimRequest{
			Key: idempotency.Key{Scope: scope, ID: eventID(i)}, Token: idempotency.Token{1, byte(i), byte(i >> 8)},
			Lease: time.Minute, Retain: month,
		}
		r, err := store.Claim(context.Background(), c)
		must(err)
		if r.State != idempotency.Owned {
			panic(r.State)
		}
		must(store.Complete(context.Background(), c.Key, c.Token))
	}
	key := []byte("c\x09\x00\x00\x00" + scope + eventID(1))
	base := race{contenders: []contender{{hashOfKey, func() { sha256.Sum256(key) }}}}.run(rounds)[0]
	base.Race = hashOfKey
	figures := []figure{base}
	for _, n := range entryCounts {
		for ; held < n; held++ {
			event(held)
		}
		f := figure{fmt.Sprint(n), ours, map[string]float64{perBytes: (heap() - empty) / float64(n)}}
		fresh, duplicate, collect := math.Inf(1), math.Inf(1), math.Inf(1)
		block := min(1_000, n/50)
		for range rounds {
			first := held
			spent := timed(1, func() {
				for ; held < first+block; held++ {
					event(held)
				}
			})
			fresh = min(fresh, float64(spent)/float64(block))
			again := idempotency.ClaimRequest{Token: idempotency.Token{2}, Lease: time.Minute, Retain: month}
			spent = timed(1, func() {
				for i := range block {
					again.Key = idempotency.Key{Scope: scope, ID: eventID(i * (n / block))}
					r, err := store.Claim(context.Background(), again)
					must(err)
					if r.State != idempotency.Done {
						panic(r.State)
					}
				}
			})
			duplicate = min(duplicate, float64(spent)/float64(block))
			collect = min(collect, float64(timed(1, runtime.GC)))
		}
		f.Values[perCall], f.Values[perDuplicate], f.Values[perCollect] = fresh, duplicate, collect
		figures = append(figures, f)
	}
	runtime.KeepAlive(store)
	return figures
}

// heap returns the bytes that are in use after a collection.
func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
