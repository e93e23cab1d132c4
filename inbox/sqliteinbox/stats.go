package sqliteinbox

import (
	"context"
	"database/sql"
	"time"
)

// Stats says what is in the queue.
type Stats struct {
	Waiting int64 // accepted or replayed, and not begun
	Running int64 // with a worker, or with one that died and whose lease is not over
	Delayed int64 // failed, and begun again after the back-off
	Dead    int64 // not tried any more, until it is replayed

	// Lag is how long the first event in line could have been begun, and was not. It grows where no Run works on the
	// table, or too few functions at a time. Zero: none is in line.
	Lag time.Duration
}

// Stats returns what is in the queue. The counts are kept in the table, so it takes no longer for a million rows.
func (q *Queue) Stats(ctx context.Context) (s Stats, err error) {
	if q == nil || q.db == nil {
		return s, errZero
	}
	err = q.query(ctx, readCounts, nil, func(r *sql.Rows) error {
		var state int
		var n int64
		err := r.Scan(&state, &n)
		switch state {
		case waiting:
			s.Waiting = n
		case running:
			s.Running = n
		case delayed:
			s.Delayed = n
		case dead:
			s.Dead = n
		}
		return err
	})
	if err != nil {
		return s, err
	}
	now, due := q.now(), int64(0)
	err = q.query(ctx, firstInLine, []any{now}, func(r *sql.Rows) error { return r.Scan(&due) })
	if due > 0 {
		s.Lag = time.Duration(now-due) * time.Microsecond
	}
	return s, err
}
