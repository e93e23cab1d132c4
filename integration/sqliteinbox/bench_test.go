package sqlinbox_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/inbox/sqlinbox"
	"github.com/truhook/truhook/internal/servertest"
)

// BenchmarkEnqueue measures what accepting costs beside the raw statement: one INSERT of as many bytes into a table with
// the same key.
func BenchmarkEnqueue(b *testing.B) {
	server, err := servertest.StartPostgres()
	require.NoError(b, err)
	b.Cleanup(func() { _ = server.Stop() })
	for _, d := range []database{
		{sqlinbox.SQLite, "sqlite", "file:" + filepath.Join(b.TempDir(), "bench.db") + sqliteSettings},
		{sqlinbox.PostgreSQL, "pgx", server.URL()},
	} {
		db, err := d.connect()
		require.NoError(b, err)
		b.Cleanup(func() { _ = db.Close() })
		blob := map[sqlinbox.Dialect]string{sqlinbox.SQLite: "blob", sqlinbox.PostgreSQL: "bytea"}[d.dialect]
		_, err = db.ExecContext(b.Context(), sqlinbox.Schema(d.dialect)+
			fmt.Sprintf("; CREATE TABLE raw (scope text, id text, message %s, PRIMARY KEY (scope, id))", blob))
		require.NoError(b, err)
		q, err := sqlinbox.NewQueue(db, d.dialect, sqlinbox.Config{})
		require.NoError(b, err)
		benchmark(b, db, d.dialect, q)
	}
}

var benchIDs int

func benchmark(b *testing.B, db *sql.DB, d sqlinbox.Dialect, q *sqlinbox.Queue) {
	next := func() inbox.Message {
		benchIDs++
		m := message(fmt.Sprintf("event-%d", benchIDs))
		m.Payload = make([]byte, 400)
		return m
	}
	ctx := context.Background()
	b.Run(d.String()+"/raw", func(b *testing.B) {
		for b.Loop() {
			m := next()
			_, err := db.ExecContext(ctx, "INSERT INTO raw VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", m.Key.Scope, m.Key.ID, m.Payload)
			require.NoError(b, err)
		}
	})
	b.Run(d.String()+"/enqueue", func(b *testing.B) {
		for b.Loop() {
			_, err := q.Enqueue(ctx, next())
			require.NoError(b, err)
		}
	})
	same := next()
	b.Run(d.String()+"/duplicate", func(b *testing.B) {
		for b.Loop() {
			_, err := q.Enqueue(ctx, same)
			require.NoError(b, err)
		}
	})
}
