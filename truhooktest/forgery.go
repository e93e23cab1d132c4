package truhooktest

import (
	"fmt"
	"net/http"

	"github.com/truhook/truhook/retry"
)

const forgeries = Unsigned | EmptySignature | MalformedSignature | TamperedSignature | WrongKey | TamperedBody |
	TamperedLayout | Stale

// forgery holds the receiver to refuse a delivery, and to let it have no influence on the genuine one of the same id.
func (s *suite) forgery(f Fault, reason string) {
	e := s.event("forged")
	first := s.provider.attempt(s.ctx, e, 1, f)
	s.settle()
	if first[0].Outcome == retry.Delivered || s.effects(e.ID) > 0 {
		s.fail(reason, fmt.Sprintf("%d effects: %s", s.effects(e.ID), story(first)))
		return
	}
	genuine := s.deliver(e)
	if s.effects(e.ID) == 0 {
		if !s.works() {
			return
		}
		s.fail("dedupe-before-verify",
			fmt.Sprintf("a refused delivery (%v) kept the genuine one of its id from having its effect: %s", f, story(genuine)))
		return
	}
	if s.unsafe[e.ID] && final(genuine).Outcome == retry.Delivered {
		return // that is another scenario's failure
	}
	s.once(e.ID, genuine, "no-idempotency-record")
	again := s.provider.attempt(s.ctx, e, 1, f)
	if again[0].Outcome == retry.Delivered {
		s.fail("dedupe-before-verify",
			fmt.Sprintf("a forgery (%v) of an event that is known was acknowledged: %s", f, story(again)))
	}
}

// tampered tries other characters than the one in the middle, too: a receiver may compare a part of the signature only.
func (s *suite) tampered() {
	s.forgery(TamperedSignature, "tampered-signature-accepted")
	for _, where := range []place{atBegin, nearEnd} {
		if s.failed() {
			return
		}
		e := s.event(fmt.Sprintf("tampered-%d", where))
		e.where = where
		attempts := s.provider.attempt(s.ctx, e, 1, TamperedSignature)
		s.settle()
		if attempts[0].Outcome == retry.Delivered || s.effects(e.ID) > 0 {
			s.fail("tampered-signature-accepted", fmt.Sprintf("a part of the signature is not compared; %d effects: %s",
				s.effects(e.ID), story(attempts)))
		}
	}
}

// unsigned tries other requests than the usual one, too: a receiver may verify some kinds of them only.
func (s *suite) unsigned() {
	s.forgery(Unsigned, "unsigned-accepted")
	if s.failed() {
		return
	}
	for id, e := range map[string]Event{
		"unsigned-text": {Header: http.Header{"Content-Type": {"text/plain"}}},
		"unsigned-form": {Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}},
		"unsigned-put":  {method: http.MethodPut},
		"unsigned-get":  {method: http.MethodGet},
	} {
		e.ID, e.Body = id, s.Event(id, 1)
		attempts := s.provider.attempt(s.ctx, e, 1, Unsigned)
		s.settle()
		// That another method is answered 200 need not mean anything: so are questions whether the receiver is there.
		if s.effects(id) > 0 || e.method == "" && attempts[0].Outcome == retry.Delivered {
			s.fail("unsigned-accepted", fmt.Sprintf("without a signature, %d effects: %s", s.effects(id), story(attempts)))
		}
	}
}

func (s *suite) stale() {
	if s.MaxAge > 0 {
		s.forgery(Stale, "stale-accepted")
		return
	}
	now, err := s.provider.sign(s.event("stale"), 0)
	if err != nil {
		s.fail("sign-failed", err.Error())
		return
	}
	earlier, err := s.provider.sign(s.event("stale"), Stale)
	if err == nil && fmt.Sprint(now.header) != fmt.Sprint(earlier.header) {
		s.fail("max-age-missing", "the signature depends on the time, and Receiver.MaxAge is zero")
	}
}
