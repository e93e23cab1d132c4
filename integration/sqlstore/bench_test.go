package sqlstore_test

import (
	"database/sql"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/idempotency/sqlstore"
)

// compare measures ours beside raw in alternating blocks, so that both meet the same quiet and loud moments, and
// reports the quotient of what their fastest tenths took as "x-raw": of calls that wait for a disk the one fastest
// block is luck. commits is how often one call of ours waits for it: a block of either waits as often, as a shorter one
// has the better chance of a quiet moment.
func compare(b *testing.B, goroutines, commits int, raw, ours func(n int)) {
	b.Helper()
	const waits = 24 // for the disk, a block and goroutine
	var next int
	timed := func(f func(n int), block int) float64 {
		first := next
		next += block * goroutines
		start := time.Now()
		var wg sync.WaitGroup
		for g := range goroutines {
			wg.Go(func() {
				for n := range block {
					f(first + g*block + n)
				}
			})
		}
		wg.Wait()
		return float64(time.Since(start).Nanoseconds()) / float64(block*goroutines)
	}
	var raws, own []float64
	b.ResetTimer()
	for i := 0; i < b.N || len(own) < 20; i += waits * goroutines {
		raws = append(raws, timed(raw, waits))
		own = append(own, timed(ours, waits/commits))
	}
	b.ReportMetric(fast(own)/fast(raws), "x-raw")
	b.ReportMetric(fast(own), "ns/ours")
	b.ReportMetric(fast(raws), "ns/raw")
	b.ReportMetric(0, "ns/op") // of both together: says nothing
}

// fast returns the mean of the fastest tenth of times.
func fast(times []float64) (mean float64) {
	slices.Sort(times)
	tenth := times[:(len(times)+9)/10]
	for _, t := range tenth {
		mean += t / float64(len(tenth))
	}
	return mean
}

// BenchmarkCost is what a call costs beside an INSERT .. ON CONFLICT DO NOTHING of the same row by itself, and beside
// the user's own write.
func BenchmarkCost(b *testing.B) {
	for _, d := range []dialect{postgres, sqlite} {
		b.Run(string(d), func(b *testing.B) {
			db := databases[d](b)
			if d == postgres {
				db = ownSchema(b)
				db.SetMaxOpenConns(64)
				db.SetMaxIdleConns(64)
			}
			cost(b, db, d)
		})
	}
}

func cost(b *testing.B, db *sql.DB, d dialect) {
	s := newStore(b, db, d, sqlstore.Config{})
	_, err := db.Exec(`CREATE TABLE raw (scope TEXT NOT NULL, id TEXT NOT NULL, token TEXT NOT NULL, PRIMARY KEY (scope, id));
		CREATE TABLE payments (id TEXT PRIMARY KEY, body TEXT NOT NULL)`)
	require.NoError(b, err)
	fail := func(err error) {
		if err != nil {
			b.Error(err)
		}
	}
	ids := func(kind string) func(n int) idempotency.Key {
		run := strconv.FormatInt(time.Now().UnixNano(), 36) // of this call of the benchmark
		return func(n int) idempotency.Key {
			return idempotency.Key{Scope: "bench/" + kind + run, ID: strconv.Itoa(n)}
		}
	}
	raw := func() func(n int) {
		key := ids("raw")
		return func(n int) {
			k := key(n)
			_, err := db.ExecContext(ctx, `INSERT INTO raw (scope, id, token) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
				k.Scope, k.ID, "0123456789abcdef")
			fail(err)
		}
	}
	const pay = `INSERT INTO payments (id, body) VALUES ($1, $2)`
	const body = "0123456789abcdef"
	write := func() func(n int) {
		key := ids("write")
		return func(n int) {
			k := key(n)
			_, err := db.ExecContext(ctx, pay, k.Scope+k.ID, body)
			fail(err)
		}
	}
	own := func(k idempotency.Key) idempotency.ClaimRequest {
		cl := idempotency.ClaimRequest{Key: k, Token: idempotency.NewToken(), Lease: 10 * time.Second, Retain: 31 * 24 * time.Hour}
		r, err := s.Claim(ctx, cl)
		fail(err)
		if r.State != idempotency.Owned {
			b.Errorf("%v", r)
		}
		return cl
	}
	for _, goroutines := range []int{1, 64} {
		suffix := "/goroutines=" + strconv.Itoa(goroutines)
		b.Run("Claim"+suffix, func(b *testing.B) {
			key := ids("claim")
			compare(b, goroutines, 1, raw(), func(n int) { own(key(n)) })
		})
		b.Run("Claim+Complete"+suffix, func(b *testing.B) {
			key := ids("complete")
			compare(b, goroutines, 2, raw(), func(n int) {
				cl := own(key(n))
				fail(s.Complete(ctx, cl.Key, cl.Token))
			})
		})
		b.Run("Duplicate"+suffix, func(b *testing.B) {
			cl := own(ids("duplicate")(0))
			require.NoError(b, s.Complete(ctx, cl.Key, cl.Token))
			compare(b, goroutines, 1, raw(), func(int) {
				_, err := s.Claim(ctx, cl)
				fail(err)
			})
		})
		b.Run("Order"+suffix, func(b *testing.B) {
			key, at := ids("advance"), time.Now()
			compare(b, goroutines, 1, raw(), func(n int) {
				_, err := s.Order(ctx, key(n), at, time.Hour)
				fail(err)
			})
		})
		b.Run("Once+Write"+suffix, func(b *testing.B) {
			key := ids("once")
			compare(b, goroutines, 1, write(), func(n int) {
				k := key(n)
				tx, err := db.BeginTx(ctx, nil)
				if err != nil {
					b.Error(err)
					return
				}
				fresh, err := s.Once(ctx, tx, k)
				if fail(err); !fresh {
					b.Error("not fresh")
				}
				_, err = tx.ExecContext(ctx, pay, k.Scope+k.ID, body)
				fail(err)
				fail(tx.Commit())
			})
		})
		b.Run("Claim+Write+Complete"+suffix, func(b *testing.B) {
			key := ids("three")
			compare(b, goroutines, 3, write(), func(n int) {
				cl := own(key(n))
				_, err := db.ExecContext(ctx, pay, cl.Key.Scope+cl.Key.ID, body)
				fail(err)
				fail(s.Complete(ctx, cl.Key, cl.Token))
			})
		})
	}
}
