package redisstore

import (
	"context"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/redisaudit"
)

var _ truhook.Auditor = (*Store)(nil)

// Audit looks at what the promises of the store depend on: whether Redis can be reached and is 7.0 or later, whether it
// writes to disk (appendonly, appendfsync), whether it may evict records (maxmemory-policy), whether it has replicas,
// to which a failover may lose records, and whether the client heeds contexts. In a cluster it asks each master. It
// reports and refuses nothing; where CONFIG is not allowed, as with most providers, it says so. Call it once at start
// and log what it finds.
func (s *Store) Audit(ctx context.Context) (findings []truhook.Finding) {
	if s == nil || s.client == nil {
		return redisaudit.Unmade("redisstore")
	}
	switch c := s.client.(type) {
	case *redis.ClusterClient:
		var mu sync.Mutex // the masters are asked at the same time
		err := c.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
			found := auditServer(ctx, master)
			mu.Lock()
			defer mu.Unlock()
			findings = append(findings, found...)
			return nil
		})
		if err != nil {
			findings = append(findings, redisaudit.Unreachable())
		}
		return append(findings, auditTimeout(c.Options().ContextTimeoutEnabled)...)
	case *redis.Ring:
		return append(findings, truhook.Finding{Severity: truhook.SeverityError, Name: "redis-ring", Subject: "redis",
			Problem: "A ring moves the keys of a shard that is down to others, which know nothing of its records.",
			Remedy:  "Use Redis Cluster, or one server with a replica."})
	case *redis.Client:
		return append(auditServer(ctx, c), auditTimeout(c.Options().ContextTimeoutEnabled)...)
	}
	return auditServer(ctx, s.client)
}

func auditTimeout(enabled bool) []truhook.Finding {
	if enabled {
		return nil
	}
	return []truhook.Finding{{Severity: truhook.SeverityNote, Name: "context-timeout-disabled", Subject: "ContextTimeoutEnabled",
		Problem: "The client holds a connection, and the store a goroutine, beyond the end of the call's context.",
		Remedy:  "Set ContextTimeoutEnabled in the client's options."}}
}

func auditServer(ctx context.Context, c redis.UniversalClient) []truhook.Finding {
	do := func(ctx context.Context, args ...any) (any, error) { return c.Do(ctx, args...).Result() }
	return redisaudit.Server(ctx, do, "records, whose events are handled again if they come again")
}
