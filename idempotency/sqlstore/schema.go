package sqlstore

import _ "embed"

//go:embed postgres.sql
var postgresSchema string

//go:embed sqlite.sql
var sqliteSchema string

// PostgresSchema returns the statements that create the tables and indexes where they do not exist: truhook_claim,
// truhook_resource and truhook_once. Put it into your migrations; nothing here creates a table. Several processes may
// run it at once, as one call of Exec or in one transaction: its first statement takes a lock until the end of that.
func PostgresSchema() string { return postgresSchema }

// SQLiteSchema is [PostgresSchema] for SQLite. Several processes may run it at once, as long as the busy_timeout is not
// 0.
func SQLiteSchema() string { return sqliteSchema }

// statements are the texts that differ between the databases. Their parameters are the same, in the same order, but
// that the last one is the time where the database has no clock of its own.
type statements struct {
	look   string // claim: key, token, fingerprint, lease, retention. PostgreSQL inserts as well
	take   string // claim of a record that exists: the same
	settle string // key, token, state
	extend string // key, token, lease
	forget string // key; deletes what is done
	state  string // key: the state, and whether a lease is running
	order  string // resource, version, retention
	newest string // resource
	once   string // key, retention
	prune  [3]string
	left   [3]string // is there a row that could not be deleted?
}

// The states of a record.
const (
	pending  = 1
	released = 2
	done     = 3
)
