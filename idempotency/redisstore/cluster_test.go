package redisstore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/idempotency/redisstore"
	"github.com/truhook/truhook/idempotency/storetest"
)

// A cluster of one node refuses what touches two slots as a larger one does.
func TestEveryCallWorksInACluster(t *testing.T) {
	t.Parallel()
	srv := start(t, "cluster-enabled yes", "cluster-port 0", "appendonly yes")
	require.NoError(t, connect(t, srv.URL()).Do(ctx, "CLUSTER", "ADDSLOTSRANGE", "0", "16383").Err())
	require.Eventually(t, func() bool {
		info, err := connect(t, srv.URL()).ClusterInfo(ctx).Result()
		return err == nil && strings.Contains(info, "cluster_state:ok")
	}, 30*time.Second, 50*time.Millisecond)
	c := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{srv.Addr()}, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = c.Close() })
	for _, p := range storetest.Points() {
		switch p.Number {
		case 4, 8, 9, 10, 11, 14: // those that wait for no lease: together they make every call but Order
			require.NoError(t, p.Check(newStore(t, c), slowly), p.Name)
		}
	}
	order, err := newStore(t, c).Order(ctx, key(t, "resource"), time.Now(), time.Hour)
	require.NoError(t, err)
	require.Equal(t, idempotency.Newer, order)
	assert.Empty(t, found(newStore(t, c)))
}

func TestKeysBeginWithThePrefix(t *testing.T) {
	t.Parallel()
	srv := start(t)
	c := connect(t, srv.URL())
	s, err := redisstore.New(c, redisstore.Config{Prefix: "app:"})
	require.NoError(t, err)
	_, err = s.Claim(ctx, claim(t, idempotency.Key{Scope: "truv/prod", ID: "1"}))
	require.NoError(t, err)
	_, err = newStore(t, c).Order(ctx, idempotency.Key{Scope: "truv/prod", ID: "order:1"}, time.Now(), time.Hour)
	require.NoError(t, err)
	keys, err := c.Keys(ctx, "*").Result()
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{"app:c:9:truv/prod:1", "truhook:r:9:truv/prod:order:1"}, keys)
}
