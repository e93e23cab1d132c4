package sqlstore_test

import (
	"context"
	"database/sql"
	"os"
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

func TestAuditFindsASQLiteThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	const wal = "?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(1000)"
	for name, c := range map[string]struct {
		created, opened string // settings
		pool            int
		want            []string
	}{
		"as documented":             {wal, wal, 1, nil},
		"as documented, a pool":     {wal, wal, 4, nil},
		"without a write-ahead log": {"", "?_pragma=busy_timeout(1000)", 1, []string{"note readers-block-writers journal_mode"}},
		"mode=ro":                   {wal, "?mode=ro&_pragma=busy_timeout(1000)", 1, []string{"error store-read-only sqlstore"}},
		"mode=ro, a pool":           {wal, "?mode=ro&_pragma=busy_timeout(1000)", 4, []string{"error store-read-only sqlstore"}},
		"mode=ro, immediate":        {wal, "?mode=ro&_txlock=immediate&_pragma=busy_timeout(1000)", 1, []string{"error store-read-only sqlstore"}},
		"query_only":                {wal, wal + "&_pragma=query_only(1)", 1, []string{"error store-read-only query_only"}},
		"query_only, a pool":        {wal, wal + "&_pragma=query_only(true)", 4, []string{"error store-read-only query_only"}},
		"immutable": {"", "?immutable=1&_pragma=busy_timeout(1000)", 1, []string{
			"note readers-block-writers journal_mode", "error store-read-only sqlstore"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "a.db")
			db := open(t, "sqlite", "file:"+path+c.created)
			_, err := db.Exec(sqlstore.SQLiteSchema())
			require.NoError(t, err)
			require.NoError(t, db.Close())
			before, err := os.ReadFile(path)
			require.NoError(t, err)

			db = open(t, "sqlite", "file:"+path+c.opened)
			db.SetMaxOpenConns(c.pool)
			store := newStore(t, db, sqlite, sqlstore.Config{})
			assert.Equal(t, c.want, found(t, store))
			assert.Equal(t, c.want, found(t, store), "again")
			require.NoError(t, db.Close())
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, before, after, "nothing is left behind")
			left, err := filepath.Glob(path + "-journal")
			require.NoError(t, err)
			assert.Empty(t, left)
		})
	}
}

// Who writes shows that the database can be written. SQLite waits for the lock as long as busy_timeout, whatever the
// context says.
func TestAuditWaitsForNobodyWhoWrites(t *testing.T) {
	t.Parallel()
	for name, patience := range map[string]string{"none": "0", "short": "50", "longer than the audit": "20000"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := "file:" + filepath.Join(t.TempDir(), "a.db") +
				"?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout("
			writes := open(t, "sqlite", path+"1000)")
			_, err := writes.Exec(sqlstore.SQLiteSchema())
			require.NoError(t, err)
			tx, err := writes.Begin()
			require.NoError(t, err)
			db := open(t, "sqlite", path+patience+")")
			db.SetMaxOpenConns(1)
			for _, f := range newStore(t, db, sqlite, sqlstore.Config{}).Audit(ctx) {
				assert.Equal(t, "no-lock-timeout", f.Name)
			}
			require.NoError(t, tx.Rollback())
		})
	}
}
