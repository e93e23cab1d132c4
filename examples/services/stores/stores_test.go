package stores_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/examples/services/stores"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/idempotency/sqlstore"
	"github.com/truhook/truhook/internal/servertest"
)

// handlesOnce lets an event come twice, and looks for findings of the store.
func handlesOnce(t *testing.T, s idempotency.Store) {
	t.Helper()
	assert.Empty(t, s.(truhook.Auditor).Audit(t.Context()), "the settings are right")
	once, err := idempotency.NewMiddleware(s, "truv/test", idempotency.BodyDigest, idempotency.Config{})
	require.NoError(t, err)
	handled := 0
	for _, want := range []idempotency.Outcome{idempotency.Handled, idempotency.Duplicate} {
		res := once.Do(t.Context(), &truhook.Verified{Payload: []byte("{}")}, func(context.Context) error { handled++; return nil })
		assert.Equal(t, want, res.Outcome)
	}
	assert.Equal(t, 1, handled)
}

// prunes lets 1001 rows be over and waits until Prune has deleted them, and ends.
func prunes(t *testing.T, db *sql.DB, s *sqlstore.Store, insert string) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), insert)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); stores.Prune(ctx, s) }()
	require.Eventually(t, func() bool {
		var left int
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM truhook_once").Scan(&left))
		return left == 0
	}, 20*time.Second, 2*time.Millisecond)
	cancel()
	<-ended
}

func TestOpenSQLite_HandlesOnceAndPrunes(t *testing.T) {
	t.Parallel()
	db, s, err := stores.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "claims.db"))
	require.NoError(t, err)
	defer db.Close()
	handlesOnce(t, s)
	prunes(t, db, s, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1001)
		INSERT INTO truhook_once (scope, id, expires_at) SELECT 's', i, 1 FROM n`)
}

func TestOpenSQLite_WhereThereIsNoFolderIsAnError(t *testing.T) {
	t.Parallel()
	_, _, err := stores.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "missing", "claims.db"))
	assert.Error(t, err)
}

func TestOpenPostgres_HandlesOnceAndPrunes(t *testing.T) {
	t.Parallel()
	server, err := servertest.StartPostgres()
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Stop() })
	db, s, err := stores.OpenPostgres(t.Context(), server.URL())
	require.NoError(t, err)
	defer db.Close()
	handlesOnce(t, s)
	prunes(t, db, s, `INSERT INTO truhook_once (scope, id, expires_at)
		SELECT 's', i::text, now() - interval '1 hour' FROM generate_series(1, 1001) AS i`)
}

func TestOpenPostgres_WhereThereIsNoServerIsAnError(t *testing.T) {
	t.Parallel()
	port, err := servertest.FreePort()
	require.NoError(t, err)
	_, _, err = stores.OpenPostgres(t.Context(), "postgres://127.0.0.1:"+strconv.Itoa(port)+"/hooks?sslmode=disable")
	assert.Error(t, err)
}

func TestOpenRedis_HandlesOnce(t *testing.T) {
	t.Parallel()
	server, err := servertest.StartRedis("appendonly yes")
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Stop() })
	client, s, err := stores.OpenRedis(t.Context(), server.URL())
	require.NoError(t, err)
	defer client.Close()
	handlesOnce(t, s)
}
