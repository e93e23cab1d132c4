// Package redisaudit looks at a Redis for the packages that keep their promises in one. It knows no client: each brings
// the call by which it asks.
package redisaudit

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/truhook/truhook"
)

// Do sends one command and returns the reply, with a text as a string.
type Do func(ctx context.Context, args ...any) (any, error)

// Unmade is the finding of a value that no constructor has made.
func Unmade(subject string) []truhook.Finding {
	return []truhook.Finding{{
		Severity: truhook.SeverityError, Name: "zero-store", Subject: subject, Problem: "It was not made by its constructor.",
		Remedy: "Give the result of the constructor whose error was looked at.", Offset: -1,
	}}
}

// Unreachable is the finding of a Redis that does not reply.
func Unreachable() truhook.Finding {
	return truhook.Finding{
		Severity: truhook.SeverityError, Name: "store-unreachable", Subject: "redis", Problem: "Redis cannot be reached.",
		Remedy: "Look at its address, its credentials and the network.", Offset: -1,
	}
}

// Server looks at one server: its version, whether it takes writes, whether it writes to disk, and whether it may evict
// what it was given. What is lost is said in the words of the caller: "records, and their events are handled again".
func Server(ctx context.Context, do Do, lost string) (findings []truhook.Finding) {
	find := func(severity truhook.Severity, name, subject, problem, remedy string) {
		findings = append(findings, truhook.Finding{
			Severity: severity, Name: name, Subject: subject, Problem: problem, Remedy: remedy, Offset: -1,
		})
	}
	info, err := text(do(ctx, "INFO", "server"))
	if err != nil {
		return []truhook.Finding{Unreachable()}
	}
	if v := version(info); v < 7 {
		find(truhook.SeverityError, "redis-too-old", "redis_version",
			fmt.Sprintf("This is Redis %d, whose scripts know no flags.", v), "Use Redis 7.0 or later, or Valkey.")
	}
	if role, err := text(do(ctx, "INFO", "replication")); err == nil && strings.Contains(role, "role:slave") {
		find(truhook.SeverityError, "store-read-only", "role", "This is a replica, which takes no writes.", "Connect to the primary.")
	} else if _, after, ok := strings.Cut(role, "connected_slaves:"); err == nil && ok && !strings.HasPrefix(after, "0") {
		find(truhook.SeverityNote, "redis-failover-loses", "connected_slaves",
			"It has replicas, which get a write after it was acknowledged, so a failover loses the latest: "+lost+".",
			"Where that must not be, use PostgreSQL with a synchronous standby.")
	}
	settings := map[string]string{}
	for _, name := range []string{"appendonly", "appendfsync", "maxmemory", "maxmemory-policy"} {
		value := setting(do(ctx, "CONFIG", "GET", name))
		if value == "" {
			find(truhook.SeverityNote, "setting-unknown", name, "The setting cannot be read.", "Look at it yourself, or ask your provider.")
			continue
		}
		settings[name] = value
	}
	switch {
	case settings["appendonly"] == "no":
		find(truhook.SeverityWarning, "redis-not-durable", "appendonly",
			"appendonly is no, so a crash loses everything since the last snapshot: "+lost+".", "Set appendonly to yes.")
	case settings["appendfsync"] == "no":
		find(truhook.SeverityWarning, "redis-not-durable", "appendfsync",
			"appendfsync is no, so a crash of the machine loses what the kernel had not written, half a minute or more: "+lost+".",
			"Set appendfsync to everysec or always.")
	}
	if policy := settings["maxmemory-policy"]; policy != "" && policy != "noeviction" {
		if settings["maxmemory"] == "0" {
			find(truhook.SeverityNote, "redis-evicts", "maxmemory-policy",
				"maxmemory-policy is "+policy+", which does nothing while maxmemory is 0.", "Set it to noeviction before you set maxmemory.")
		} else {
			find(truhook.SeverityError, "redis-evicts", "maxmemory-policy",
				"maxmemory-policy is "+policy+", so Redis throws away what it was given when memory is short: "+lost+".",
				"Set maxmemory-policy to noeviction, or use a Redis of its own.")
		}
	}
	return findings
}

func text(reply any, err error) (string, error) {
	if err != nil {
		return "", err
	}
	s, ok := reply.(string)
	if !ok {
		return "", fmt.Errorf("redisaudit: a reply of type %T", reply)
	}
	return s, nil
}

// setting reads the reply to CONFIG GET in either protocol; empty: it is not told.
func setting(reply any, err error) string {
	if err != nil {
		return ""
	}
	switch r := reply.(type) {
	case []any:
		if len(r) == 2 {
			value, _ := r[1].(string)
			return value
		}
	case map[any]any:
		for _, v := range r {
			value, _ := v.(string)
			return value
		}
	}
	return ""
}

// version returns the major version, of Valkey that of the Redis it counts as; 0 if it is not told.
func version(info string) int {
	_, after, _ := strings.Cut(info, "redis_version:")
	major, _, _ := strings.Cut(after, ".")
	n, _ := strconv.Atoi(major)
	return n
}
