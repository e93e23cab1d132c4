package sqliteinbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/truhook/truhook/idempotency"
)

// A DeadEvent is one that is not tried any more.
type DeadEvent struct {
	Key      idempotency.Key // of the event
	Attempts int             // all that were made, those before a Replay included
	Error    string          // the text of the last error, at most 500 bytes; it is your function's
	Accepted time.Time       // when Enqueue stored it
	Since    time.Time       // when it died
}

// Dead returns at most max dead events, those first that died first. A max of less than 1 is an error.
func (q *Queue) Dead(ctx context.Context, max int) (events []DeadEvent, err error) {
	switch {
	case q == nil || q.db == nil:
		return nil, errZero
	case max < 1:
		return nil, errors.New("sqliteinbox: Dead: max is less than 1")
	}
	err = q.query(ctx, listDead, []any{max}, func(r *sql.Rows) error {
		var e DeadEvent
		var accepted, since int64
		err := r.Scan(&e.Key.Scope, &e.Key.ID, &e.Attempts, &e.Error, &accepted, &since)
		e.Accepted, e.Since = time.UnixMicro(accepted), time.UnixMicro(since)
		events = append(events, e)
		return err
	})
	return events, err
}

// ErrNotDead is what Replay returns for a key of which there is no dead event.
var ErrNotDead = errors.New("sqliteinbox: there is no dead event of this key")

// Replay brings a dead event back, with as many attempts as a new one. Its Attempt goes on from where it was. What is
// not dead is left alone: [ErrNotDead].
func (q *Queue) Replay(ctx context.Context, k idempotency.Key) error {
	if q == nil || q.db == nil {
		return errZero
	}
	res, err := q.db.ExecContext(ctx, replayOne, k.Scope, k.ID, q.now())
	if err != nil {
		return fmt.Errorf("sqliteinbox: %w", err)
	}
	switch n, err := res.RowsAffected(); {
	case err != nil:
		return fmt.Errorf("sqliteinbox: %w", err)
	case n == 0:
		return ErrNotDead
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return nil
}
