package sqliteinbox

import (
	"context"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/sqlaudit"
)

var _ truhook.Auditor = (*Queue)(nil)

// Audit looks at what the promises of the queue depend on: whether the database is a SQLite, in a file, with the tables
// of [Schema], and can be written, and the settings that decide what a crash loses, on two connections where the pool
// has more than one. It leaves nothing behind, and takes 5 s at most. Call it once at start and log what it finds.
func (q *Queue) Audit(ctx context.Context) []truhook.Finding {
	if q == nil || q.db == nil {
		return sqlaudit.Unmade("sqliteinbox")
	}
	return sqlaudit.SQLite(ctx, q.db, "sqliteinbox", "Run the statements of sqliteinbox.Schema.",
		"truhook_inbox", "truhook_inbox_count", "truhook_inbox_resource")
}
