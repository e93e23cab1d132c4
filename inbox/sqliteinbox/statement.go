package sqliteinbox

import (
	_ "embed"
	"strconv"
	"strings"
)

//go:embed schema.sql
var schema string

// Schema returns the statements that create the tables and indexes where they do not exist: truhook_inbox and
// truhook_inbox_resource. Give it to your migrations; nothing here does.
func Schema() string { return schema }

// The states of a row.
const (
	open = 1
	done = 2
	dead = 3
)

// In the text of a statement {now} is the time in microseconds, after the others the last of its parameters.
type statement struct {
	text   string
	params int
}

var (
	insert = statement{`
INSERT INTO truhook_inbox (scope, id, state, due, attempt, base, token, accepted_at, fingerprint, message, error)
VALUES ($1, $2, 1, {now}, 0, 0, $3, {now}, $4, $5, '')
ON CONFLICT (scope, id) DO NOTHING`, 5}

	lookup = statement{`SELECT fingerprint FROM truhook_inbox WHERE scope = $1 AND id = $2`, 2}

	take = statement{`
WITH next AS (
	SELECT scope AS s, id AS i FROM truhook_inbox WHERE state = 1 AND due <= {now} ORDER BY due LIMIT $3)
UPDATE truhook_inbox SET token = $1, attempt = attempt + 1, due = {now} + $2
WHERE (scope, id) IN (SELECT s, i FROM next)
RETURNING scope, id, attempt, base, message`, 3}

	extend = statement{`
UPDATE truhook_inbox SET due = {now} + $4 WHERE scope = $1 AND id = $2 AND token = $3 AND state = 1`, 4}

	complete = statement{`
UPDATE truhook_inbox SET state = 2, due = accepted_at + $4, message = $5, error = ''
WHERE scope = $1 AND id = $2 AND token = $3 AND state IN (1, 2)`, 5}

	giveBack = statement{`
UPDATE truhook_inbox SET state = $4, token = $5, due = {now} + $6, error = $7
WHERE scope = $1 AND id = $2 AND token = $3 AND state = 1`, 7}

	replay = statement{`
UPDATE truhook_inbox SET state = 1, base = attempt, due = {now} WHERE scope = $1 AND id = $2 AND state = 3`, 2}

	listDead = statement{`
SELECT scope, id, attempt, error, accepted_at, due FROM truhook_inbox WHERE state = 3 ORDER BY due LIMIT $1`, 1}

	count = statement{`
SELECT
	COALESCE(SUM(CASE WHEN state = 1 AND due <= {now} THEN 1 ELSE 0 END), 0),
	COALESCE(SUM(CASE WHEN state = 1 AND due > {now} AND length(token) = 0 THEN 1 ELSE 0 END), 0),
	COALESCE(SUM(CASE WHEN state = 1 AND due > {now} AND length(token) > 0 THEN 1 ELSE 0 END), 0),
	COALESCE(SUM(CASE WHEN state = 3 THEN 1 ELSE 0 END), 0),
	COALESCE({now} - MIN(CASE WHEN state = 1 THEN accepted_at END), 0)
FROM truhook_inbox WHERE state IN (1, 3)`, 0}

	advance = statement{`
INSERT INTO truhook_inbox_resource AS r (scope, id, at, expires_at) VALUES ($1, $2, $3, {now} + $4)
ON CONFLICT (scope, id) DO UPDATE SET at = excluded.at, expires_at = excluded.expires_at
WHERE r.at < excluded.at OR r.expires_at <= {now}`, 4}

	newest = statement{`SELECT at FROM truhook_inbox_resource WHERE scope = $1 AND id = $2`, 2}

	pruneDone = statement{`
DELETE FROM truhook_inbox WHERE (scope, id) IN
	(SELECT scope, id FROM truhook_inbox WHERE state = 2 AND due <= {now} LIMIT $1)`, 1}

	pruneResources = statement{`
DELETE FROM truhook_inbox_resource WHERE (scope, id) IN
	(SELECT scope, id FROM truhook_inbox_resource WHERE expires_at <= {now} LIMIT $1)`, 1}
)

// complete returns the text for the database.
func (s statement) complete() string {
	return strings.NewReplacer("{now}", "?"+strconv.Itoa(s.params+1), "$", "?").Replace(s.text)
}
