package sqlaudit

import (
	"context"
	"crypto/rand"
	"database/sql"
	"strings"
	"time"

	"github.com/truhook/truhook"
)

// writePatience is how long an audit waits for those who write.
const writePatience = time.Second

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
	{"query_only", "PRAGMA query_only", "1", truhook.SeverityError, "store-read-only",
		"query_only is %s, so nothing can be written.", "Open the database without it."},
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
	r.connections(ctx, db, one)
	r.writing(ctx, db)
}

// connections looks at the settings of one connection, and compares them with those of another one.
func (r *report) connections(ctx context.Context, db *sql.DB, one bool) {
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

// writing reports a database that cannot be written, whether it was opened in that way, lies in a file or folder
// without the right to write, or on a disk that is full. It is asked last, and waited for shortly: whoever writes
// meanwhile shows that it can be written.
func (r *report) writing(ctx context.Context, db *sql.DB) {
	for _, f := range r.findings {
		if f.Name == "store-read-only" || f.Name == "store-unreachable" {
			return
		}
	}
	wrote := make(chan error, 1)
	patience, stop := context.WithTimeout(ctx, writePatience)
	defer stop()
	go func() { wrote <- write(patience, db) }() // SQLite does not look at the context while it waits for a lock
	select {
	case err := <-wrote:
		if err == nil || busy(err) || patience.Err() != nil {
			return
		}
		r.add(truhook.SeverityError, "store-read-only", r.subject, "The database cannot be written.",
			"Open it without mode=ro and immutable=1, and look at the rights of its file and of the folder, and the room on its disk.")
	case <-patience.Done():
	}
}

// write makes a change and takes it back.
func write(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // nothing is left to do if it fails: SQLite takes back what was not committed
	_, err = tx.ExecContext(ctx, "CREATE TABLE truhook_audit_"+strings.ToLower(rand.Text())+" (n INTEGER)")
	return err
}

// busy reports whether another connection writes. Drivers give the code by a method, in a field, or in words only.
func busy(err error) bool {
	text := strings.ToLower(err.Error())
	return strings.Contains(text, "locked") || strings.Contains(text, "busy")
}
