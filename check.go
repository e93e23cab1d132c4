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

// A Check is an extra layer in front of a [Verifier]: nil lets the delivery pass, an error refuses it. It is
// deliberately not a Verifier, as what it looks at proves nothing about the body; [Require] puts it before one that
// does. An error without a listed Reason counts as [Internal]; return CheckFailed, or an [Error] with it, to refuse.
// A Check must be safe for concurrent use and must not change d.
type Check func(ctx context.Context, d *Delivery) error

// HeaderEquals returns a [Check] that the header name comes in exactly one line and has exactly this value. The
// comparison takes constant time and hides the length. A missing or other value is [CheckFailed], a second line
// [DuplicateHeader]. HeaderEquals panics if value is empty, as an unset environment variable is, or if name is not the
// name of a header; net/http keeps Host apart, so that name panics too. So does a value that no header can have, such as
// one with the newline that a secret's file ended in.
func HeaderEquals(name, value string) Check {
	canonical := http.CanonicalHeaderKey(name)
	if name == "" || strings.Trim(name, tokenCharacters) != "" || canonical == "Host" {
		panic(fmt.Sprintf("truhook: HeaderEquals: %q is not the name of a header in a Delivery", name))
	}
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) || value != strings.Trim(value, " ") {
		// Not told apart, as the value is a secret. net/http trims what arrives, so this one could never match.
		panic(fmt.Sprintf("truhook: HeaderEquals: the value for %q has a control character, or a blank at an end", canonical))
	}
	want := secretDigest("HeaderEquals", canonical, value)
	return func(_ context.Context, d *Delivery) error {
		lines := d.Header[canonical]
		switch {
		case len(lines) > 1:
			return &Error{Reason: DuplicateHeader, Err: fmt.Errorf("header %s", canonical)}
		case len(lines) == 1 && want.equals(lines[0]):
			return nil
		}
		return &Error{Reason: CheckFailed, Err: fmt.Errorf("header %s", canonical)}
	}
}

// tokenCharacters make up the name of a header (RFC 9110, section 5.6.2).
const tokenCharacters = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// QueryEquals returns a [Check] that the query of the request URI has the parameter name exactly once and with exactly
// this value, such as the hard-to-guess token that Truval recommends ("Webhooks", section "IP allow-listing"). The
// comparison takes constant time and hides the length. Anything else is [CheckFailed]. QueryEquals panics if name or
// value is empty. Mind that access logs usually hold the query.
func QueryEquals(name, value string) Check {
	if name == "" {
		panic("truhook: QueryEquals: the name is empty")
	}
	want := secretDigest("QueryEquals", name, value)
	return func(_ context.Context, d *Delivery) error {
		_, query, _ := strings.Cut(d.RequestURI, "?")
		values, err := url.ParseQuery(query)
		if err != nil {
			return &Error{Reason: CheckFailed, Err: errors.New("the query cannot be read")}
		}
		if got := values[name]; len(got) != 1 || !want.equals(got[0]) {
			return &Error{Reason: CheckFailed, Err: fmt.Errorf("query parameter %q", name)}
		}
		return nil
	}
}

// digest stands for a value that is compared without telling its length.
type digest [sha256.Size]byte

func secretDigest(caller, name, value string) digest {
	if value == "" {
		panic(fmt.Sprintf("truhook: %s: the value for %q is empty", caller, name))
	}
	return sha256.Sum256([]byte(value))
}

func (d digest) equals(value string) bool {
	got := sha256.Sum256([]byte(value))
	return subtle.ConstantTimeCompare(d[:], got[:]) == 1
}

// RemoteAddrIn returns a [Check] that the direct peer's address lies in one of the allowed prefixes, for a service
// that its senders reach without a proxy in between. An IPv4-mapped IPv6 address counts as the IPv4 address that it
// is, on both sides. An address with a zone, a Unix socket, and what is not an address are [SourceNotAllowed], like
// every other address. RemoteAddrIn panics if there is no prefix or an invalid one.
func RemoteAddrIn(allowed ...netip.Prefix) Check {
	prefixes := normalize("RemoteAddrIn", allowed)
	return func(_ context.Context, d *Delivery) error {
		peer, err := netip.ParseAddrPort(d.RemoteAddr)
		if err != nil || !prefixes.contain(peer.Addr()) {
			return &Error{Reason: SourceNotAllowed, Err: errDirectPeer}
		}
		return nil
	}
}

// errDirectPeer tells the audit that a check looked at the connection and not at a proxy's header.
var errDirectPeer = errors.New("direct peer")

type prefixes []netip.Prefix

func normalize(caller string, given []netip.Prefix) prefixes {
	if len(given) == 0 {
		panic(fmt.Sprintf("truhook: %s: no prefix is given", caller))
	}
	out := make(prefixes, 0, len(given))
	for _, p := range given {
		if !p.IsValid() {
			panic(fmt.Sprintf("truhook: %s: %v is not a prefix", caller, p))
		}
		if addr := p.Addr(); addr.Is4In6() {
			if p.Bits() < 96 {
				panic(fmt.Sprintf("truhook: %s: %v mixes IPv4-mapped and other addresses", caller, p))
			}
			p = netip.PrefixFrom(addr.Unmap(), p.Bits()-96)
		}
		out = append(out, p.Masked())
	}
	return out
}

func (ps prefixes) contain(addr netip.Addr) bool {
	if addr.Zone() != "" {
		return false
	}
	addr = addr.Unmap()
	for _, p := range ps {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}
