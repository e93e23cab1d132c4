package sqlstore

import (
	_ "embed"
	"fmt"
)

// A Dialect names the database. The zero Dialect is none and refused.
type Dialect uint8

const (
	PostgreSQL Dialect = iota + 1 // PostgreSQL 12 or later
	SQLite                        // SQLite 3.35 or later
)

// String returns the name of the database.
func (d Dialect) String() string {
	switch d {
	case PostgreSQL:
		return "PostgreSQL"
	case SQLite:
		return "SQLite"
	}
	return fmt.Sprintf("Dialect(%d)", uint8(d))
}

//go:embed postgres.sql
var postgresSchema string

//go:embed sqlite.sql
var sqliteSchema string

// Schema returns the statements that create the tables and indexes where they do not exist: truhook_claim,
// truhook_resource and truhook_once. Give it to your migrations; nothing here does. It panics on an unknown dialect.
func Schema(d Dialect) string {
	switch d {
	case PostgreSQL:
		return postgresSchema
	case SQLite:
		return sqliteSchema
	}
	panic("sqlstore: unknown dialect: " + d.String())
}

// statements are the texts that differ between the dialects. Their parameters are the same, in the same order, but that
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
