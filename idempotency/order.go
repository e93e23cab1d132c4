package idempotency

import (
	"time"

	"github.com/truhook/truhook"
)

// A VersionFunc says where an event stands among those about the same thing: the resource, in words that no other
// family of events of this scope uses (for example "task-status:" and the task's id), and the provider's time of it.
//
// An empty resource, or a zero time, means that there is no order. It is called with verified bytes only. An error
// means that the provider sent what it does not document: the event is handled with [OrderUnknown] and reported as
// [VersionFailed].
type VersionFunc func(v *truhook.Verified) (resource string, at time.Time, err error)

// An Order says how an event stands to the newest one of the same resource for which a handler was started.
type Order uint8

const (
	// OrderUnknown: the event has no order, or it could not be found out.
	OrderUnknown Order = iota

	// Newer: no later one was seen, and this one is now the newest.
	Newer

	// Same: it is as new as the newest: another one of the same instant, or another attempt of the same event.
	Same

	// Older: a handler was started for a later one already.
	Older
)

// String returns "unknown", "newer", "same" or "older".
func (o Order) String() string {
	switch o {
	case Newer:
		return "newer"
	case Same:
		return "same"
	case Older:
		return "older"
	}
	return "unknown"
}
