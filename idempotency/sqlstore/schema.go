package sqlstore

import _ "embed"

//go:embed postgres.sql
var postgresSchema string

//go:embed sqlite.sql
var sqliteSchema string

// PostgresSchema returns the statements that create the tables and indexes where they do not exist: truhook_claim,
// truhook_resource and truhook_once. Put it into your migrations; nothing here creates a table.
func PostgresSchema() string { return postgresSchema }

// SQLiteSchema is [PostgresSchema] for SQLite.
func SQLiteSchema() string { return sqliteSchema }

// statements are the texts that differ between the databases. Their parameters are the same, in the same order, but that
// the last one is the time where the database has no clock of its own.
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
}

// The states of a record.
const (
	pending  = 1
	released = 2
	done     = 3
)
