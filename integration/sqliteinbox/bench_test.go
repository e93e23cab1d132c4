package sqliteinbox_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/inbox/sqliteinbox"
)

// Two ways of doing the same are measured in alternating rounds, so that both meet the same quiet and loud moments, and
// the minima are compared: "x" is the quotient, of the time for one row.
const benchRounds = 10

var benchIDs atomic.Int64

func benchMessage() inbox.Message {
	m := message(fmt.Sprintf("event-%d", benchIDs.Add(1)))
	m.Payload = make([]byte, 400)
	return m
}

// round returns how long f takes for one of rows.
func round(rows int, f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start) / time.Duration(rows)
}

func enqueueAll(b *testing.B, q *sqliteinbox.Queue, messages []inbox.Message, goroutines int) {
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for i := g; i < len(messages); i += goroutines {
				if _, err := q.Enqueue(context.Background(), messages[i]); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func benchMessages(n int) []inbox.Message {
	all := make([]inbox.Message, n)
	for i := range all {
		all[i] = benchMessage()
	}
	return all
}

func report(b *testing.B, of, base []time.Duration) {
	b.ReportMetric(float64(slices.Min(base))/float64(slices.Min(of)), "x")
	b.ReportMetric(float64(slices.Min(of).Nanoseconds()), "ns/row")
	b.ReportMetric(float64(slices.Min(base).Nanoseconds()), "ns/base")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkAccept compares accepting with a bare INSERT and COMMIT of as many bytes, one alone, and 64 at the same time
// with one at a time.
func BenchmarkAccept(b *testing.B) {
	db := newDatabase(b).open(b)
	_, err := db.ExecContext(b.Context(), "CREATE TABLE raw (scope text, id text, message blob, PRIMARY KEY (scope, id))")
	require.NoError(b, err)
	q, err := sqliteinbox.New(db, sqliteinbox.Config{})
	require.NoError(b, err)
	bare := func(m inbox.Message) {
		data, err := m.MarshalJSON()
		require.NoError(b, err)
		tx, err := db.BeginTx(context.Background(), nil)
		require.NoError(b, err)
		_, err = tx.Exec("INSERT INTO raw VALUES (?, ?, ?)", m.Key.Scope, m.Key.ID, data)
		require.NoError(b, err)
		require.NoError(b, tx.Commit())
	}
	const rows = 256
	b.Run("alone-to-bare", func(b *testing.B) {
		for b.Loop() {
			var ours, raw []time.Duration
			for range benchRounds {
				one, two := benchMessages(rows), benchMessages(rows)
				raw = append(raw, round(rows, func() {
					for _, m := range one {
						bare(m)
					}
				}))
				ours = append(ours, round(rows, func() { enqueueAll(b, q, two, 1) }))
			}
			report(b, ours, raw)
		}
	})
	b.Run("64-to-alone", func(b *testing.B) {
		for b.Loop() {
			var many, alone []time.Duration
			for range benchRounds {
				one, two := benchMessages(rows), benchMessages(8*rows)
				alone = append(alone, round(rows, func() { enqueueAll(b, q, one, 1) }))
				many = append(many, round(8*rows, func() { enqueueAll(b, q, two, 64) }))
			}
			report(b, many, alone)
		}
	})
}

// BenchmarkHandle compares rows a second with 8 and 64 functions at once to one row a commit, which is one function at
// a time.
func BenchmarkHandle(b *testing.B) {
	const rows = 512
	handle := func(concurrency int) time.Duration {
		db := newDatabase(b).open(b)
		q, err := sqliteinbox.New(db, sqliteinbox.Config{Concurrency: concurrency})
		require.NoError(b, err)
		enqueueAll(b, q, benchMessages(rows), 64)
		ctx, stop := context.WithCancel(context.Background())
		var handled atomic.Int64
		ended := make(chan struct{})
		d := round(rows, func() {
			go func() {
				defer close(ended)
				_ = q.Run(ctx, func(context.Context, *truhook.Verified) error {
					if handled.Add(1) == rows {
						stop()
					}
					return nil
				})
			}()
			<-ended
		})
		stop()
		_ = db.Close()
		return d
	}
	for _, n := range []int{8, 64} {
		b.Run(fmt.Sprintf("%d-to-1", n), func(b *testing.B) {
			for b.Loop() {
				var many, one []time.Duration
				for range benchRounds {
					one = append(one, handle(1))
					many = append(many, handle(n))
				}
				report(b, many, one)
			}
		})
	}
}

// oldID stands in the message that fill is given for the id of each row.
const oldID = "the-old-id"

// fill puts n rows into the table in one go, as so many calls would.
func fill(b *testing.B, db *sql.DB, n, state int, due int64, message string) {
	_, err := db.ExecContext(b.Context(), `
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
INSERT INTO truhook_inbox (scope, id, state, due, attempt, base, accepted_at, fingerprint, message, error)
SELECT 'truv/old', 'old-' || ?2 || '-' || i, ?2, ?3, 1, 0, ?3, x'',
	CAST(replace(?4, '`+oldID+`', 'old-' || ?2 || '-' || i) AS BLOB), '' FROM n`, n, state, due, message)
	require.NoError(b, err)
}

// BenchmarkMillion measures Stats, and accepting, beside a million rows that wait, and a million whose retention is
// over while Run deletes them.
func BenchmarkMillion(b *testing.B) {
	const million = 1_000_000
	b.Run("stats", func(b *testing.B) {
		db := newDatabase(b).open(b)
		fill(b, db, million, 1, time.Now().UnixMicro(), "")
		q, err := sqliteinbox.New(db, sqliteinbox.Config{})
		require.NoError(b, err)
		for b.Loop() {
			s, err := q.Stats(b.Context())
			require.NoError(b, err)
			require.EqualValues(b, million, s.Waiting)
		}
	})
	b.Run("first-begun-behind-expired", func(b *testing.B) {
		db := newDatabase(b).open(b)
		fill(b, db, million, 4, 1, "")
		for b.Loop() {
			q, err := sqliteinbox.New(db, sqliteinbox.Config{})
			require.NoError(b, err)
			ctx, stop := context.WithCancel(b.Context())
			begun := make(chan time.Time, 1)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_ = q.Run(ctx, func(context.Context, *truhook.Verified) error { begun <- time.Now(); return nil })
			}()
			start := time.Now()
			_, err = q.Enqueue(b.Context(), inbox.Message{Key: idempotency.Key{Scope: "truv/new", ID: fmt.Sprint(benchIDs.Add(1))}})
			require.NoError(b, err)
			b.ReportMetric(float64((<-begun).Sub(start).Microseconds()), "us/begun")
			stop()
			<-ended
		}
	})
}

// BenchmarkRows measures accepting, taking and Stats beside more and more rows that wait.
func BenchmarkRows(b *testing.B) {
	const rows = 256
	for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			db := newDatabase(b).open(b)
			q, err := sqliteinbox.New(db, sqliteinbox.Config{Concurrency: 8})
			require.NoError(b, err)
			m := benchMessage()
			m.Key = idempotency.Key{Scope: "truv/old", ID: oldID}
			waiting, err := m.MarshalJSON()
			require.NoError(b, err)
			fill(b, db, n, 1, time.Now().UnixMicro(), string(waiting))
			for b.Loop() {
				var accept, handle, stats []time.Duration
				for range benchRounds {
					messages := benchMessages(rows)
					accept = append(accept, round(rows, func() { enqueueAll(b, q, messages, 1) }))
					handle = append(handle, round(rows, func() { handleSome(q, rows) }))
					stats = append(stats, round(1, func() {
						s, err := q.Stats(b.Context())
						require.NoError(b, err)
						require.InDelta(b, n, s.Waiting, benchRounds*rows) // what was begun beside the last one
					}))
				}
				for unit, all := range map[string][]time.Duration{"ns/accept": accept, "ns/handle": handle, "ns/stats": stats} {
					b.ReportMetric(float64(slices.Min(all)), unit)
				}
			}
		})
	}
}

// handleSome runs q until so many rows were handled.
func handleSome(q *sqliteinbox.Queue, rows int64) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var handled atomic.Int64
	_ = q.Run(ctx, func(context.Context, *truhook.Verified) error {
		if handled.Add(1) == rows {
			stop()
		}
		return nil
	})
}
