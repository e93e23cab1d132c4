package truval

import (
	"errors"
	"net/url"
	"strconv"
	"strings"
)

// CheckCallbackURL returns an error if Truval would not call back to this URL, so that a bad one is found before it is
// sent with a verify request. The rules are those of the page "Webhooks", section "URL rules": https, a host name and
// no IP address, no user info, not localhost and not under .local. Redirects are not followed, so give the final URL.
//
// Whatever a client may read as an address is one here: IPv6 in brackets, and every spelling of IPv4 that the URL
// standard of WHATWG knows (decimal, octal, hexadecimal, fewer than four numbers, a trailing dot). A host name has to
// be in its ASCII form, as a name with other characters may map to an address or to localhost. Names under .localhost
// are rejected like localhost itself (RFC 6761, section 6.3). Letter case and a trailing dot change nothing.
//
// The full rules are on a page of Truval's that this was not written from, so nil is no promise that Truval takes the
// URL. Nothing is looked up: a name whose address is private passes. The error says what is wrong but does not repeat
// the URL, as its query may hold the token that Truval recommends.
func CheckCallbackURL(rawURL string) error {
	for i := range len(rawURL) {
		if c := rawURL[i]; c <= ' ' || c == 0x7f || c == '\\' {
			return errors.New("truval: the callback URL holds a blank, a control character or a backslash")
		}
	}
	u, err := url.Parse(rawURL)
	switch {
	case err != nil:
		return errors.New("truval: the callback URL cannot be parsed") // err repeats the URL
	case u.Scheme != "https":
		return errors.New("truval: the callback URL is not https")
	case u.User != nil:
		return errors.New("truval: the callback URL has user info")
	case u.Opaque != "" || u.Host == "":
		return errors.New("truval: the callback URL has no host")
	}
	if port := u.Port(); port != "" {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return errors.New("truval: the callback URL has an impossible port")
		}
	}
	return checkHost(u)
}

func checkHost(u *url.URL) error {
	if strings.ContainsAny(u.Host, "[]") {
		return errors.New("truval: the host of the callback URL is an IP address")
	}
	name := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if !isLabel(label) {
			return errors.New("truval: the host of the callback URL is not a host name in ASCII form")
		}
	}
	last := labels[len(labels)-1]
	switch {
	case len(name) > 253:
		return errors.New("truval: the host of the callback URL is longer than a host name can be")
	case isNumber(last):
		return errors.New("truval: the host of the callback URL is an IP address")
	case last == "localhost", last == "local":
		return errors.New("truval: the host of the callback URL is a local name")
	}
	return nil
}

// isLabel allows the underscore, which names in DNS may have; what else RFC 1123 rules out never gets to an address.
func isLabel(s string) bool {
	for _, c := range []byte(s) {
		if letter, digit := c >= 'a' && c <= 'z', c >= '0' && c <= '9'; !letter && !digit && c != '-' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 63
}

// isNumber reports whether a host that ends in s is an IPv4 address, or a mistake for one, and never a name: the
// "ends in a number" checker of the WHATWG URL standard.
func isNumber(s string) bool {
	const decimal = "0123456789"
	if hex, found := strings.CutPrefix(s, "0x"); found {
		return strings.Trim(hex, decimal+"abcdef") == ""
	}
	return strings.Trim(s, decimal) == ""
}
