package truhook

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// A Check is an extra layer beside a [Verifier]: it lets a delivery pass or refuses it. It is not a Verifier, as what
// it looks at proves nothing about the body; [Require] combines it with one that does.
//
// A Check is made by [HeadCheck] or [NewCheck]. The zero Check refuses everything with [NoKey], and Require panics on
// it. A Check is safe for concurrent use.
type Check struct {
	name string
	head func(d *Delivery) error                      // nil: full is set
	full func(ctx context.Context, d *Delivery) error // nil: head is set

	unfilled bool           // the value that is compared with is a placeholder, for the audit
	headOnly bool           // head is one of this package and is known not to look at the body
	allowed  []netip.Prefix // where this is a list of addresses: which, for the audit
	trusted  []netip.Prefix // the proxies whose header it believes
}

// HeadCheck returns a [Check] that looks at the head of a delivery only. f returns nil to let d pass and an error to
// refuse it. An error without a listed Reason counts as [Internal]; return CheckFailed, or an [Error] with it.
//
// f runs before the body is read and again in Verify. It sees no body both times, so it cannot decide differently. f
// must not wait, must not change or keep d, and must be safe for concurrent use. name stands in the error, in the
// log line and in audits. HeadCheck panics if name is empty or f is nil.
func HeadCheck(name string, f func(d *Delivery) error) Check {
	if name == "" || f == nil {
		panic(fmt.Sprintf("truhook: HeadCheck: the check %q has no name or no function", name))
	}
	return Check{name: name, head: f}
}

// NewCheck returns a [Check] that runs in Verify only, after the head checks and the Precheck, and sees the whole
// delivery. It may wait as long as ctx lasts. Otherwise the rules of [HeadCheck] hold for f. NewCheck panics if name is
// empty or f is nil.
func NewCheck(name string, f func(ctx context.Context, d *Delivery) error) Check {
	if name == "" || f == nil {
		panic(fmt.Sprintf("truhook: NewCheck: the check %q has no name or no function", name))
	}
	return Check{name: name, full: f}
}

// String returns the name of c.
func (c Check) String() string { return c.name }

// Run asks c about d: nil lets it pass, an error refuses it. It serves verifiers that build on a Check, and tests.
func (c Check) Run(ctx context.Context, d *Delivery) error {
	switch {
	case d == nil:
		return &Error{Reason: Internal, Err: errNoDelivery}
	case c.head != nil:
		return c.head(bodiless(d))
	case c.full != nil:
		return c.full(ctx, d)
	}
	return &Error{Reason: NoKey, Err: errors.New("the zero Check")}
}

// checkError is the refusal of a check, with its name.
type checkError struct {
	name string
	err  error
}

func (e *checkError) Error() string {
	text := e.err.Error()
	if strings.HasPrefix(text, e.name+": ") { // as that of a check which is a scheme too
		return text
	}
	return e.name + ": " + text
}
func (e *checkError) Unwrap() error { return e.err }

func (c Check) isZero() bool { return c.head == nil && c.full == nil }

// bodiless returns d, or a copy of it without its body.
func bodiless(d *Delivery) *Delivery {
	if d.Body == nil {
		return d
	}
	head := *d
	head.Body = nil
	return &head
}

// HeaderEquals returns a [HeadCheck] that the header name comes in exactly one line and has exactly this value. The
// comparison takes constant time and hides the length. A missing or other value is [CheckFailed], a second line
// [DuplicateHeader]. HeaderEquals panics if value is empty, as an unset environment variable is, or if name is not the
// name of a header; net/http keeps Host apart, so that name panics too. So does a value that no header can have, such
// as one with the newline that a secret's file ended in.
func HeaderEquals(name, value string) Check {
	canonical := http.CanonicalHeaderKey(name)
	if name == "" || strings.Trim(name, tokenCharacters) != "" || canonical == "Host" {
		panic(fmt.Sprintf("truhook: HeaderEquals: %q is not the name of a header in a Delivery", name))
	}
	control := strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f })
	if control || value != strings.Trim(value, " ") {
		// Not told apart, as the value is a secret. net/http trims what arrives, so this one could never match.
		panic(fmt.Sprintf("truhook: HeaderEquals: the value for %q has a control character or a blank at an end", canonical))
	}
	want := secretDigest("HeaderEquals", canonical, value)
	about := errors.New("header " + canonical)
	check := headOnly("HeaderEquals "+canonical, func(d *Delivery) error {
		lines := d.HeaderValues(canonical)
		switch {
		case len(lines) > 1:
			return &Error{Reason: DuplicateHeader, Err: about}
		case len(lines) == 1 && want.equals(lines[0]):
			return nil
		}
		return &Error{Reason: CheckFailed, Err: about}
	})
	check.unfilled = isUnfilled(value)
	return check
}

func headOnly(name string, f func(d *Delivery) error) Check {
	return Check{name: name, head: f, headOnly: true}
}

// tokenCharacters make up the name of a header (RFC 9110, section 5.6.2).
const tokenCharacters = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// QueryEquals returns a [HeadCheck] that the query of the request URI has the parameter name exactly once and with
// exactly this value, such as a token in the URL that is hard to guess. The comparison takes constant time and hides
// the length. Anything else is [CheckFailed]. QueryEquals panics if name or value is empty, and if value begins or ends
// with a line break or begins with a byte order mark, as a secret's file can make it. Access logs usually hold the
// query.
func QueryEquals(name, value string) Check {
	if name == "" {
		panic("truhook: QueryEquals: the name is empty")
	}
	want := secretDigest("QueryEquals", name, value)
	about := fmt.Errorf("query parameter %q", name)
	check := headOnly("QueryEquals "+name, func(d *Delivery) error {
		_, query, _ := strings.Cut(d.RequestURI, "?")
		value, count, err := queryValue(query, name)
		if err == nil && (count != 1 || !want.equals(value)) {
			err = about
		}
		if err != nil {
			return &Error{Reason: CheckFailed, Err: err}
		}
		return nil
	})
	check.unfilled = isUnfilled(value)
	return check
}

// isUnfilled reports whether a value is what stands in a template or a sample and nothing has replaced. Words that a
// header can well have, such as "test", are none: a check may compare with more than secrets.
func isUnfilled(value string) bool {
	for _, ends := range [][2]string{{"${", "}"}, {"$(", ")"}, {"{{", "}}"}, {"%", "%"}, {"<", ">"}, {"[", "]"}, {"__", "__"}} {
		if len(value) > 2 && strings.HasPrefix(value, ends[0]) && strings.HasSuffix(value, ends[1]) {
			return true
		}
	}
	if name, variable := strings.CutPrefix(value, "$"); variable && name != "" && strings.Trim(name, variableCharacters) == "" {
		return true
	}
	word := strings.ToLower(strings.NewReplacer("-", "", "_", "", " ", "").Replace(value))
	switch word {
	case "changeme", "changethis", "replaceme", "replacethis", "placeholder", "todo", "fixme", "undefined", "null", "yoursecret",
		"yoursecrethere", "yourtoken", "yourtokenhere", "yourwebhooksecret", "mysecret", "secrethere", "inserttokenhere":
		return true
	}
	return false
}

// variableCharacters make up the name of an environment variable.
const variableCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789"

var errQuery = errors.New("the query cannot be read")

// queryValue returns the last value of name, and how often it comes. It reads as url.ParseQuery does, without a map
// that a stranger can make large.
func queryValue(query, name string) (value string, count int, err error) {
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		if strings.Contains(pair, ";") {
			return "", 0, errQuery
		}
		key, text, _ := strings.Cut(pair, "=")
		key, keyErr := url.QueryUnescape(key)
		text, textErr := url.QueryUnescape(text)
		if keyErr != nil || textErr != nil {
			return "", 0, errQuery
		}
		if key == name {
			value = text
			count++
		}
	}
	return value, count, nil
}

// digest stands for a value that is compared without telling its length.
type digest [sha256.Size]byte

func secretDigest(caller, name, value string) digest {
	if value == "" {
		panic(fmt.Sprintf("truhook: %s: the value for %q is empty", caller, name))
	}
	if strings.Trim(value, "\r\n") != value || strings.HasPrefix(value, "\xef\xbb\xbf") { // of its file
		panic(fmt.Sprintf("truhook: %s: the value for %q has a line break at an end or a byte order mark", caller, name))
	}
	return sha256.Sum256([]byte(value))
}

func (d digest) equals(value string) bool {
	got := sha256.Sum256([]byte(value))
	return subtle.ConstantTimeCompare(d[:], got[:]) == 1
}
