package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// pruneTimeout bounds each statement of Prune.
const pruneTimeout = 5 * time.Second

// ErrLocked is what [Store.Prune] returns when rows whose time is over for more than a minute were left, because other
// transactions hold them: those of another Prune for a moment, those of a session that somebody has forgotten for long.
var ErrLocked = errors.New("sqlstore: rows whose time is over are locked by other transactions")

// Prune deletes at most max rows whose time is over and returns how many it has. A row that is not deleted counts as
// forgotten all the same, so it only costs room: call Prune every minute or so, and again while it returns max. Several
// processes may call it at once. It never waits for a lock that others hold on a row: it passes over that row, and
// returns [ErrLocked] beside the number of those that it has deleted. Each of its three statements takes 5 s at most. A
// max of less than 1 is an error; a thousand or so keeps each call short.
func (s *Store) Prune(ctx context.Context, max int) (deleted int, err error) {
	switch {
	case s == nil || s.db == nil:
		return 0, errZero
	case max < 1:
		return 0, errors.New("sqlstore: prune: max is less than 1")
	}
	locked := false
	for i := range s.q.prune {
		if deleted >= max {
			break
		}
		n, left, err := s.prune(ctx, i, max-deleted)
		if err != nil {
			return deleted, failed("prune", err)
		}
		deleted += n
		locked = locked || left
	}
	if locked {
		return deleted, fmt.Errorf("sqlstore: prune: %w", ErrLocked)
	}
	return deleted, nil
}

// prune deletes rows of one table and reports whether some were left although there was room for more.
func (s *Store) prune(ctx context.Context, table, max int) (deleted int, left bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, pruneTimeout)
	defer cancel()
	n, err := s.exec(ctx, s.q.prune[table], max)
	if err != nil || int(n) >= max || s.q.left[table] == "" {
		return int(n), false, err
	}
	left, err = one(ctx, s.db, s.q.left[table], nil)
	return int(n), left, err
}
