package idempotency

import (
	"net/http"
	"strconv"
	"time"
)

// A Result is what became of a delivery and how to answer it. The zero Result is answered 500.
type Result struct {
	Outcome Outcome

	// Status is the HTTP status by which the provider understands the outcome: that of Config.Policy, where it
	// publishes one, else 200 or 503; or 500. For the providers of this module it is never a 3xx or a 4xx.
	Status int

	// RetryAfter is when to come again: at least a second with each response that asks for the event again, otherwise
	// zero. No provider of this module promises to honour it.
	RetryAfter time.Duration
}

// comeAgain is the shortest Retry-After.
const comeAgain = time.Second

// Respond answers w: Retry-After in whole seconds if there is one, the status, and its text where it is no success.
func (r Result) Respond(w http.ResponseWriter) {
	if r.Status < 200 || r.Status > 599 {
		r.Status = http.StatusInternalServerError
	}
	if r.RetryAfter > 0 {
		seconds := int64(r.RetryAfter / time.Second)
		if r.RetryAfter%time.Second > 0 {
			seconds++
		}
		w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
	}
	if r.Status < 300 {
		w.WriteHeader(r.Status)
		return
	}
	http.Error(w, http.StatusText(r.Status), r.Status)
}

// result answers an event that somebody has with success, and asks for any other again.
func (m *Middleware) result(o Outcome, done bool, after time.Duration) Result {
	switch {
	case done:
		return Result{Outcome: o, Status: m.delivered}
	case o == NotVerified || o == BadKey:
		return Result{Outcome: o, Status: http.StatusInternalServerError}
	}
	return Result{Outcome: o, Status: m.retried, RetryAfter: max(after, comeAgain)}
}
