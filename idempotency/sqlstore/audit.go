package sqlstore

import (
	"context"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/sqlaudit"
)

var _ truhook.Auditor = (*Store)(nil)

// Audit looks at what the promises of the store depend on: whether the database can be reached and written and is the
// one that the constructor names, whether the tables are there, the settings that decide what a crash loses, and
// whether a pooler such as PgBouncer loses the statements that the driver prepares. For that it asks the same thing
// over several connections at once. It takes 5 s at most. Call it once at start and log what it finds.
func (s *Store) Audit(ctx context.Context) []truhook.Finding {
	if s == nil || s.db == nil {
		return sqlaudit.Unmade("sqlstore")
	}
	look, remedy := sqlaudit.Postgres, "Run the statements of sqlstore.PostgresSchema"
	if s.now != nil {
		look, remedy = sqlaudit.SQLite, "Run the statements of sqlstore.SQLiteSchema"
	}
	return look(ctx, s.db, "sqlstore", remedy+", and grant SELECT, INSERT, UPDATE and DELETE.",
		"truhook_claim", "truhook_resource", "truhook_once")
}
