package redisstore_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/idempotency/redisstore"
	"github.com/truhook/truhook/idempotency/storetest"
	"github.com/truhook/truhook/internal/servertest"
)

// server is shared by the tests that leave it alone.
var server *servertest.Server

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	redis.SetLogger(quiet{})
	flag.Parse()
	if err := flag.Set("test.parallel", "24"); err != nil { // the tests wait for leases more than they work
		panic(err)
	}
	var err error
	if server, err = servertest.StartRedis("appendonly yes", "appendfsync everysec"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer server.Stop() //nolint:errcheck // what is left is a temporary folder
	return m.Run()
}

// quiet drops what go-redis says about connections that are meant to fail.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}

func connect(tb testing.TB, url string, change ...func(*redis.Options)) *redis.Client {
	tb.Helper()
	o, err := redis.ParseURL(url)
	require.NoError(tb, err)
	o.ContextTimeoutEnabled = true
	for _, f := range change {
		f(o)
	}
	c := redis.NewClient(o)
	tb.Cleanup(func() { _ = c.Close() })
	return c
}

func newStore(tb testing.TB, c redis.UniversalClient) *redisstore.Store {
	tb.Helper()
	s, err := redisstore.New(c, redisstore.Config{})
	require.NoError(tb, err)
	return s
}

func start(tb testing.TB, settings ...string) *servertest.Server {
	tb.Helper()
	s, err := servertest.StartRedis(settings...)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = s.Stop() })
	return s
}

var ctx = context.Background()

// slowly leaves room for a machine that has other things to do.
var slowly = storetest.Config{Unit: 2 * time.Second}

func key(tb testing.TB, id string) idempotency.Key {
	return idempotency.Key{Scope: tb.Name(), ID: id}
}
