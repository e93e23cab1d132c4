package sqliteinbox

import _ "embed"

//go:embed schema.sql
var schema string

// Schema returns the statements that create the tables, indexes and triggers where they do not exist: truhook_inbox,
// truhook_inbox_count and truhook_inbox_resource. Put it into your migrations; nothing here creates a table. Several
// processes may run it at once, as long as the busy_timeout is not 0.
func Schema() string { return schema }

// The states of a row.
const (
	waiting = 1
	running = 2
	delayed = 3
	done    = 4
	dead    = 5
)
