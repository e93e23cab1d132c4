package folder

import (
	"errors"
	"time"
)

// State is what the last look came to. It is never changed.
type State[T any] struct {
	Entries []T       // in the order of their names; the same slice until one of them changes
	Problem error     // what is wrong with the files; the entries are good all the same
	Since   time.Time // when a look first found a problem; zero: there is none
	Pending bool      // a file is there whose content is not in use yet, as it has not stood still

	at time.Time
}

// Doubt returns why there may be other entries than these, or nil. In doubt nobody can say that an entry does not
// exist.
func (s *State[T]) Doubt() error {
	if s.Problem == nil && s.Pending {
		return errPending
	}
	return s.Problem
}

var (
	errPending = errors.New("a file is there that has not stood still for a second")
	errSlow    = errors.New("looking at the files takes too long")
)
