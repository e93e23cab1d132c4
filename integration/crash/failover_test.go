package crash_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/idempotency/redisstore"
	"github.com/truhook/truhook/integration/crash"
)

func openStore(t *testing.T, url string) (*redisstore.Store, *redis.Client) {
	t.Helper()
	c, err := client(url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	s, err := redisstore.New(c, redisstore.Config{})
	require.NoError(t, err)
	return s, c
}

func request(id string) idempotency.ClaimRequest {
	return idempotency.ClaimRequest{
		Key: idempotency.Key{Scope: "failover", ID: id}, Token: idempotency.NewToken(), Lease: time.Minute, Retain: time.Hour,
	}
}

func findings(s *redisstore.Store) (names []string) {
	for _, f := range s.Audit(ctx) {
		names = append(names, f.Name)
	}
	return names
}

// What a promise depends on: a replica gets what was acknowledged a moment later. One that is promoted before that
// knows nothing of it, and the event is handled again without an attempt that tells. The audit says so beforehand.
func TestFailover_APromotedReplicaForgetsTheLatestAndAuditSaysSo(t *testing.T) {
	t.Parallel()
	primary := startRedis(t, "appendonly yes", "appendfsync always", "repl-diskless-sync-delay 0")
	link := crash.NewProxy(t, primary.Addr())
	replica := startRedis(t, "appendonly yes", "replicaof "+strings.ReplaceAll(link.Addr(), ":", " "))
	old, c := openStore(t, primary.URL())
	next, promoted := openStore(t, replica.URL())
	require.Eventually(t, func() bool {
		info, err := promoted.Info(ctx, "replication").Result()
		return err == nil && strings.Contains(info, "master_link_status:up")
	}, time.Minute, 20*time.Millisecond)
	require.Eventually(t, func() bool { return len(findings(old)) > 0 }, time.Minute, 20*time.Millisecond)
	assert.Equal(t, []string{"redis-failover-loses"}, findings(old))
	assert.Equal(t, []string{"store-read-only"}, findings(next))

	require.NoError(t, completed(old, request("early")))
	acknowledged, err := c.Wait(ctx, 1, time.Minute).Result()
	require.NoError(t, err)
	require.EqualValues(t, 1, acknowledged, "the replica has it")
	cure, err := link.Poison(crash.Toxics[0]) // what the primary says is lost on its way
	require.NoError(t, err)
	require.NoError(t, completed(old, request("late")), "no word of the replica is waited for")

	require.NoError(t, primary.Kill())
	require.NoError(t, promoted.Do(ctx, "REPLICAOF", "NO", "ONE").Err())
	require.NoError(t, cure())
	r, err := next.Claim(ctx, request("early"))
	require.NoError(t, err)
	assert.Equal(t, idempotency.Done, r.State)
	r, err = next.Claim(ctx, request("late"))
	require.NoError(t, err)
	assert.Equal(t, idempotency.Owned, r.State, "the promoted replica should have forgotten the event")
	assert.EqualValues(t, 1, r.Attempt)
	assert.Empty(t, findings(next))
}

// A Redis that throws away what it was given forgets events that were handled, and the audit says so beforehand.
func TestCrash_RedisThatEvictsForgetsEventsAndAuditSaysSo(t *testing.T) {
	t.Parallel()
	s, c := openStore(t, startRedis(t, "maxmemory 3mb", "maxmemory-policy allkeys-lru", "appendonly yes").URL())
	assert.Equal(t, []string{"redis-evicts"}, findings(s))
	const events = 2000
	for i := range events {
		require.NoError(t, completed(s, request(fmt.Sprint(i))))
		if i%100 == 0 { // somebody else's data
			require.NoError(t, c.Set(ctx, fmt.Sprint("page", i), make([]byte, 100<<10), 0).Err())
		}
	}
	forgotten := 0
	for i := range events {
		r, err := s.Claim(ctx, request(fmt.Sprint(i)))
		require.NoError(t, err)
		if r.State == idempotency.Owned {
			forgotten++
			assert.EqualValues(t, 1, r.Attempt)
		}
	}
	assert.NotZero(t, forgotten, "allkeys-lru should have thrown records away")
	t.Logf("A REDIS THAT EVICTS FORGETS: %d of %d events that were handled", forgotten, events)
}
