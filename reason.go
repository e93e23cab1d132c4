package truhook

import (
	"errors"
	"net/http"
	"strings"
)

// A Reason says why a delivery was refused. It is an error, a log field and a metric label at once, so it is one of a
// closed list, holds no text from the wire, and reads lower-case-with-dashes.
//
// Test for one with errors.Is(err, truhook.SignatureMismatch), or switch on [ReasonOf]. The zero Reason is no reason.
type Reason string

// The sender could not show that it is who it claims to be: 401.
const (
	MissingSignature   Reason = "missing-signature"    // the signature header is absent or empty
	MalformedSignature Reason = "malformed-signature"  // the signature header is not of the documented form
	DuplicateHeader    Reason = "duplicate-header"     // a header that must come once came several times
	HeaderTooLong      Reason = "header-too-long"      // a header that would have to be decoded is over its limit
	SignatureMismatch  Reason = "signature-mismatch"   // well formed, but not the signature of these bytes under any key
	UnknownKey         Reason = "unknown-key"          // the sender names a key that does not exist
	KeyExpired         Reason = "key-expired"          // it fits a key whose validity is over
	KeyNotYetValid     Reason = "key-not-yet-valid"    // it fits a key whose validity has not begun
	MissingTimestamp   Reason = "missing-timestamp"    // the scheme signs a timestamp and there is none
	MalformedTimestamp Reason = "malformed-timestamp"  // the timestamp is not of the documented format
	MissingMessageID   Reason = "missing-message-id"   // the scheme signs a message id and there is none
	MalformedMessageID Reason = "malformed-message-id" // the message id would make the signed text ambiguous

	MissingToken        Reason = "missing-token"         // no token came
	MalformedToken      Reason = "malformed-token"       // the token cannot be read, or uses what this library refuses
	AlgorithmNotAllowed Reason = "algorithm-not-allowed" // the token names an algorithm outside the allow-list
	MissingKeyID        Reason = "missing-key-id"        // the token, or the encrypted body, names no key
	Expired             Reason = "expired"               // the token or the signed timestamp is too old
	NotYetValid         Reason = "not-yet-valid"         // the token or the signed timestamp lies in the future
	MissingClaim        Reason = "missing-claim"         // a required claim is absent
	MalformedClaim      Reason = "malformed-claim"       // a claim has the wrong type or an impossible value
	MissingRequestClaim Reason = "missing-request-claim" // the token is not bound to a request
	MissingBodyHash     Reason = "missing-body-hash"     // the token is not bound to the body
	BodyHashMismatch    Reason = "body-hash-mismatch"    // the token is bound to another body
	WrongIssuer         Reason = "wrong-issuer"          // the token was issued by somebody else
	WrongAudience       Reason = "wrong-audience"        // the token is meant for somebody else
	WrongSubject        Reason = "wrong-subject"         // the token is about somebody else
	WrongMethod         Reason = "wrong-method"          // the token is bound to another method
	WrongPath           Reason = "wrong-path"            // the token is bound to another path
	DecryptFailed       Reason = "decrypt-failed"        // the content could not be decrypted; nothing says why
	MalformedPayload    Reason = "malformed-payload"     // genuine, but not of the documented form

	Refused Reason = "refused" // for verifiers of your own
)

// The sender is not one that is let in: 403.
const (
	NoClientCertificate    Reason = "no-client-certificate"     // no client certificate was presented
	MalformedCertificate   Reason = "malformed-certificate"     // what was presented is not a certificate
	UntrustedCertificate   Reason = "untrusted-certificate"     // no chain leads to a trusted root
	CertificateExpired     Reason = "certificate-expired"       // the validity of the certificate, or of its chain, is over
	CertificateNotYetValid Reason = "certificate-not-yet-valid" // the validity has not begun
	WrongCertificateUsage  Reason = "wrong-certificate-usage"   // the certificate is not for client authentication
	ChainTooLong           Reason = "chain-too-long"            // more certificates up to the root than allowed
	WrongSubjectName       Reason = "wrong-subject-name"        // a good certificate of somebody else
	UntrustedProxy         Reason = "untrusted-proxy"           // a proxy's header from a peer that is no trusted proxy
	SourceNotAllowed       Reason = "source-not-allowed"        // the source address is not on the list
	CheckFailed            Reason = "check-failed"              // an extra layer said no
)

// BodyTooLarge: the body is over Config.MaxBodyBytes: 413.
const BodyTooLarge Reason = "body-too-large"

// The delivery could not be judged now, and the sender should come again: 503. None of these is the sender's fault, and
// for some providers every 4xx is final.
const (
	BodyIncomplete       Reason = "body-incomplete"        // fewer bytes came than were announced
	BodyTimedOut         Reason = "body-timed-out"         // the body did not arrive within Config.BodyTimeout
	Overloaded           Reason = "overloaded"             // Config.MaxBufferedBytes bytes are already held
	Canceled             Reason = "canceled"               // the context ended before there was a verdict
	NoKey                Reason = "no-key"                 // there is no key to verify with
	KeysUnavailable      Reason = "keys-unavailable"       // the source of the keys failed, and no usable key is there
	KeysStale            Reason = "keys-stale"             // no key at hand fits, and their source cannot tell now
	UnknownDecryptionKey Reason = "unknown-decryption-key" // genuine, but encrypted to a private key that is not here
)

// Something is wrong in this service: 500.
const (
	NotVerified  Reason = "not-verified"  // a handler ran without the middleware in front of it
	BodyReplaced Reason = "body-replaced" // something in front changed the body, and what it left is refused
	Internal     Reason = "internal"      // a panic, an error without a listed Reason, a verifier without a verdict
)

// status lists every Reason there is; what is not in it counts as Internal.
func (r Reason) status() (code int, listed bool) {
	switch r {
	case MissingSignature, MalformedSignature, DuplicateHeader, HeaderTooLong, SignatureMismatch, UnknownKey,
		KeyExpired, KeyNotYetValid, MissingTimestamp, MalformedTimestamp, MissingMessageID, MalformedMessageID,
		MissingToken, MalformedToken, AlgorithmNotAllowed, MissingKeyID, Expired, NotYetValid, MissingClaim,
		MalformedClaim, MissingRequestClaim, MissingBodyHash, BodyHashMismatch, WrongIssuer, WrongAudience,
		WrongSubject, WrongMethod, WrongPath, DecryptFailed, MalformedPayload, Refused:
		return http.StatusUnauthorized, true
	case NoClientCertificate, MalformedCertificate, UntrustedCertificate, CertificateExpired, CertificateNotYetValid,
		WrongCertificateUsage, ChainTooLong, WrongSubjectName, UntrustedProxy, SourceNotAllowed, CheckFailed:
		return http.StatusForbidden, true
	case BodyTooLarge:
		return http.StatusRequestEntityTooLarge, true
	case BodyIncomplete, BodyTimedOut, Overloaded, Canceled, NoKey, KeysUnavailable, KeysStale,
		UnknownDecryptionKey:
		return http.StatusServiceUnavailable, true
	case NotVerified, BodyReplaced, Internal:
		return http.StatusInternalServerError, true
	}
	return http.StatusInternalServerError, false
}

// Error returns the reason as it stands in logs and metrics.
func (r Reason) Error() string { return string(r) }

// Status returns the HTTP status that answers r: 401, 403, 413, 500 or 503. A reason that is not listed here is
// answered 500, never as if the sender were to blame.
func (r Reason) Status() int {
	code, _ := r.status()
	return code
}

// Error is a refusal: which scheme refused, why, and what lies beneath. Neither its text nor its chain holds a secret,
// an expected signature, a token or a body; what verifiers of your own put into Err is theirs to keep clean. Where the
// Reason says that this side fails, the log line of the refusal has the text of Err (Config.Logger).
type Error struct {
	Scheme string // who refused, for example "truv"; may be empty
	Reason Reason
	Err    error // what lies beneath; may be nil

	// KeyIDs are the labels of the keys that were tried, at most 16, for logs. They are never key material. The slice
	// is read-only and may be nil.
	KeyIDs []string
}

// Error returns "scheme: reason: cause", less what is absent.
func (e *Error) Error() string {
	if e == nil { // a nil *Error that became an error is a mistake, and must not become a panic or a pass
		return string(Internal)
	}
	s := string(e.Reason)
	if e.Scheme != "" {
		s = e.Scheme + ": " + s
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Is reports whether target is the Reason of e.
func (e *Error) Is(target error) bool {
	r, ok := target.(Reason)
	return ok && e != nil && r == e.Reason
}

// Unwrap returns Err.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.Err
}

// ReasonOf returns why err refused a delivery: a constant of this package and nothing else. It is the Reason of the
// outermost [Error] or Reason in the chain of err; of an error of [AnyOf], the first that is not the sender's fault
// (5xx), else the first. An error that carries no listed Reason is [Internal]; a nil err has the empty Reason.
func ReasonOf(err error) Reason {
	r, _ := refusal(err)
	return r
}

// refusal returns why err refused, and the scheme of the Error that says so.
func refusal(err error) (r Reason, scheme string) {
	if err == nil {
		return "", ""
	}
	r, scheme, _ = find(err)
	if _, listed := r.status(); !listed {
		r = Internal
	}
	return r, scheme
}

func find(err error) (r Reason, scheme string, found bool) {
	for err != nil {
		switch e := err.(type) { //nolint:errorlint // this is the walk that errors.As would do, in one pass
		case Reason:
			return e, "", true
		case *Error:
			if e == nil {
				return "", "", false
			}
			return e.Reason, e.Scheme, true
		case *anyError:
			r, scheme = e.refusal()
			return r, scheme, true
		case interface{ Unwrap() []error }:
			for _, branch := range e.Unwrap() {
				if r, scheme, found = find(branch); found {
					return r, scheme, true
				}
			}
			return "", "", false
		}
		err = errors.Unwrap(err)
	}
	return "", "", false
}

// anyError is what AnyOf returns. It joins by "; ", as the newlines of errors.Join would break log lines.
type anyError struct{ refusals []error }

func (e *anyError) Unwrap() []error { return e.refusals }

func (e *anyError) Error() string {
	texts := make([]string, len(e.refusals))
	for i, err := range e.refusals {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

// refusal is the first one that is not the sender's fault, else the first.
func (e *anyError) refusal() (Reason, string) {
	for _, err := range e.refusals {
		if r, scheme := refusal(err); isOurs(r) {
			return r, scheme
		}
	}
	return refusal(e.refusals[0])
}

// isOurs reports whether r is not the sender's fault.
func isOurs(r Reason) bool { return r.Status() >= http.StatusInternalServerError }
