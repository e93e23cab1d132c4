package sqlstore

import (
	"context"
	"errors"
)

// Prune deletes at most max rows whose time is over and returns how many it has. A row that is not deleted counts as
// forgotten all the same, so it only costs room: call Prune every hour or so, and again while it returns max. Several
// processes may call it at once. A max of less than 1 is an error; a thousand or so keeps each call short.
func (s *Store) Prune(ctx context.Context, max int) (deleted int, err error) {
	switch {
	case s == nil || s.db == nil:
		return 0, errZero
	case max < 1:
		return 0, errors.New("sqlstore: prune: max is less than 1")
	}
	for _, statement := range s.q.prune {
		if deleted >= max {
			break
		}
		n, err := s.exec(ctx, statement, max-deleted)
		if err != nil {
			return deleted, failed("prune", err)
		}
		deleted += int(n)
	}
	return deleted, nil
}
