package sqliteinbox_test

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/inbox/sqliteinbox"
)

func TestEnqueueIsDurableWhenItReturnsAndKnowsItsKeys(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		q := newQueue(t, db, sqliteinbox.Config{})
		enqueue(t, q, "a", "A", "a ", "ä", "a\u0308", strings.Repeat("x", 255))
		other := message("a")
		other.Key.Scope = "truv/tes"
		duplicate, err := q.Enqueue(t.Context(), other)
		require.NoError(t, err)
		assert.False(t, duplicate)
		for range 3 {
			duplicate, err = q.Enqueue(t.Context(), message("a"))
			require.NoError(t, err)
			assert.True(t, duplicate)
		}
		again := newQueue(t, db, sqliteinbox.Config{})
		s, err := again.Stats(t.Context())
		require.NoError(t, err)
		assert.EqualValues(t, 7, s.Waiting)
		assert.Positive(t, s.Lag)
	})
}

func TestWhatCannotBeStoredIsAnError(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		q := newQueue(t, db, sqliteinbox.Config{})
		_, err := q.Enqueue(t.Context(), inbox.Message{})
		assert.Error(t, err)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = q.Enqueue(gone, message("a"))
		assert.Error(t, err)
		_, err = db.ExecContext(t.Context(), "DROP TABLE truhook_inbox")
		require.NoError(t, err)
		_, err = q.Enqueue(t.Context(), message("a"))
		assert.Error(t, err)
		assert.NotEmpty(t, q.Audit(t.Context()))
	})
}

func TestADuplicateThatDiffersIsReported(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		s := &seen{}
		q := newQueue(t, db, sqliteinbox.Config{Observe: s.observe})
		enqueue(t, q, "a")
		other, unknown := message("a"), message("a")
		other.Fingerprint[0]++
		unknown.Fingerprint = idempotency.Fingerprint{}
		for _, m := range []inbox.Message{message("a"), unknown, other} {
			duplicate, err := q.Enqueue(t.Context(), m)
			require.NoError(t, err)
			assert.True(t, duplicate)
		}
		s.wait(t, idempotency.Mismatch)
		assert.Equal(t, message("a").Fingerprint, s.events[0].Stored)
		assert.Equal(t, other.Fingerprint, s.events[0].Fingerprint)
	})
}

func TestTheFunctionGetsWhatWasVerifiedAndItsClaim(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		q, j := newQueue(t, db, sqliteinbox.Config{}), &journal{}
		sent := message("a")
		sent.Inner = []byte("inside")
		sent.Proofs = []truhook.Proof{{Scheme: "truv", KeyID: "1"}}
		_, err := q.Enqueue(t.Context(), sent)
		require.NoError(t, err)
		start(t, q, func(ctx context.Context, v *truhook.Verified) error {
			c := j.add(ctx, "%s %s", v.Payload, v.Inner)
			assert.EqualValues(t, 1, c.Attempt)
			assert.Len(t, c.IdempotencyKey, 32)
			m, ok := inbox.FromContext(ctx)
			assert.True(t, ok)
			assert.Equal(t, sent.Key, m.Key)
			assert.Equal(t, sent.Proofs, v.Proofs)
			return nil
		})
		j.wait(t, "payload of a inside")
		idle(t, q)
		duplicate, err := q.Enqueue(t.Context(), message("a"))
		require.NoError(t, err)
		assert.True(t, duplicate, "done is remembered")
		var size int
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT length(message) FROM truhook_inbox").Scan(&size))
		assert.Zero(t, size, "the payload is not")
	})
}

func TestOrderIsThatOfWorkersAndStaleCanBeSkipped(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		s, j := &seen{}, &journal{}
		q := newQueue(t, db, sqliteinbox.Config{Concurrency: 1, Observe: s.observe})
		at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
		put := func(id string, at time.Time) {
			m := message(id)
			m.Resource, m.At = "order/1", at
			_, err := q.Enqueue(t.Context(), m)
			require.NoError(t, err)
			idle(t, q)
		}
		fn := func(ctx context.Context, v *truhook.Verified) error {
			c, _ := idempotency.FromContext(ctx)
			j.add(ctx, "%s %s", v.Payload, c.Order)
			return nil
		}
		stop := start(t, q, fn)
		put("1", at)
		put("2", at.Add(-time.Microsecond))
		put("3", at)
		put("4", at.Add(time.Microsecond))
		assert.Equal(t, []string{"payload of 1 newer", "payload of 2 older", "payload of 3 same", "payload of 4 newer"}, j.all())
		stop()
		q = newQueue(t, db, sqliteinbox.Config{SkipStale: true, Observe: s.observe})
		start(t, q, fn)
		put("5", at)
		assert.Len(t, j.all(), 4)
		eventually(t, func() bool { return slices.Contains(s.outcomes(), idempotency.Stale) }) // it is told after the commit
	})
}

func TestDoneIsForgottenAfterTheRetention(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		q := newQueue(t, db, sqliteinbox.Config{})
		enqueue(t, q, "a", "b", "c")
		stop := start(t, q, func(context.Context, *truhook.Verified) error { return nil })
		idle(t, q)
		stop()
		n, err := q.Prune(t.Context(), 10)
		require.NoError(t, err)
		assert.Zero(t, n)
		_, err = db.ExecContext(t.Context(), "UPDATE truhook_inbox SET due = due - accepted_at WHERE id <> 'c'") // 1970
		require.NoError(t, err)
		for _, want := range []int{1, 1, 0} {
			n, err = q.Prune(t.Context(), 1)
			require.NoError(t, err)
			assert.Equal(t, want, n)
		}
		enqueue(t, q, "a")
		_, err = q.Prune(t.Context(), 0)
		assert.Error(t, err)
	})
}

func TestTheRetentionCountsFromTheAcceptance(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB) {
		q := newQueue(t, db, sqliteinbox.Config{Retention: 48 * time.Hour})
		enqueue(t, q, "a")
		start(t, q, func(context.Context, *truhook.Verified) error { return nil })
		idle(t, q)
		var micros int64
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT due - accepted_at FROM truhook_inbox").Scan(&micros))
		assert.EqualValues(t, 48*time.Hour/time.Microsecond, micros)
	})
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	db, err := newDatabase(t).connect()
	require.NoError(t, err)
	defer db.Close()
	for name, f := range map[string]func() (*sqliteinbox.Queue, error){
		"no database": func() (*sqliteinbox.Queue, error) {
			return sqliteinbox.New(nil, sqliteinbox.Config{})
		},
		"a short lease":  func() (*sqliteinbox.Queue, error) { return sqliteinbox.New(db, sqliteinbox.Config{Lease: 1}) },
		"a short memory": func() (*sqliteinbox.Queue, error) { return sqliteinbox.New(db, sqliteinbox.Config{Retention: 1}) },
	} {
		_, err := f()
		assert.Error(t, err, name)
	}
	for _, q := range []*sqliteinbox.Queue{nil, {}} {
		_, err := q.Enqueue(t.Context(), message("a"))
		assert.Error(t, err)
		_, err = q.Stats(t.Context())
		assert.Error(t, err)
		_, err = q.Dead(t.Context(), 1)
		assert.Error(t, err)
		_, err = q.Prune(t.Context(), 1)
		assert.Error(t, err)
		assert.NotEmpty(t, q.Audit(t.Context()))
		assert.Error(t, q.Replay(t.Context(), message("a").Key))
		assert.Error(t, q.Complete(t.Context(), nil))
		assert.Error(t, q.Run(t.Context(), func(context.Context, *truhook.Verified) error { return nil }))
	}
	q, err := sqliteinbox.New(db, sqliteinbox.Config{})
	require.NoError(t, err)
	assert.Panics(t, func() { _ = q.Run(t.Context(), nil) })
}
