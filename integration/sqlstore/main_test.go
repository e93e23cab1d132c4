package sqlstore_test

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/idempotency/sqlstore"
	"github.com/truhook/truhook/idempotency/storetest"
	"github.com/truhook/truhook/internal/servertest"
)

// server is shared by the tests that leave it alone.
var server *servertest.Server

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	flag.Parse()
	if err := flag.Set("test.parallel", "24"); err != nil { // the tests wait for leases more than they work
		panic(err)
	}
	var err error
	if server, err = servertest.StartPostgres("max_connections=200"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer server.Stop() //nolint:errcheck // what is left is a temporary folder
	db, err := sql.Open("pgx", server.URL())
	if err == nil {
		_, err = db.Exec(sqlstore.PostgresSchema())
		_ = db.Close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// sqliteURL is what the package comment recommends.
func sqliteURL(path string) string {
	return "file:" + path + "?_txlock=immediate&_pragma=busy_timeout(1000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"
}

// A dialect names one of the databases.
type dialect string

const postgres, sqlite dialect = "PostgreSQL", "SQLite"

var constructors = map[dialect]func(*sql.DB, sqlstore.Config) (*sqlstore.Store, error){
	postgres: sqlstore.NewPostgres, sqlite: sqlstore.NewSQLite,
}

// databases opens each database with the tables in it.
var databases = map[dialect]func(tb testing.TB) *sql.DB{
	postgres: func(tb testing.TB) *sql.DB {
		db := open(tb, "pgx", server.URL())
		db.SetMaxOpenConns(16)
		db.SetMaxIdleConns(16)
		return db
	},
	sqlite: func(tb testing.TB) *sql.DB {
		db := open(tb, "sqlite", sqliteURL(filepath.Join(tb.TempDir(), "hooks.db")))
		db.SetMaxOpenConns(1)
		_, err := db.Exec(sqlstore.SQLiteSchema())
		require.NoError(tb, err)
		return db
	},
}

func open(tb testing.TB, driver, url string) *sql.DB {
	tb.Helper()
	db, err := sql.Open(driver, url)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

func newStore(tb testing.TB, db *sql.DB, d dialect, cfg sqlstore.Config) *sqlstore.Store {
	tb.Helper()
	s, err := constructors[d](db, cfg)
	require.NoError(tb, err)
	return s
}

// each runs f on every database.
func each(t *testing.T, f func(t *testing.T, db *sql.DB, d dialect)) {
	t.Helper()
	t.Parallel()
	for d, open := range databases {
		t.Run(string(d), func(t *testing.T) {
			t.Parallel()
			f(t, open(t), d)
		})
	}
}

var ctx = context.Background()

// slowly leaves room for a machine that has other things to do.
var slowly = storetest.Config{Unit: 2 * time.Second}

func key(tb testing.TB, id string) idempotency.Key {
	return idempotency.Key{Scope: tb.Name(), ID: id}
}
