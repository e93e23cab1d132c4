package sqliteinbox

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/truhook/truhook/idempotency"
)

const (
	clockSlack = 1_000_000 // microseconds by which clocks may differ, and one may go back, unnoticed
	lookEvery  = 10        // polls

	hurryAtMost = 1000 // rows in one go: some ten milliseconds, in which nothing is accepted
)

// watchClock lets no event wait for a time that only a wrong clock knew. It looks when the clock has gone back, and now
// and then from the beginning of Run on: the step may have been earlier, or between two looks at the clock.
func (r *runner) watchClock(ctx context.Context) {
	now := r.now()
	back := now < r.latest-clockSlack
	if !back && time.Since(r.looked) < lookEvery*r.cfg.Poll {
		r.latest = now
		return
	}
	call, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	more, err := r.hurry(call, now)
	if err != nil {
		if ctx.Err() == nil {
			r.report(ctx, idempotency.Observation{Outcome: idempotency.StoreError, Err: err})
		}
		return // and the next time
	}
	if more { // after what is begun now: of a million rows the statement would not end in its time
		return
	}
	r.latest, r.looked = now, time.Now()
}

// hurry lets begin what waits for a time to come: an event is accepted or replayed to be begun at once, so no honest
// clock has set that time. Back-offs and leases are meant to lie ahead, and stay as they are. It reports whether there
// may be more.
func (q *Queue) hurry(ctx context.Context, now int64) (more bool, err error) {
	ahead := false
	err = q.query(ctx, waitsAhead, []any{now + clockSlack}, func(*sql.Rows) error { ahead = true; return nil })
	if err != nil || !ahead {
		return false, err
	}
	res, err := q.db.ExecContext(ctx, hurryRows, now, hurryAtMost)
	if err != nil {
		return false, fmt.Errorf("sqliteinbox: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return false, fmt.Errorf("sqliteinbox: %w", err)
	}
	return n == hurryAtMost, nil
}
