package sqliteinbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/truhook/truhook/idempotency"
)

const (
	pruneTimeout = time.Second
	pruneAtMost  = 256                    // rows in one go: about a millisecond
	pruneAgain   = 100 * time.Millisecond // where there is more to delete
	pruneEvery   = time.Minute
)

// Prune forgets at most max events that are done and whose retention is over, and returns how many it has. Run does so
// in a goroutine of its own; Prune is there for tables that no Run works on. A max of less than 1 is an error; a call
// takes a second at most, and the database's busy_timeout.
func (q *Queue) Prune(ctx context.Context, max int) (deleted int, err error) {
	switch {
	case q == nil || q.db == nil:
		return 0, errZero
	case max < 1:
		return 0, errors.New("sqliteinbox: Prune: max is less than 1")
	}
	ctx, cancel := context.WithTimeout(ctx, pruneTimeout)
	defer cancel()
	for _, text := range []string{pruneDone, pruneResources} {
		if deleted >= max {
			break
		}
		res, err := q.db.ExecContext(ctx, text, q.now(), max-deleted)
		if err != nil {
			return deleted, fmt.Errorf("sqliteinbox: prune: %w", err)
		}
		n, err := res.RowsAffected()
		if err != nil {
			return deleted, fmt.Errorf("sqliteinbox: prune: %w", err)
		}
		deleted += int(n)
	}
	return deleted, nil
}

// prune clears away what is over until ctx ends, a few rows at a time, so that nothing waits for it.
func (q *Queue) prune(ctx context.Context) {
	for {
		n, err := q.Prune(ctx, pruneAtMost)
		pause := pruneEvery
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			q.report(ctx, idempotency.Observation{Outcome: idempotency.StoreError, Err: err})
		case n == pruneAtMost:
			pause = pruneAgain
		}
		if !sleep(ctx, pause) {
			return
		}
	}
}

// sleep reports false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
