package truhook

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

const maxCauseBytes = 256 // of a text in a log line

// cause returns what the line of a refusal says of err, where the fault is on this side: the text beneath the [Error],
// which this library or the source of the keys wrote, or only the type of an error that names no Reason, as nobody
// knows what its text holds.
func cause(err error, reason Reason) (text, kind string) {
	defer func() {
		if recover() != nil { // the Error method of a type that is not ours
			text, kind = "", ""
		}
	}()
	switch reason {
	case NoKey, KeysUnavailable, KeysStale, UnknownDecryptionKey, Internal:
	default:
		return "", ""
	}
	e := withReason(err, reason)
	switch {
	case e == nil && reason == Internal:
		return "", fmt.Sprintf("%T", innermost(err))
	case e == nil || e.Err == nil:
		return "", ""
	}
	return printable(e.Err), ""
}

// withReason returns the Error in the tree of err that gives the reason, without those around it that repeat it.
func withReason(err error, reason Reason) *Error {
	for err != nil {
		switch e := err.(type) { //nolint:errorlint // the walk goes through the whole tree
		case *Error:
			if e == nil || e.Reason != reason {
				return nil
			}
			for inner, ok := e.Err.(*Error); ok && inner != nil && inner.Reason == reason; inner, ok = e.Err.(*Error) { //nolint:errorlint // the next one only
				e = inner
			}
			return e
		case interface{ Unwrap() []error }:
			for _, branch := range e.Unwrap() {
				if found := withReason(branch, reason); found != nil {
					return found
				}
			}
			return nil
		}
		err = errors.Unwrap(err)
	}
	return nil
}

func innermost(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err
}

// printable returns the text of err in one short line. That of a failed request holds the whole URL, in which there can
// be a token: only what happened to the request is left of it.
func printable(err error) string {
	var request *url.Error
	if errors.As(err, &request) && request.Err != nil {
		err = fmt.Errorf("a request failed: %w", request.Err)
	}
	text := strings.ToValidUTF8(err.Error(), "?")
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	if len(text) > maxCauseBytes {
		text = strings.ToValidUTF8(text[:maxCauseBytes], "") + "…"
	}
	return text
}
