package redisstore_test

import (
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/idempotency"
)

// compare measures ours beside raw in alternating blocks, so that both meet the same quiet and loud moments, and
// reports the quotient of their fastest blocks as "x-raw".
func compare(b *testing.B, goroutines int, raw, ours func(n int)) {
	b.Helper()
	const block = 16
	var next int
	timed := func(f func(n int)) time.Duration {
		first := next
		next += block * goroutines
		start := time.Now()
		if goroutines == 1 {
			for n := range block {
				f(first + n)
			}
			return time.Since(start)
		}
		var wg sync.WaitGroup
		for g := range goroutines {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for n := range block {
					f(first + g*block + n)
				}
			}()
		}
		wg.Wait()
		return time.Since(start)
	}
	var raws, own []time.Duration
	b.ResetTimer()
	for i := 0; i < b.N || len(own) < 20; i += block * goroutines {
		raws = append(raws, timed(raw))
		own = append(own, timed(ours))
	}
	ops := float64(block * goroutines)
	b.ReportMetric(float64(slices.Min(own))/float64(slices.Min(raws)), "x-raw")
	b.ReportMetric(float64(slices.Min(own).Nanoseconds())/ops, "ns/ours")
	b.ReportMetric(float64(slices.Min(raws).Nanoseconds())/ops, "ns/raw")
	b.ReportMetric(0, "ns/op") // of both together: says nothing
}

// BenchmarkCost is what a call costs beside SET NX PX on the same server (AOF, every second).
func BenchmarkCost(b *testing.B) {
	c := connect(b, server.URL(), func(o *redis.Options) { o.PoolSize = 64; o.MinIdleConns = 64 })
	s := newStore(b, c)
	fail := func(err error) {
		if err != nil {
			b.Error(err)
		}
	}
	ids := func(kind string) func(n int) idempotency.Key {
		run := time.Now().String() // of this call of the benchmark
		return func(n int) idempotency.Key {
			return idempotency.Key{Scope: "bench/" + kind + run, ID: strconv.Itoa(n)}
		}
	}
	retain := 31 * 24 * time.Hour
	for _, goroutines := range []int{1, 64} {
		suffix := "/goroutines=" + strconv.Itoa(goroutines)
		setNX := func() func(n int) {
			key := ids("raw")
			return func(n int) {
				k := key(n)
				fail(c.SetNX(ctx, k.Scope+k.ID, "0123456789abcdef", retain).Err()) //nolint:staticcheck // what it is compared with
			}
		}
		own := func(k idempotency.Key) idempotency.ClaimRequest {
			cl := idempotency.ClaimRequest{Key: k, Token: idempotency.NewToken(), Lease: 10 * time.Second, Retain: retain}
			r, err := s.Claim(ctx, cl)
			fail(err)
			if r.State != idempotency.Owned {
				b.Errorf("%v", r)
			}
			return cl
		}
		b.Run("Claim"+suffix, func(b *testing.B) {
			key := ids("claim")
			compare(b, goroutines, setNX(), func(n int) { own(key(n)) })
		})
		b.Run("Claim+Complete"+suffix, func(b *testing.B) {
			key := ids("complete")
			compare(b, goroutines, setNX(), func(n int) {
				cl := own(key(n))
				fail(s.Complete(ctx, cl.Key, cl.Token))
			})
		})
		b.Run("Duplicate"+suffix, func(b *testing.B) {
			k := ids("duplicate")(0)
			cl := own(k)
			require.NoError(b, s.Complete(ctx, k, cl.Token))
			compare(b, goroutines, setNX(), func(int) {
				_, err := s.Claim(ctx, cl)
				fail(err)
			})
		})
		b.Run("Order"+suffix, func(b *testing.B) {
			key := ids("advance")
			at := time.Now()
			compare(b, goroutines, setNX(), func(n int) {
				_, err := s.Order(ctx, key(n), at, retain)
				fail(err)
			})
		})
	}
}
