package dedupe

import (
	"context"
	"errors"
	"time"
)

// A Key names an event or a resource; it converts to idempotency.Key, which this package cannot import.
type Key struct{ Scope, ID string }

// An Item is one event at the door of the engine, idempotency.Middleware.Run.
type Item struct {
	// Key is the event's. Zero: the function runs without a claim.
	Key Key

	// Fingerprint tells deliveries of one key apart. Zero: not compared.
	Fingerprint [16]byte

	// Resource is what the event is about. Zero: the event has no order.
	Resource Key

	// Version is the provider's time of the event. Zero: unknown.
	Version time.Time

	// Judged is the instant at which Version is too old, or from the future. Zero: now.
	Judged time.Time

	// Accepted events are never too old: whoever accepted them has judged that.
	Accepted bool
}

// A Call says how the function of one event is run. The zero Call waits for the function until its time is over.
type Call struct {
	// AnswersEarly lets the call return after Config.AnswerWithin although the function still runs.
	AnswersEarly bool

	// Inline runs the function in the caller's goroutine, so that the call never returns before it has.
	Inline bool

	// Unclaimed runs the function without a claim, though the event has a key.
	Unclaimed bool

	// EnqueuesOld runs the function of an event that is too old, and reports it: it goes into a queue.
	EnqueuesOld bool

	// SkipStale completes an event that is older than another one of its resource, without calling the function.
	SkipStale bool

	// ReturnsExit makes runtime.Goexit of the function an error of the call. Otherwise the caller's goroutine ends too.
	ReturnsExit bool

	// Until ends the function's context when it ends. Nil: nothing does.
	Until context.Context

	// DeadLetter takes an event whose function failed for good, or that is too old. Nil: such an event is not
	// completed.
	DeadLetter func(ctx context.Context, err error) error

	// KeepsDead says that the caller keeps what failed for good, as a queue does: the event is given back, so that it
	// can be replayed from there, and reported as dead-lettered.
	KeepsDead bool
}

// ErrDuplicate is what a function returns that found the event handled already: it is completed as a duplicate.
var ErrDuplicate = errors.New("the event was there before")

// Plausible reports whether a provider can mean the time of an event by t, judged at now. The zero time, Unix zero and
// everything else before 2015 are how a missing time reads; what is beyond the year 9999 is a unit misread, and JSON
// cannot hold it. A clock that stands before 2015 itself, as that of testing/synctest does, excludes the times before
// 1971 only.
func Plausible(t, now time.Time) bool {
	first := 2015
	if now.UTC().Year() < first {
		first = 1971
	}
	year := t.UTC().Year()
	return year >= first && year <= 9999
}
