package truhooktest

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// logs delivers what is likely to be logged, and looks for it in the log.
func (s *suite) logs() {
	failing := s.event("log-failing")
	s.plan(plan{fail: true})
	malformed := s.event("log-malformed")
	malformed.Body = malformed.Body[:len(malformed.Body)*2/3]
	valid := s.event("log-valid")

	events := []Event{failing, malformed, valid}
	for _, e := range events {
		s.deliver(e)
	}
	for _, f := range []Fault{0, Unsigned, MalformedSignature, WrongKey, TamperedBody} {
		s.provider.attempt(s.ctx, valid, 1, f)
	}
	s.settle()

	text := s.log.String()
	for _, value := range s.Sensitive {
		if !contains(string(valid.Body), value) {
			s.fail("sensitive-value-not-in-event", "a value of Receiver.Sensitive does not stand in the payload")
		} else if contains(text, value) {
			s.fail("sensitive-value-in-log", "a value of Receiver.Sensitive is in the log")
		}
	}
	for _, e := range events {
		if leaks(text, e.Body) {
			s.fail("payload-in-log", fmt.Sprintf("the payload of the event %q, or %d bytes of it on end, is in the log", e.ID, window))
		}
	}
	for _, value := range s.signed {
		for _, word := range strings.FieldsFunc(value, separates) {
			if len(word) >= 32 && contains(text, word) {
				s.fail("signature-in-log", "a signature or a token is in the log")
			}
		}
	}
}

// separates reports whether r stands between a signature and what comes with it.
func separates(r rune) bool { return r == ' ' || r == ',' || r == '=' }

// window is how many bytes of a payload on end are too many for a log: an id in its usual forms is shorter.
const window = 40

// contains looks for value as it stands and as a quoting log writes it.
func contains(text, value string) bool {
	return strings.Contains(text, value) || strings.Contains(unquoted(text), unquoted(value))
}

func unquoted(s string) string { return strings.ReplaceAll(s, `\`, "") }

// leaks reports whether a part of body is in text: plain, quoted, in hex, in base64, or as the numbers that fmt prints.
func leaks(text string, body []byte) bool {
	plain := unquoted(text)
	part := unquoted(string(body))
	if size := min(window, len(part)); size > 0 {
		parts := map[string]bool{}
		for i := size; i <= len(part); i++ {
			parts[part[i-size:i]] = true
		}
		for i := size; i <= len(plain); i++ {
			if parts[plain[i-size:i]] {
				return true
			}
		}
	}
	start := body[:min(len(body), window*3/4)] // a multiple of 3, so that base64 has no padding
	numbers := strings.Trim(fmt.Sprint(start), "[]")
	for _, form := range []string{hex.EncodeToString(start), base64.StdEncoding.EncodeToString(start), numbers} {
		if form != "" && strings.Contains(strings.ToLower(text), strings.ToLower(form)) {
			return true
		}
	}
	return false
}
