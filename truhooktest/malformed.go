package truhooktest

import (
	"fmt"
	"net/http"

	"github.com/truhook/truhook/retry"
)

// The scenarios of this file send half a payload.

func (s *suite) malformedBody() {
	e := s.event("malformed")
	e.Body = e.Body[:len(e.Body)/2]
	cut := s.deliver(e)
	if cut[0].Status == retry.NoAnswer {
		s.fail("malformed-body-not-answered", "a genuine delivery of half a payload got no answer, as of a panic: "+story(cut))
	}
	if s.called() > 0 {
		s.fail("malformed-body-processed", "half a payload had an effect: "+story(cut))
	}
	e = s.event("after-malformed")
	s.once(e.ID, s.deliver(e), "no-idempotency-record")
}

// parsedBeforeVerify compares the answers to two deliveries without a signature, of which one is no payload. A receiver
// that verifies first cannot tell them apart.
func (s *suite) parsedBeforeVerify() {
	whole := s.provider.attempt(s.ctx, s.event("unsigned"), 1, Unsigned)[0]
	e := s.event("unsigned-half")
	e.Body = e.Body[:len(e.Body)/2]
	half := s.provider.attempt(s.ctx, e, 1, Unsigned)[0]
	if half.Status != whole.Status {
		s.fail("parsed-before-verify", fmt.Sprintf("without a signature, a payload is answered %s and half of one %s",
			status(whole), status(half)))
	}
}

func status(a Attempt) string {
	if a.Status == retry.NoAnswer {
		return "not at all"
	}
	return fmt.Sprintf("%d %s", a.Status, http.StatusText(a.Status))
}
