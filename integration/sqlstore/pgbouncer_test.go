package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	_ "github.com/lib/pq"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/idempotency/sqlstore"
	"github.com/truhook/truhook/internal/servertest"
)

// A mode is a driver and how it speaks to the server, through PgBouncer in transaction mode.
type mode struct {
	driver, parameters string
	works              bool
}

var modes = []mode{
	{"pgx", "", false}, // cache_statement
	{"pgx", "&default_query_exec_mode=cache_describe", true},
	{"pgx", "&default_query_exec_mode=describe_exec", false},
	{"pgx", "&default_query_exec_mode=exec", true},
	{"pgx", "&default_query_exec_mode=simple_protocol", true},
	{"postgres", "", false},
	{"postgres", "&binary_parameters=yes", true},
}

func startBouncer(t *testing.T, settings ...string) *servertest.Server {
	t.Helper()
	b, err := servertest.StartPgBouncer(server, settings...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.Stop() })
	return b
}

func pooled(t *testing.T, m mode, url string) *sqlstore.Store {
	t.Helper()
	db := open(t, m.driver, url+m.parameters)
	db.SetMaxOpenConns(16)
	db.SetMaxIdleConns(16)
	return newStore(t, db, postgres, sqlstore.Config{})
}

func names(s *sqlstore.Store) (names []string) {
	for _, f := range s.Audit(ctx) {
		names = append(names, f.Name)
	}
	return names
}

func TestPgBouncer_AuditNamesTheModesThatLoseStatements(t *testing.T) {
	t.Parallel()
	for _, m := range modes {
		t.Run(m.driver+m.parameters, func(t *testing.T) {
			t.Parallel()
			bouncer := startBouncer(t, "pool_mode=transaction", "default_pool_size=8")
			got := names(pooled(t, m, bouncer.URL()))
			if m.works {
				assert.Empty(t, got)
				return
			}
			assert.Contains(t, got, "pooler-loses-statements")
		})
	}
	t.Run("session mode", func(t *testing.T) {
		t.Parallel()
		bouncer := startBouncer(t, "pool_mode=session", "default_pool_size=60")
		for _, m := range modes {
			assert.Empty(t, names(pooled(t, m, bouncer.URL())), "%v", m)
		}
	})
	t.Run("no pooler", func(t *testing.T) {
		t.Parallel()
		for _, m := range modes {
			assert.Empty(t, names(pooled(t, m, server.URL())), "%v", m)
		}
	})
}

// The modes that the documentation names hold under load: every event is claimed and completed once.
func TestPgBouncer_ModesThatWorkLoseNoEvent(t *testing.T) {
	t.Parallel()
	for _, m := range modes {
		if !m.works {
			continue
		}
		t.Run(m.driver+m.parameters, func(t *testing.T) {
			t.Parallel()
			s := pooled(t, m, startBouncer(t, "pool_mode=transaction", "default_pool_size=4").URL())
			errs, run := make(chan error, 12), idempotency.NewToken()
			for w := range cap(errs) {
				go func() {
					var err error
					for i := 0; i < 20 && err == nil; i++ {
						c := claim(key(t, fmt.Sprintf("%x/%d/%d", run, w, i)))
						var r idempotency.Record
						if r, err = s.Claim(ctx, c); err == nil && r.State != idempotency.Owned {
							err = fmt.Errorf("%v", r.State)
						}
						if err == nil {
							err = s.Complete(ctx, c.Key, c.Token)
						}
						if err == nil {
							_, err = s.Order(ctx, c.Key, time.Now(), time.Hour)
						}
					}
					errs <- err
				}()
			}
			for range cap(errs) {
				assert.NoError(t, <-errs)
			}
		})
	}
}

// Somebody else's database behind the right driver, and the right database behind the wrong constructor.
func TestAudit_ADatabaseThatIsNeither(t *testing.T) {
	t.Parallel()
	pg := func(db *sql.DB) *sqlstore.Store { return newStore(t, db, postgres, sqlstore.Config{}) }
	lite := func(db *sql.DB) *sqlstore.Store { return newStore(t, db, sqlite, sqlstore.Config{}) }
	assert.Equal(t, []string{"database-unknown"}, names(pg(databases[sqlite](t))))
	assert.Equal(t, []string{"database-unknown"}, names(lite(databases[postgres](t))))

	other := ownSchema(t) // it speaks the protocol of PostgreSQL and is another one
	_, err := other.Exec(`CREATE FUNCTION version() RETURNS text LANGUAGE sql AS $$ SELECT 'CockroachDB CCL v23.1' $$`)
	require.NoError(t, err)
	var name string
	require.NoError(t, other.QueryRow("SHOW search_path").Scan(&name))
	assert.Equal(t, []string{"database-unknown"}, names(pg(open(t, "pgx", server.URL()+"&search_path="+name+",pg_catalog"))))
}

func TestAudit_EndsWhateverTheDatabaseDoes(t *testing.T) {
	t.Parallel()
	full := startBouncer(t, "pool_mode=session", "default_pool_size=1")
	held, err := open(t, "pgx", full.URL()).Conn(t.Context())
	require.NoError(t, err)
	defer held.Close()
	for _, driver := range []string{"pgx", "postgres"} { // the second heeds no context while it connects
		impatient, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		f := newStore(t, open(t, driver, full.URL()), postgres, sqlstore.Config{}).Audit(impatient)
		require.NotEmpty(t, f)
		assert.Equal(t, "store-unreachable", f[len(f)-1].Name)
	}
	db := open(t, "pgx", server.URL())
	db.SetMaxOpenConns(1)
	busy, err := db.Conn(t.Context())
	require.NoError(t, err)
	defer busy.Close()
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	assert.NotEmpty(t, newStore(t, db, postgres, sqlstore.Config{}).Audit(short))
}
