package crash_test

import (
	"context"
	"database/sql"
	"flag"
	"net/http"
	"os"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/idempotency/redisstore"
	"github.com/truhook/truhook/idempotency/sqlstore"
	"github.com/truhook/truhook/integration/crash"
	"github.com/truhook/truhook/internal/servertest"
)

const few = 4

var crashes = flag.Int("crashes", few, "how many times the receiver or its server is killed, for each store")

var receivers = map[string]crash.Receiver{
	"redis":           leased(openRedis),
	"postgres":        leased(openPostgres),
	"sqlite":          leased(openSQLite),
	"once":            receiveOnce,
	"queue/sqlite":    receiveSQLite,
	"queue/river":     receiveRiver,
	"queue/asynq":     receiveAsynq,
	"queue/watermill": receiveWatermill,
	"naive":           leased(func(url string) (idempotency.Store, error) { c, err := client(url); return naive{c}, err }),
}

func TestMain(m *testing.M) {
	redis.SetLogger(quiet{})
	crash.Main(receivers)
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil { // the tests wait more than they work
		panic(err)
	}
	os.Exit(m.Run())
}

// quiet drops what go-redis says about connections that are broken on purpose.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

func leased(open func(target string) (idempotency.Store, error)) crash.Receiver {
	return func(target string, effect crash.Effect) (http.Handler, error) {
		s, err := open(target)
		if err != nil {
			return nil, err
		}
		return crash.Handler(s, effect)
	}
}

func client(url string) (*redis.Client, error) {
	o, err := redis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	o.ContextTimeoutEnabled = true
	return redis.NewClient(o), nil
}

func openRedis(url string) (idempotency.Store, error) {
	c, err := client(url)
	if err != nil {
		return nil, err
	}
	return redisstore.New(c, redisstore.Config{})
}

// pool opens PostgreSQL with as many idle connections as there may be: the two that database/sql keeps by itself mean a
// new server process for most claims.
func pool(url string) (*sql.DB, error) {
	db, err := sql.Open("pgx", url)
	if err == nil {
		db.SetMaxOpenConns(16)
		db.SetMaxIdleConns(16)
	}
	return db, err
}

func openPostgres(url string) (idempotency.Store, error) {
	db, err := pool(url)
	if err != nil {
		return nil, err
	}
	return sqlstore.NewPostgres(db, sqlstore.Config{})
}

func openSQLite(path string) (idempotency.Store, error) {
	db, err := sql.Open("sqlite", "file:"+path+
		"?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(1000)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(sqlstore.SQLiteSchema()); err != nil {
		return nil, err
	}
	return sqlstore.NewSQLite(db, sqlstore.Config{})
}

// receiveOnce is a receiver without a middleware: claim and effect are one commit.
func receiveOnce(url string, _ crash.Effect) (http.Handler, error) {
	db, err := pool(url)
	if err != nil {
		return nil, err
	}
	s, err := sqlstore.NewPostgres(db, sqlstore.Config{})
	if err != nil {
		return nil, err
	}
	handle := func(ctx context.Context, event string) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback() //nolint:errcheck // does nothing after a commit
		fresh, err := s.Once(ctx, tx, idempotency.Key{Scope: "crash", ID: event})
		if err != nil || !fresh {
			return err
		}
		if err := crash.Moment(ctx); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO effects (event) VALUES ($1)`, event); err != nil {
			return err
		}
		if err := crash.Moment(ctx); err != nil {
			return err
		}
		return tx.Commit()
	}
	return crash.Verified(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, _ := truhook.FromContext(r.Context())
		if err := handle(r.Context(), string(v.Payload)); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})), nil
}

func startRedis(tb testing.TB, settings ...string) *servertest.Server {
	tb.Helper()
	s, err := servertest.StartRedis(settings...)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = s.Stop() })
	return s
}

func startPostgres(tb testing.TB, settings ...string) (*servertest.Server, *sql.DB) {
	tb.Helper()
	// a kill of the server loses nothing that the kernel has, and a slow disk is not what is tested
	s, err := servertest.StartPostgres(append(settings, "fsync=off")...)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = s.Stop() })
	db, err := sql.Open("pgx", s.URL())
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = db.Close() })
	_, err = db.Exec(sqlstore.PostgresSchema() + `;CREATE TABLE effects (event text NOT NULL)`)
	require.NoError(tb, err)
	return s, db
}
