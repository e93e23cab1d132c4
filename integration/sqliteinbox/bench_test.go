package sqliteinbox_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/inbox/sqliteinbox"
)

// BenchmarkEnqueue measures what accepting costs beside the raw statement: one INSERT of as many bytes into a table with
// the same key.
func BenchmarkEnqueue(b *testing.B) {
	db := newDatabase(b).open(b)
	_, err := db.ExecContext(b.Context(), "CREATE TABLE raw (scope text, id text, message blob, PRIMARY KEY (scope, id))")
	require.NoError(b, err)
	q, err := sqliteinbox.New(db, sqliteinbox.Config{})
	require.NoError(b, err)
	benchmark(b, db, q)
}

var benchIDs int

func benchmark(b *testing.B, db *sql.DB, q *sqliteinbox.Queue) {
	next := func() inbox.Message {
		benchIDs++
		m := message(fmt.Sprintf("event-%d", benchIDs))
		m.Payload = make([]byte, 400)
		return m
	}
	ctx := context.Background()
	b.Run("raw", func(b *testing.B) {
		for b.Loop() {
			m := next()
			_, err := db.ExecContext(ctx, "INSERT INTO raw VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", m.Key.Scope, m.Key.ID, m.Payload)
			require.NoError(b, err)
		}
	})
	b.Run("enqueue", func(b *testing.B) {
		for b.Loop() {
			_, err := q.Enqueue(ctx, next())
			require.NoError(b, err)
		}
	})
	same := next()
	b.Run("duplicate", func(b *testing.B) {
		for b.Loop() {
			_, err := q.Enqueue(ctx, same)
			require.NoError(b, err)
		}
	})
}
