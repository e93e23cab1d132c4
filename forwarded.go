package truhook

import (
	"errors"
	"net/netip"
	"strings"
)

var errForwarded = errors.New("the Forwarded header breaks the grammar of RFC 7239")

// splitForwarded appends one hop for each element of a Forwarded line (RFC 7239, section 4). Quoted strings are read
// first, so that a separator inside one separates nothing; a line that breaks the grammar anywhere is refused as a
// whole, as a client's open quote could swallow what the proxy wrote after it.
func splitForwarded(line string, hops []netip.Addr) ([]netip.Addr, error) {
	node, seen := "", ""
	for rest := line; ; {
		name, value, after, err := cutForwardedPair(strings.TrimLeft(rest, " \t"))
		if err != nil {
			return nil, err
		}
		name = strings.ToLower(name)
		if strings.Contains(seen, ";"+name+";") {
			return nil, errForwarded // a parameter must not come twice in an element
		}
		if seen += ";" + name + ";"; name == "for" {
			node = value
		}
		after = strings.TrimLeft(after, " \t")
		if after == "" || after[0] == ',' {
			hops = append(hops, hop(node, true))
			node, seen = "", ""
		}
		switch {
		case after == "":
			return hops, nil
		case len(hops) > maxForwardedHops:
			return hops, nil // the caller refuses it
		case after[0] != ',' && after[0] != ';':
			return nil, errForwarded
		}
		rest = after[1:]
	}
}

// cutForwardedPair reads token=token or token="quoted".
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
	var b strings.Builder
	for i := 1; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == '"':
			return name, b.String(), rest[i+1:], nil
		case c == '\\' && i+1 < len(rest):
			i++
		case c < ' ' && c != '\t' || c == 0x7f:
			return "", "", "", errForwarded
		}
		b.WriteByte(rest[i])
	}
	return "", "", "", errForwarded
}

// cutToken cuts a token (RFC 9110, section 5.6.2) off the head of text.
func cutToken(text string) (token, rest string) {
	end := strings.IndexFunc(text, func(r rune) bool {
		alphanumeric := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !alphanumeric && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
	if end < 0 {
		end = len(text)
	}
	return text[:end], text[end:]
}
