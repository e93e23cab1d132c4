package soak_test

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"net/url"
	"os"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/truhook/truhook/idempotency/sqlstore"
	"github.com/truhook/truhook/integration/crash"
	"github.com/truhook/truhook/integration/soak"
	"github.com/truhook/truhook/internal/servertest"
)

var (
	length  = flag.Duration("for", 0, "how long TestSoak runs; 0: as long as a little of everything takes")
	summary = flag.String("summary", "", "the page that TestSoak writes")
)

var stores struct{ redis, postgres *servertest.Server }

// quiet drops what go-redis says about connections that are broken on purpose.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

func TestMain(m *testing.M) {
	redis.SetLogger(quiet{})
	crash.Main(map[string]crash.Receiver{"soak": soak.Receiver})
	os.Exit(run(m))
}

func run(m *testing.M) int {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil { // the runs wait more than they work
		panic(err)
	}
	var err error
	if stores.redis, err = servertest.StartRedis(); err == nil {
		defer stores.redis.Stop() //nolint:errcheck // what is left is a temporary folder
		if stores.postgres, err = servertest.StartPostgres("max_connections=300", "fsync=off"); err == nil {
			defer stores.postgres.Stop() //nolint:errcheck // what is left is a temporary folder
		}
	}
	if err == nil {
		var db *sql.DB
		if db, err = sql.Open("pgx", stores.postgres.URL()); err == nil {
			_, err = db.Exec(sqlstore.PostgresSchema())
			_ = db.Close()
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func config(t *testing.T) soak.Config {
	through := func(s *servertest.Server) (*crash.Proxy, string) {
		p := crash.NewProxy(t, s.Addr())
		u, err := url.Parse(s.URL())
		require.NoError(t, err)
		u.Host = p.Addr()
		return p, u.String()
	}
	cfg := soak.Config{Least: 300, Step: 3 * time.Second, Pause: 400 * time.Millisecond}
	cfg.Redis, cfg.RedisURL = through(stores.redis)
	cfg.Postgres, cfg.PostgresURL = through(stores.postgres)
	return cfg
}

func TestSoak_NothingIsAcceptedRefusedLostOrDoubledWrongly(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	if *length > 0 {
		cfg.For, cfg.Step, cfg.Pause = *length, 10*time.Second, 4*time.Second
	}
	s := soak.Run(t, cfg)
	t.Log("\n" + s.Markdown())
	if *summary != "" {
		require.NoError(t, os.WriteFile(*summary, []byte(s.Markdown()), 0o600))
	}
	assert.Empty(t, s.Problems())
}

// A judge that finds nothing is worth nothing: each fault is found, as what it is.
func TestSoak_FindsSeededFaults(t *testing.T) {
	t.Parallel()
	for fault, found := range map[soak.Fault]func(s soak.Summary) bool{
		soak.AcceptsAll:  func(s soak.Summary) bool { return len(s.FalseAccepts) > 0 },
		soak.RefusesSome: func(s soak.Summary) bool { return len(s.FalseRefusals) > 0 },
		soak.Forgets:     func(s soak.Summary) bool { return len(s.Doubled) > 0 },
		soak.Loses:       func(s soak.Summary) bool { return len(s.Lost) > 0 },
		soak.Leaks:       func(s soak.Summary) bool { return s.Left > 60 },
	} {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			cfg := config(t)
			cfg.Fault, cfg.Least = fault, 60
			s := soak.Run(t, cfg)
			t.Log(s.Problems())
			assert.True(t, found(s), "%s", s.Markdown())
			assert.NotEmpty(t, s.Problems())
		})
	}
}
