package truhook

import (
	"errors"
	"net/netip"
	"strings"
)

// What the header of a trusted proxy may cost to read: more is [HeaderTooLong].
const (
	maxForwardedBytes  = 8 << 10
	maxForwardedHops   = 64
	maxForwardedParams = 16 // of one element; RFC 7239 knows four
)

var (
	errTooLong   = errors.New("the header has more bytes, hops or parameters than are read")
	errForwarded = errors.New("the Forwarded header breaks the grammar of RFC 7239")
)

// hops are the entries of a header in their order, as they stand there.
type hops struct {
	texts    [maxForwardedHops]string
	n        int
	brackets bool // an IPv6 address stands in brackets
}

func (h *hops) add(text string) error {
	if h.n == len(h.texts) {
		return errTooLong
	}
	h.texts[h.n] = text
	h.n++
	return nil
}

// addr reads one entry, with or without a port. What is not an address, and one with a zone, is the zero Addr, which
// lies in no prefix.
func (h *hops) addr(i int) netip.Addr { return hop(h.texts[i], h.brackets) }

func checkForwardedBytes(lines []string) error {
	size := 0
	for _, line := range lines {
		if size += len(line); size > maxForwardedBytes {
			return errTooLong
		}
	}
	return nil
}

// forwardedFor reads the lines of X-Forwarded-For.
func forwardedFor(lines []string, h *hops) error {
	if err := checkForwardedBytes(lines); err != nil {
		return err
	}
	for _, line := range lines {
		for entry := range strings.SplitSeq(line, ",") {
			if err := h.add(strings.Trim(entry, " \t")); err != nil {
				return err
			}
		}
	}
	return nil
}

func hop(text string, bracketsRequired bool) netip.Addr {
	if inner, found := strings.CutPrefix(text, "["); found {
		inner, port, closed := strings.Cut(inner, "]")
		addr, err := netip.ParseAddr(inner)
		if !closed || err != nil || !addr.Is6() || addr.Zone() != "" || port != "" && !isPort(port) {
			return netip.Addr{}
		}
		return addr.Unmap()
	}
	if addr, err := netip.ParseAddr(text); err == nil {
		if addr.Zone() != "" || addr.Is6() && bracketsRequired {
			return netip.Addr{}
		}
		return addr.Unmap()
	}
	host, _, _ := strings.Cut(text, ":")
	addr, err := netip.ParseAddr(host)
	if err != nil || !addr.Is4() || !isPort(text[len(host):]) {
		return netip.Addr{}
	}
	return addr
}

// isPort reports whether text is a colon and a port number.
func isPort(text string) bool {
	if len(text) < 2 || len(text) > 6 || text[0] != ':' {
		return false
	}
	return !strings.ContainsFunc(text[1:], func(r rune) bool { return r < '0' || r > '9' })
}

// forwarded reads the lines of Forwarded (RFC 7239, section 4).
func forwarded(lines []string, h *hops) error {
	if err := checkForwardedBytes(lines); err != nil {
		return err
	}
	h.brackets = true
	for _, line := range lines {
		if err := forwardedLine(line, h); err != nil {
			return err
		}
	}
	return nil
}

// forwardedLine adds one hop for each element. Quoted strings are read first, so that a separator inside one separates
// nothing. A line that breaks the grammar anywhere is refused as a whole, as a client's open quote could swallow what
// the proxy wrote after it.
func forwardedLine(line string, h *hops) error {
	var names [maxForwardedParams]string // of the element
	node, n := "", 0
	for rest := line; ; {
		name, value, after, err := cutForwardedPair(strings.TrimLeft(rest, " \t"))
		switch {
		case err != nil:
			return err
		case n == len(names):
			return errTooLong
		case contains(names[:n], name):
			return errForwarded // a parameter must not come twice in an element
		}
		names[n] = name
		n++
		if strings.EqualFold(name, "for") {
			node = value
		}
		after = strings.TrimLeft(after, " \t")
		if after == "" || after[0] == ',' {
			if err := h.add(unescape(node)); err != nil {
				return err
			}
			node, n = "", 0
		}
		switch {
		case after == "":
			return nil
		case after[0] != ',' && after[0] != ';':
			return errForwarded
		}
		rest = after[1:]
	}
}

func contains(names []string, name string) bool {
	for _, other := range names {
		if strings.EqualFold(other, name) {
			return true
		}
	}
	return false
}

// cutForwardedPair reads token=token or token="quoted". The value of the latter still has its backslashes.
func cutForwardedPair(text string) (name, value, rest string, err error) {
	name, rest = cutToken(text)
	if name == "" || !strings.HasPrefix(rest, "=") {
		return "", "", "", errForwarded
	}
	rest = rest[1:]
	if !strings.HasPrefix(rest, `"`) {
		if value, rest = cutToken(rest); value == "" {
			return "", "", "", errForwarded
		}
		return name, value, rest, nil
	}
	for i := 1; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == '"':
			return name, rest[1:i], rest[i+1:], nil
		case c == '\\' && i+1 < len(rest):
			i++
		case c < ' ' && c != '\t' || c == 0x7f:
			return "", "", "", errForwarded
		}
	}
	return "", "", "", errForwarded
}

// unescape removes the backslashes of a quoted string.
func unescape(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var b strings.Builder
	b.Grow(len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) {
			i++
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// cutToken cuts a token (RFC 9110, section 5.6.2) off the head of text.
func cutToken(text string) (token, rest string) {
	end := 0
	for end < len(text) && isTokenByte(text[end]) {
		end++
	}
	return text[:end], text[end:]
}

func isTokenByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}
