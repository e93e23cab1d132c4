package sqlstore

import (
	"context"
	"fmt"
	"strings"

	"github.com/truhook/truhook"
)

var _ truhook.Auditor = (*Store)(nil)

// Audit looks at what the promises of the store depend on: whether the database can be reached and written, whether the
// tables are there, and the settings that decide what a crash loses. Call it once at start and log what it finds.
func (s *Store) Audit(ctx context.Context) (findings []truhook.Finding) {
	if s == nil || s.db == nil {
		return []truhook.Finding{{Severity: truhook.SeverityError, Name: "zero-store", Subject: "sqlstore",
			Problem: "The store was not made by NewPostgres or NewSQLite.", Remedy: "Give the result of the constructor whose error was looked at."}}
	}
	if err := s.db.PingContext(ctx); err != nil {
		// Without the error's text: a driver may put the address of the database and its user into it.
		return []truhook.Finding{{Severity: truhook.SeverityError, Name: "store-unreachable", Subject: "sqlstore",
			Problem: "The database cannot be reached.", Remedy: "Look at its address, its credentials and the network."}}
	}
	for _, table := range []string{"truhook_claim", "truhook_resource", "truhook_once"} {
		if _, err := one(ctx, s.db, "SELECT 1 FROM "+table+" WHERE scope = '' AND expires_at IS NULL", nil); err != nil {
			findings = append(findings, truhook.Finding{Severity: truhook.SeverityError, Name: "table-missing", Subject: table,
				Problem: "The table cannot be read.", Remedy: "Run the statements of sqlstore.PostgresSchema or SQLiteSchema, and grant SELECT, INSERT, UPDATE and DELETE."})
		}
	}
	checks := postgresSettings
	if s.now != nil {
		checks = sqliteSettings
	}
	for _, c := range checks {
		var value string
		found, err := one(ctx, s.db, c.query, nil, &value)
		if err != nil || !found {
			findings = append(findings, truhook.Finding{Severity: truhook.SeverityNote, Name: "setting-unknown", Subject: c.name,
				Problem: "The setting cannot be read.", Remedy: "Look at it yourself."})
			continue
		}
		if c.good(value) {
			continue
		}
		findings = append(findings, truhook.Finding{Severity: c.severity, Name: c.finding, Subject: c.name,
			Problem: fmt.Sprintf(c.problem, value), Remedy: c.remedy})
	}
	return findings
}

// A setting is one that a promise depends on.
type setting struct {
	name, query      string
	good             func(value string) bool
	severity         truhook.Severity
	finding, problem string // the problem holds the value once
	remedy           string
}

func not(bad ...string) func(string) bool {
	return func(value string) bool {
		for _, b := range bad {
			if strings.EqualFold(value, b) {
				return false
			}
		}
		return true
	}
}

var postgresSettings = []setting{
	{"pg_is_in_recovery", "SELECT pg_is_in_recovery()::text", not("true"), truhook.SeverityError, "store-read-only",
		"This is a standby (%s), which takes no writes.", "Connect to the primary, for example with target_session_attrs=read-write."},
	{"fsync", "SHOW fsync", not("off"), truhook.SeverityError, "commit-not-durable",
		"fsync is %s, so a crash of the machine may destroy the whole database.", "Set fsync to on."},
	{"synchronous_commit", "SHOW synchronous_commit", not("off"), truhook.SeverityWarning, "commit-not-durable",
		"synchronous_commit is %s, so a crash loses the latest completions, and their events are handled again if they come again.",
		"Set synchronous_commit to on for this user or database."},
}

var sqliteSettings = []setting{
	{"journal_mode", "PRAGMA journal_mode", not("off", "memory"), truhook.SeverityError, "commit-not-durable",
		"journal_mode is %s, so a crash may destroy the whole database.", "Use journal_mode(WAL)."},
	{"synchronous", "PRAGMA synchronous", not("0", "1"), truhook.SeverityWarning, "commit-not-durable",
		"synchronous is %s, so a crash of the machine loses the latest completions, and their events are handled again if they come again.",
		"Use synchronous(FULL)."},
	{"busy_timeout", "PRAGMA busy_timeout", not("0"), truhook.SeverityWarning, "no-lock-timeout",
		"busy_timeout is %s, so a call fails at once where another connection writes.", "Use busy_timeout(1000)."},
}
