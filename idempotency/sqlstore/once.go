package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/truhook/truhook/idempotency"
)

// Once claims an event within tx, which is yours: the claim and whatever else tx writes are committed together, or not
// at all. So there is one effect for each event, whatever crashes, for a handler that writes to this database only.
// For the API of somebody else use the middleware.
//
//	fresh, err := store.Once(ctx, tx, key)
//	if err != nil { ... }            // roll back and answer 503
//	if !fresh { return nil }         // roll back and answer 200: it was handled
//	...                              // write through tx, commit, answer 200
//
// Once stands instead of the middleware, never under it on the same event: it needs no lease, no release and no
// completion. Its events are apart from those of Claim. They are kept for Config.Retention.
//
// In PostgreSQL a second transaction on the same event waits until the first one ends: it is a duplicate if that
// commits, and fresh if it rolls back. "SET LOCAL lock_timeout = '2s'" in tx bounds the wait, by an error. Begin tx
// with the default isolation, read committed; above it the second one fails (SQLSTATE 40001) and has to be redelivered.
// In SQLite the second one waits for its busy_timeout to become the writer; begin with _txlock=immediate.
func (s *Store) Once(ctx context.Context, tx *sql.Tx, k idempotency.Key) (fresh bool, err error) {
	switch {
	case s == nil || s.db == nil:
		return false, errZero
	case tx == nil:
		return false, errors.New("sqlstore: once: the transaction is nil")
	}
	for round := range rounds {
		pause(ctx, round)
		decided, err := one(ctx, tx, s.q.once, s.args(k.Scope, k.ID, micros(s.retain)), &fresh)
		switch {
		case err != nil:
			return false, failed("once", err)
		case decided || s.now != nil: // SQLite has one writer, so no row is a duplicate
			return fresh, nil
		}
	}
	return false, failed("once", errContended)
}
