package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/inbox/sqliteinbox"
	"github.com/truhook/truhook/jose/transunion"
	"github.com/truhook/truhook/retry"
)

// schema is the service's own.
const schema = `CREATE TABLE IF NOT EXISTS effect (scope TEXT NOT NULL, event TEXT NOT NULL, what TEXT NOT NULL)`

// newWork returns what is to be done for each event. Its effect and the event's completion are one commit, so that each
// event has one effect, whatever ends in between.
func newWork(db *sql.DB, queue *sqliteinbox.Queue, out io.Writer) func(ctx context.Context, v *truhook.Verified) error {
	return func(ctx context.Context, v *truhook.Verified) error {
		m, _ := inbox.FromContext(ctx)
		what, err := describe(m.Key.Scope, v)
		if err != nil {
			return retry.Permanent(err) // it would be no better next time
		}
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		if _, err := tx.ExecContext(ctx, "INSERT INTO effect VALUES (?, ?, ?)", m.Key.Scope, m.Key.ID, what); err != nil {
			return err
		}
		if err := queue.Complete(ctx, tx); err != nil {
			return err
		}
		if err := tx.Commit(); err != nil {
			return err
		}
		fmt.Fprintf(out, "handled %s: %s\n", m.Key.Scope, what)
		return nil
	}
}

// describe says what an event means to this service.
func describe(scope string, v *truhook.Verified) (string, error) {
	if scope == truvScope {
		e, err := truv.Parse(v)
		if err != nil {
			return "", err
		}
		return "order " + e.Status, nil
	}
	e, err := transunion.Parse(v)
	if err != nil {
		return "", err
	}
	switch e := e.(type) {
	case transunion.AuthorizationResponse:
		if e.Authorized() {
			return "authorized", nil
		}
		return "not authorized", nil
	case transunion.DeviceLinked:
		return "device linked", nil
	case transunion.SessionEnded:
		return "session ended", nil
	}
	return "an event of a new type", nil // genuine, and it authorizes nothing
}
