package redisstore_test

import (
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/idempotency/redisstore"
)

func found(s *redisstore.Store) (names []string) {
	for _, f := range s.Audit(ctx) {
		names = append(names, string(f.Severity)+" "+f.Name+" "+f.Subject)
	}
	return names
}

func TestAuditFindsNothingWhereTheSettingsAreRight(t *testing.T) {
	t.Parallel()
	assert.Empty(t, found(newStore(t, connect(t, server.URL()))))
}

func TestAuditFindsWhatPromisesDependOn(t *testing.T) {
	t.Parallel()
	evicting := start(t, "maxmemory 10mb", "maxmemory-policy allkeys-lru", "appendonly no")
	assert.Equal(t, []string{"warning redis-not-durable appendonly", "error redis-evicts maxmemory-policy"},
		found(newStore(t, connect(t, evicting.URL()))))

	lazy := start(t, "maxmemory-policy volatile-ttl", "appendonly yes", "appendfsync no")
	assert.Equal(t, []string{"warning redis-not-durable appendfsync", "note redis-evicts maxmemory-policy"},
		found(newStore(t, connect(t, lazy.URL()))))

	deaf := connect(t, server.URL(), func(o *redis.Options) { o.ContextTimeoutEnabled = false })
	assert.Equal(t, []string{"note context-timeout-disabled ContextTimeoutEnabled"}, found(newStore(t, deaf)))

	assert.Equal(t, []string{"error store-unreachable redis"}, found(newStore(t, connect(t, "redis://127.0.0.1:1/0"))))
	assert.Equal(t, []string{"error zero-store redisstore"}, found(nil))
	assert.Equal(t, []string{"error zero-store redisstore"}, found(&redisstore.Store{}))

	ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": server.Addr()}})
	t.Cleanup(func() { _ = ring.Close() })
	assert.Equal(t, []string{"error redis-ring redis"}, found(newStore(t, ring)))
}

func TestAuditSaysThatItMayNotAsk(t *testing.T) {
	t.Parallel()
	srv := start(t)
	admin := connect(t, srv.URL())
	require.NoError(t, admin.Do(ctx, "ACL", "SETUSER", "app", "on", ">made-for-this-test", "~*", "+@all", "-config").Err())
	app := connect(t, srv.URL(), func(o *redis.Options) { o.Username, o.Password = "app", "made-for-this-test" })
	assert.Equal(t, []string{"note setting-unknown appendonly", "note setting-unknown appendfsync",
		"note setting-unknown maxmemory", "note setting-unknown maxmemory-policy"}, found(newStore(t, app)))
}
