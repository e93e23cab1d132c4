package sqlaudit

import (
	"context"
	"database/sql"
	"time"

	"github.com/truhook/truhook"
)

var sqliteSettings = []setting{
	{"journal_mode", "PRAGMA journal_mode", "off memory", truhook.SeverityError, "commit-not-durable",
		"journal_mode is %s, so a crash may destroy the whole database.", "Use journal_mode(WAL)."},
	{"journal_mode", "PRAGMA journal_mode", "delete truncate persist", truhook.SeverityNote, "readers-block-writers",
		"journal_mode is %s, in which whoever reads keeps others from writing, and each commit costs two waits for the disk.",
		"Use journal_mode(WAL)."},
	{"synchronous", "PRAGMA synchronous", "0 1", truhook.SeverityWarning, "commit-not-durable",
		"synchronous is %s, so a crash of the machine loses what was committed last.", "Use synchronous(FULL)."},
	{"busy_timeout", "PRAGMA busy_timeout", "0", truhook.SeverityWarning, "no-lock-timeout",
		"busy_timeout is %s, so a call fails at once where another connection writes.", "Use busy_timeout(1000)."},
}

// SQLite looks at a database that package subject takes for a SQLite, and at its tables. The settings of SQLite belong
// to a connection, so it looks at two of them where the pool gives two.
func SQLite(ctx context.Context, db *sql.DB, subject, remedy string, tables ...string) []truhook.Finding {
	return look(ctx, subject, func(ctx context.Context, r *report) { r.sqlite(ctx, db, remedy, tables) })
}

func (r *report) sqlite(ctx context.Context, db *sql.DB, remedy string, tables []string) {
	if err := db.PingContext(ctx); err != nil {
		r.unreachable()
		return
	}
	version, err := ask(ctx, db, "SELECT sqlite_version()")
	switch {
	case err != nil:
		r.add(truhook.SeverityError, "database-unknown", r.subject, "The database is not SQLite.",
			"Use the constructor for PostgreSQL, or open a SQLite. Other databases are not supported.")
		return
	case older(version, "3.35"):
		r.add(truhook.SeverityError, "database-too-old", "sqlite_version", "This is SQLite "+version+".", "Use SQLite 3.35 or later.")
	}
	one := db.Stats().MaxOpenConnections == 1
	if file, err := fileOf(ctx, db); err == nil && file == "" {
		problem := "The database is in memory, so a crash loses all of it."
		if !one {
			problem = "The database is in memory, so each connection of the pool may have one of its own, and a crash loses all of them."
		}
		r.add(truhook.SeverityError, "database-in-memory", r.subject, problem, "Open a file.")
	}
	r.tables(ctx, db, remedy, tables...)
	first, err := db.Conn(ctx)
	if err != nil {
		r.unreachable()
		return
	}
	defer first.Close()
	r.settings(ctx, first, sqliteSettings)
	if one {
		return
	}
	patience, stop := context.WithTimeout(ctx, time.Second) // the others may be at work
	defer stop()
	second, err := db.Conn(patience)
	if err != nil {
		return
	}
	defer second.Close()
	for _, s := range sqliteSettings[2:] {
		a, errA := ask(ctx, first, s.query)
		b, errB := ask(ctx, second, s.query)
		if errA == nil && errB == nil && a != b {
			r.add(truhook.SeverityWarning, "connections-differ", s.name,
				s.name+" is "+a+" on one connection and "+b+" on another: a PRAGMA holds for the connection on which it ran.",
				"Set it in the name by which every connection is opened, as in _pragma="+s.name+"(...).")
		}
	}
}

// fileOf returns the file of the main database; empty: it has none.
func fileOf(ctx context.Context, db *sql.DB) (file string, err error) {
	rows, err := db.QueryContext(ctx, "PRAGMA database_list")
	if err != nil {
		return "", err
	}
	defer rows.Close()
	for rows.Next() {
		var seq int
		var name string
		var path sql.NullString
		if err := rows.Scan(&seq, &name, &path); err != nil {
			return "", err
		}
		if name == "main" {
			file = path.String
		}
	}
	return file, rows.Err()
}
