package sqliteinbox

import (
	"context"
	"database/sql"
	"math/bits"
	"strings"
	"sync"
)

// mostRows is how many rows one statement inserts or settles.
const mostRows = 64

// A bulk is a statement over many rows: one text for each power of two, up to mostRows.
type bulk [7]string

func newBulk(before, tuple, after string) (b bulk) {
	for i := range b {
		b[i] = before + strings.TrimSuffix(strings.Repeat(tuple+", ", 1<<i), ", ") + after
	}
	return b
}

// fitting returns the text for at least n rows, and for how many it is.
func (b *bulk) fitting(n int) (text string, rows int) {
	i := bits.Len(uint(n - 1)) //nolint:gosec // n is at least 1
	return b[i], 1 << i
}

var (
	// A dead event comes back: its provider, or somebody at the provider's desk, sends it again.
	insertRows = newBulk(`
INSERT INTO truhook_inbox (scope, id, state, due, attempt, base, accepted_at, fingerprint, message, error) VALUES `,
		`(?, ?, 1, ?, 0, 0, ?, ?, ?, '')`, revive+` RETURNING scope, id`)

	// Each worker settles its own attempt: the row may be gone, done, or another's since.
	settleRows = newBulk(`
WITH settled (of, number, becomes, until, reason) AS (VALUES `, `(?, ?, ?, ?, ?)`, `)
UPDATE truhook_inbox SET state = becomes, due = until, error = COALESCE(reason, error),
	message = CASE becomes WHEN 4 THEN x'' ELSE message END
FROM settled WHERE seq = of AND attempt = number AND (state = 2 OR state = 4 AND becomes = 4)
RETURNING seq`)
)

const (
	revive = `
ON CONFLICT (scope, id) DO UPDATE SET state = 1, due = excluded.due, base = attempt, accepted_at = excluded.accepted_at,
	fingerprint = excluded.fingerprint, message = excluded.message, error = '' WHERE state = 5`

	insertOne = `
INSERT INTO truhook_inbox (scope, id, state, due, attempt, base, accepted_at, fingerprint, message, error)
VALUES (?, ?, 1, ?, 0, 0, ?, ?, ?, '')` + revive

	// ?4 names the rows that are handled here, as ",seq:attempt,seq:attempt,".
	takeRows = `
UPDATE truhook_inbox SET state = 2, attempt = attempt + 1, due = ?2 WHERE seq IN
	(SELECT seq FROM truhook_inbox INDEXED BY truhook_inbox_open WHERE state <= 3 AND due <= ?1
	AND (state <> 2 OR instr(?4, ',' || seq || ':' || attempt || ',') = 0) ORDER BY due LIMIT ?3)
RETURNING seq, scope, id, attempt, base, accepted_at, message`

	// The count is asked first, as it is mostly zero.
	waitsAhead = `
SELECT 1 WHERE EXISTS (SELECT 1 FROM truhook_inbox_count WHERE state = 1 AND n > 0) AND EXISTS
	(SELECT 1 FROM truhook_inbox INDEXED BY truhook_inbox_open WHERE state <= 3 AND due > ?1 AND state = 1)`

	// After the clock went back nothing that waits may wait for the old time.
	hurryRows = `
UPDATE truhook_inbox SET due = ?1 WHERE seq IN
	(SELECT seq FROM truhook_inbox INDEXED BY truhook_inbox_open
	WHERE state <= 3 AND due > ?1 AND state = 1 ORDER BY due LIMIT ?2)`

	storeVersion = `
INSERT INTO truhook_inbox_resource AS r (scope, id, version, expires_at) VALUES (?1, ?2, ?3, ?5 + ?4)
ON CONFLICT (scope, id) DO UPDATE SET version = excluded.version, expires_at = excluded.expires_at
WHERE r.version < excluded.version OR r.expires_at <= ?5`

	readVersion = `SELECT version FROM truhook_inbox_resource WHERE scope = ? AND id = ?`

	readFingerprint = `SELECT fingerprint FROM truhook_inbox WHERE scope = ? AND id = ?`

	completeOne = `
UPDATE truhook_inbox SET state = 4, due = ?3, message = x'', error = ''
WHERE seq = ?1 AND attempt = ?2 AND state IN (2, 4)`

	replayOne = `
UPDATE truhook_inbox SET state = 1, base = attempt, due = ?3 WHERE scope = ?1 AND id = ?2 AND state = 5`

	listDead = `
SELECT scope, id, attempt, error, accepted_at, due FROM truhook_inbox INDEXED BY truhook_inbox_dead
WHERE state = 5 ORDER BY due LIMIT ?`

	readCounts = `SELECT state, n FROM truhook_inbox_count`

	firstInLine = `
SELECT due FROM truhook_inbox INDEXED BY truhook_inbox_open WHERE state <= 3 AND due <= ? ORDER BY due LIMIT 1`

	pruneDone = `
DELETE FROM truhook_inbox WHERE seq IN
	(SELECT seq FROM truhook_inbox INDEXED BY truhook_inbox_done WHERE state = 4 AND due <= ?1 ORDER BY due LIMIT ?2)`

	pruneResources = `
DELETE FROM truhook_inbox_resource WHERE (scope, id) IN
	(SELECT scope, id FROM truhook_inbox_resource WHERE expires_at <= ?1 LIMIT ?2)`
)

// prepared holds statements that are parsed once for each connection.
type prepared struct {
	mu    sync.Mutex
	texts map[string]*sql.Stmt
}

func (p *prepared) get(ctx context.Context, db *sql.DB, text string) (*sql.Stmt, error) {
	p.mu.Lock()
	s := p.texts[text]
	p.mu.Unlock()
	if s != nil {
		return s, nil
	}
	s, err := db.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if first := p.texts[text]; first != nil { // another one was faster
		return first, s.Close()
	}
	if p.texts == nil {
		p.texts = map[string]*sql.Stmt{}
	}
	p.texts[text] = s
	return s, nil
}
