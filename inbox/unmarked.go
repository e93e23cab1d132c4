package inbox

import (
	"errors"
	"reflect"

	"github.com/truhook/truhook/retry"
)

// An unmarked error is one whose mark of retry.Permanent does not count: nobody has taken the event, so it has to come
// again. All else in it is found as before.
type unmarked struct{ err error }

// unmark returns err, or one that retry.IsPermanent does not recognise.
func unmark(err error) error {
	if !retry.IsPermanent(err) {
		return err
	}
	return &unmarked{err}
}

func (u *unmarked) Error() string { return u.err.Error() }

// Is stands in for Unwrap, which would show the mark.
func (u *unmarked) Is(target error) bool { return errors.Is(u.err, target) }

var mark = reflect.TypeOf(retry.Permanent(errors.ErrUnsupported))

// As stands in for Unwrap, which would show the mark.
func (u *unmarked) As(target any) bool {
	return reflect.TypeOf(target).Elem() != mark && errors.As(u.err, target)
}
