package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/truhook/truhook"
)

var _ truhook.Auditor = (*Store)(nil)

// Audit looks at what the promises of the store depend on: whether Redis can be reached and is 7.0 or later, whether it
// writes to disk (appendonly, appendfsync), whether it may evict records (maxmemory-policy), and whether the client
// heeds contexts. In a cluster it asks each master. It reports and refuses nothing; where CONFIG is not allowed, as with
// most providers, it says so. Call it once at start and log what it finds.
func (s *Store) Audit(ctx context.Context) (findings []truhook.Finding) {
	if s == nil || s.client == nil {
		return []truhook.Finding{{Severity: truhook.SeverityError, Name: "zero-store", Subject: "redisstore",
			Problem: "The store was not made by New.", Remedy: "Give the result of New whose error was looked at."}}
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
			findings = append(findings, unreachable("redis"))
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

func unreachable(subject string) truhook.Finding {
	return truhook.Finding{Severity: truhook.SeverityError, Name: "store-unreachable", Subject: subject,
		Problem: "Redis cannot be reached.", Remedy: "Look at its address, its credentials and the network."}
}

func auditTimeout(enabled bool) []truhook.Finding {
	if enabled {
		return nil
	}
	return []truhook.Finding{{Severity: truhook.SeverityNote, Name: "context-timeout-disabled", Subject: "ContextTimeoutEnabled",
		Problem: "The client holds a connection, and the store a goroutine, beyond the end of the call's context.",
		Remedy:  "Set ContextTimeoutEnabled in the client's options."}}
}

func auditServer(ctx context.Context, c redis.Cmdable) (findings []truhook.Finding) {
	find := func(severity truhook.Severity, name, subject, problem, remedy string) {
		findings = append(findings, truhook.Finding{Severity: severity, Name: name, Subject: subject, Problem: problem, Remedy: remedy})
	}
	info, err := c.Info(ctx, "server").Result()
	if err != nil {
		return []truhook.Finding{unreachable("redis")}
	}
	if v := version(info); v < 7 {
		find(truhook.SeverityError, "redis-too-old", "redis_version",
			fmt.Sprintf("This is Redis %d, whose scripts know no flags.", v), "Use Redis 7.0 or later, or Valkey.")
	}
	settings := map[string]string{}
	for _, name := range []string{"appendonly", "appendfsync", "maxmemory", "maxmemory-policy"} {
		got, err := c.ConfigGet(ctx, name).Result()
		if err != nil || got[name] == "" {
			find(truhook.SeverityNote, "setting-unknown", name, "The setting cannot be read.", "Look at it yourself, or ask your provider.")
			continue
		}
		settings[name] = got[name]
	}
	switch {
	case settings["appendonly"] == "no":
		find(truhook.SeverityWarning, "redis-not-durable", "appendonly",
			"appendonly is no, so a crash loses every record since the last snapshot, and their events are handled again if they come again.",
			"Set appendonly to yes.")
	case settings["appendfsync"] == "no":
		find(truhook.SeverityWarning, "redis-not-durable", "appendfsync",
			"appendfsync is no, so a crash of the machine loses what the kernel had not written, half a minute or more.",
			"Set appendfsync to everysec or always.")
	}
	if policy := settings["maxmemory-policy"]; policy != "" && policy != "noeviction" {
		if settings["maxmemory"] == "0" {
			find(truhook.SeverityNote, "redis-evicts", "maxmemory-policy",
				"maxmemory-policy is "+policy+", which does nothing while maxmemory is 0.", "Set it to noeviction before you set maxmemory.")
		} else {
			find(truhook.SeverityError, "redis-evicts", "maxmemory-policy",
				"maxmemory-policy is "+policy+", so Redis forgets records when memory is short, and their events are handled again if they come again.",
				"Set maxmemory-policy to noeviction, or give the store a Redis of its own.")
		}
	}
	return findings
}

// version returns the major version, of Valkey that of the Redis it counts as; 0 if it is not told.
func version(info string) int {
	for line := range strings.Lines(info) {
		if v, ok := strings.CutPrefix(line, "redis_version:"); ok {
			major, _, _ := strings.Cut(v, ".")
			n, _ := strconv.Atoi(major)
			return n
		}
	}
	return 0
}
