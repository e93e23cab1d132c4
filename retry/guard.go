package retry

import (
	"errors"
	"net/http"
)

// Guard turns a function that returns an error into an http.Handler that answers as the provider of p understands it:
//
//   - nil is answered 200: delivered.
//   - an error is answered with the status that makes this provider come again, which is 503.
//   - [Permanent] of an error is handed to dead, which stores the delivery somewhere a person looks, and then answered
//     200: the provider's further attempts could change nothing, and some providers switch off an endpoint that keeps
//     failing. If dead returns an error the event is nowhere yet, so it is asked for again.
//   - a panic passes through, of fn and of dead: net/http then closes the connection, and the provider sees an attempt
//     without an answer.
//
// Guard itself reads nothing of the request, writes no body and never answers 3xx or 4xx to a provider that loses
// events by it. It does not dedupe: where one event must have one effect, package idempotency has the form for it. The
// error is for your own use; Guard neither logs it nor shows it to the sender.
//
// It panics if fn or dead is nil, or p is not valid. The handler is safe for concurrent use if fn and dead are.
func Guard(p Policy, fn func(r *http.Request) error, dead func(r *http.Request, err error) error) http.Handler {
	if fn == nil || dead == nil {
		panic("retry: Guard: a function is nil")
	}
	if err := p.Validate(); err != nil {
		panic(err.Error())
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := fn(r)
		if err != nil && IsPermanent(err) {
			err = dead(r, err)
		}
		if err != nil {
			p.Respond(w, Retried)
			return
		}
		p.Respond(w, Delivered)
	})
}

type permanent struct{ err error }

func (p *permanent) Error() string { return p.err.Error() }
func (p *permanent) Unwrap() error { return p.err }

// Permanent marks err as one that another delivery of the same event would only meet again, such as a payload for an
// account that is closed. Its text is that of err, and err stays in its chain. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanent{err}
}

// IsPermanent reports whether err, or an error that it wraps, was marked by [Permanent].
func IsPermanent(err error) bool {
	var p *permanent
	return errors.As(err, &p)
}
