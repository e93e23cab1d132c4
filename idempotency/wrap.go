package idempotency

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/dedupe"
)

// Wrap returns h, called once for each event: an answer of 2xx completes the event, any other gives it back, and so
// does a panic. It is for a handler of net/http that exists already; [Middleware.Handle] is better where the code is
// new. It never answers before h has returned, whatever Config.AnswerWithin says.
//
// Wrap believes the status that h writes to the ResponseWriter it was given. A framework that writes its errors after
// its middleware has returned (echo), or that does not write to that writer, would have its failed events completed:
// use [Middleware.Do] there. The answer is held back until the event is settled, up to 64 KiB of it and unless h
// flushes, so that [Claim.Fail] can still change it. A redirect is answered 503 instead, as Truv takes one for
// accepted; other answers of h are passed on as they are, a 4xx too, which for Truval ends the matter. Wrap panics if h
// is nil.
func (m *Middleware) Wrap(h http.Handler) http.Handler {
	if h == nil {
		panic("idempotency: Wrap: the handler is nil")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, _ := truhook.FromContext(r.Context())
		if m == nil {
			m.Do(r.Context(), v, nil).Respond(w)
			return
		}
		buffered, own := newBufferedWriter(w), false // own: the handler's answer stands
		res := m.do(r.Context(), v, dedupe.Call{Inline: true}, func(ctx context.Context) error {
			h.ServeHTTP(buffered, r.WithContext(ctx))
			status := buffered.statusCode()
			own = !failed(ctx) && (status < 300 || status > 399)
			if status < 200 || status > 299 {
				return fmt.Errorf("%w %d", errStatus, status)
			}
			return nil
		})
		switch {
		case buffered.passed: // too late for anything else
		case own:
			buffered.pass()
		default:
			res.Respond(w)
		}
	})
}

var errStatus = errors.New("idempotency: the handler answered")
