package sqliteinbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/truhook/truhook/idempotency"
)

// Stats says what is in the queue.
type Stats struct {
	Waiting int64 // begun when a worker is free; also those whose worker died
	Delayed int64 // failed and backing off
	Running int64 // with a worker, under a lease
	Dead    int64 // not tried any more, until Replay

	// Oldest is how long ago the oldest event was accepted that is neither done nor dead; zero: there is none.
	Oldest time.Duration
}

// Stats counts what is not done. It reads every such row: once a minute is plenty.
func (q *Queue) Stats(ctx context.Context) (s Stats, err error) {
	if q == nil || q.db == nil {
		return s, errZero
	}
	var oldest int64
	err = q.query(ctx, &count, nil, func(r *sql.Rows) error {
		return r.Scan(&s.Waiting, &s.Delayed, &s.Running, &s.Dead, &oldest)
	})
	s.Oldest = time.Duration(oldest) * time.Microsecond
	return s, err
}

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
	err = q.query(ctx, &listDead, []any{max}, func(r *sql.Rows) error {
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
	n, err := q.exec(ctx, q.db, &replay, k.Scope, k.ID)
	if err == nil && n == 0 {
		return ErrNotDead
	}
	return err
}

// Prune forgets at most max events that are done and whose retention is over, and returns how many it has. Run calls it
// every minute; it is there for tables that no Run works on. A max of less than 1 is an error.
func (q *Queue) Prune(ctx context.Context, max int) (deleted int, err error) {
	switch {
	case q == nil || q.db == nil:
		return 0, errZero
	case max < 1:
		return 0, errors.New("sqliteinbox: Prune: max is less than 1")
	}
	for _, s := range []*statement{&pruneDone, &pruneResources} {
		if deleted >= max {
			break
		}
		n, err := q.exec(ctx, q.db, s, max-deleted)
		if err != nil {
			return deleted, err
		}
		deleted += int(n)
	}
	return deleted, nil
}

// Audit looks at the database once, at start, and returns what makes a commit less durable than this package promises,
// one sentence each. An error means that it could not look, or that the tables of [Schema] are not there. It looks at
// one connection: settings of SQLite belong into the name by which every connection is opened.
func (q *Queue) Audit(ctx context.Context) (findings []string, err error) {
	if _, err := q.Stats(ctx); err != nil {
		return nil, err
	}
	ask := func(query string) (value string) {
		if err == nil {
			err = q.db.QueryRowContext(ctx, query).Scan(&value)
		}
		return strings.ToLower(value)
	}
	mode, level := ask("PRAGMA journal_mode"), ask("PRAGMA synchronous")
	if mode == "memory" || mode == "off" {
		findings = append(findings, fmt.Sprintf("journal_mode is %s: a crash can destroy the database", mode))
	}
	if level == "0" || level == "1" {
		findings = append(findings, "synchronous is below FULL: a crash of the machine loses what was accepted last")
	}
	if ask("PRAGMA busy_timeout") == "0" {
		findings = append(findings, "busy_timeout is 0: two writers at once are an error instead of a wait")
	}
	if err != nil {
		return nil, fmt.Errorf("sqliteinbox: %w", err)
	}
	return findings, nil
}
