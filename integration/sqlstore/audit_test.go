package sqlstore_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/idempotency/sqlstore"
)

func found(t *testing.T, s *sqlstore.Store) (names []string) {
	t.Helper()
	for _, f := range s.Audit(ctx) {
		names = append(names, string(f.Severity)+" "+f.Name+" "+f.Subject)
		assert.NotContains(t, f.Problem, "%!")
		assert.NotEmpty(t, f.Remedy)
	}
	return names
}

func TestAuditFindsNothingWhereTheSettingsAreRight(t *testing.T) {
	each(t, func(t *testing.T, db *sql.DB, d dialect) {
		assert.Empty(t, found(t, newStore(t, db, d, sqlstore.Config{})))
	})
}

func TestAuditFindsWhatPromisesDependOn(t *testing.T) {
	t.Parallel()
	pg := func(settings string) *sqlstore.Store {
		return newStore(t, open(t, "pgx", server.URL()+settings), postgres, sqlstore.Config{})
	}
	lite := func(pragmas string) *sqlstore.Store {
		db := open(t, "sqlite", "file:"+filepath.Join(t.TempDir(), "a.db")+"?"+pragmas)
		db.SetMaxOpenConns(1)
		_, err := db.Exec(sqlstore.SQLiteSchema())
		require.NoError(t, err)
		return newStore(t, db, sqlite, sqlstore.Config{})
	}
	for name, c := range map[string]struct {
		store *sqlstore.Store
		want  []string
	}{
		"nil":                {nil, []string{"error zero-store sqlstore"}},
		"unreachable":        {newStore(t, open(t, "pgx", "postgres://nobody:s3cret@127.0.0.1:1/x"), postgres, sqlstore.Config{}), []string{"error store-unreachable sqlstore"}},
		"asynchronous":       {pg("&synchronous_commit=off"), []string{"warning commit-not-durable synchronous_commit"}},
		"synchronous=NORMAL": {lite("_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=busy_timeout(100)"), []string{"warning commit-not-durable synchronous"}},
		"no journal": {lite("_pragma=journal_mode(OFF)&_pragma=synchronous(OFF)"), []string{
			"error commit-not-durable journal_mode", "warning commit-not-durable synchronous", "warning no-lock-timeout busy_timeout"}},
		"no tables": {pg("&search_path=nowhere"), []string{
			"error table-missing truhook_claim", "error table-missing truhook_resource", "error table-missing truhook_once"}},
	} {
		assert.Equal(t, c.want, found(t, c.store), name)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	assert.NotEmpty(t, pg("").Audit(ended))
}
