package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/truhook/truhook/idempotency"
)

// args adds the time where the database has no clock.
func (s *Store) args(args ...any) []any {
	if s.now != nil {
		args = append(args, s.now().UnixMicro())
	}
	return args
}

func (s *Store) exec(ctx context.Context, statement string, args ...any) (rows int64, err error) {
	res, err := s.db.ExecContext(ctx, statement, s.args(args...)...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// one scans the only row of a query, or reports that there is none. It reads to the end, unlike QueryRow: that is where
// a commit that has failed is told.
func one(ctx context.Context, q querier, statement string, args []any, dest ...any) (found bool, err error) {
	rows, err := q.QueryContext(ctx, statement, args...)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	for rows.Next() {
		if found {
			return false, errors.New("the answer has more than one row")
		}
		found = true
		if len(dest) == 0 {
			continue
		}
		if err := rows.Scan(dest...); err != nil {
			return false, err
		}
	}
	if err := rows.Err(); err != nil {
		return false, err
	}
	return found, rows.Close()
}

// micros rounds up, so that no lease is shorter than it was promised, and ends at a century, which every database can
// add.
func micros(d time.Duration) int64 {
	const century = 100 * 365 * 24 * time.Hour
	d = min(max(d, 0), century)
	return int64((d + time.Microsecond - 1) / time.Microsecond)
}

func failed(call string, err error) error {
	if isFull(err) {
		err = fmt.Errorf("%w: %w", idempotency.ErrFull, err)
	}
	return fmt.Errorf("sqlstore: %s: %w", call, err)
}

// sqlState returns the SQLSTATE that the PostgreSQL drivers give by a method.
func sqlState(err error) string {
	var e interface{ SQLState() string }
	if errors.As(err, &e) {
		return e.SQLState()
	}
	return ""
}

// isConflict reports that PostgreSQL has rolled back for the sake of another transaction, as happens where its default
// isolation is above read committed.
func isConflict(err error) bool {
	state := sqlState(err)
	return state == "40001" || state == "40P01" // serialization_failure, deadlock_detected
}

// isFull reports that nothing was written as there was no room.
func isFull(err error) bool {
	const sqliteFull = 13 // SQLITE_FULL; extended codes keep it in the low byte
	var e interface{ Code() int }
	return sqlState(err) == "53100" || errors.As(err, &e) && e.Code()&0xff == sqliteFull // disk_full
}
