// Package strictjson reads one JSON object so that nobody can read it differently: names are exact and unique, nesting
// is bounded, nothing follows the object (RFC 8259; RFC 7515, section 4, forbids duplicate header members).
// encoding/json takes the last of two equal names, folds their case, and nests ten thousand deep.
package strictjson

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

var errSyntax = errors.New("not a JSON object of the expected form")

// Object returns the members of the one JSON object that b holds, by name. The values are slices of b. depth is how
// many objects and arrays may stand in one another, the outermost counted. Duplicate names are refused in the
// outermost object only; read an inner one with Object too.
func Object(b []byte, depth int) (map[string]json.RawMessage, error) {
	if !utf8.Valid(b) {
		return nil, errSyntax
	}
	s := &scanner{b: b}
	s.space()
	members := make(map[string]json.RawMessage, min(16, 1+bytes.Count(b[:min(len(b), 512)], []byte{','})))
	if !s.object(depth, func(quoted, value []byte) bool {
		name, ok := unquote(quoted)
		_, twice := members[name]
		members[name] = value
		return ok && !twice
	}) {
		return nil, errSyntax
	}
	if s.space(); s.i != len(b) {
		return nil, errSyntax
	}
	return members, nil
}

// Members calls member for each member of the one JSON object that b holds, equal names included, with the name as it
// stands in quotes, and reports whether b is such an object. It takes what encoding/json takes, bytes that are not
// UTF-8 included, with at most depth objects and arrays in one another. member may have been called before b turns
// out not to be one.
func Members(b []byte, depth int, member func(quoted, value []byte)) bool {
	s := &scanner{b: b}
	s.space()
	ok := s.object(depth, func(quoted, value []byte) bool {
		member(quoted, value)
		return true
	})
	s.space()
	return ok && s.i == len(b)
}

// String returns the string that a value is, and whether it is one.
func String(value json.RawMessage) (string, bool) {
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	return unquote(value)
}

// IsNull reports whether a member is absent or null, which claims treat alike.
func IsNull(value json.RawMessage) bool { return len(value) == 0 || value[0] == 'n' }

func unquote(quoted []byte) (string, bool) {
	for _, c := range quoted {
		if c == '\\' {
			var text string
			err := json.Unmarshal(quoted, &text)
			return text, err == nil
		}
	}
	return string(quoted[1 : len(quoted)-1]), true
}

type scanner struct {
	b []byte
	i int
}

func (s *scanner) peek() byte {
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.i++
	return true
}

func (s *scanner) space() {
	for s.i < len(s.b) && (s.b[s.i] == ' ' || s.b[s.i] == '\t' || s.b[s.i] == '\n' || s.b[s.i] == '\r') {
		s.i++
	}
}

func (s *scanner) value(depth int) bool {
	switch c := s.peek(); c {
	case '{':
		return s.object(depth, nil)
	case '[':
		return s.array(depth)
	case '"':
		return s.string()
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	default:
		return s.number()
	}
}

func (s *scanner) object(depth int, member func(quoted, value []byte) bool) bool {
	if depth <= 0 || !s.take('{') {
		return false
	}
	if s.space(); s.take('}') {
		return true
	}
	for {
		s.space()
		start := s.i
		if !s.string() {
			return false
		}
		quoted := s.b[start:s.i]
		if s.space(); !s.take(':') {
			return false
		}
		s.space()
		start = s.i
		if !s.value(depth - 1) {
			return false
		}
		if member != nil && !member(quoted, s.b[start:s.i]) {
			return false
		}
		if s.space(); s.take(',') {
			continue
		}
		return s.take('}')
	}
}

func (s *scanner) array(depth int) bool {
	if depth <= 0 || !s.take('[') {
		return false
	}
	if s.space(); s.take(']') {
		return true
	}
	for {
		s.space()
		if !s.value(depth - 1) {
			return false
		}
		if s.space(); s.take(',') {
			continue
		}
		return s.take(']')
	}
}

func (s *scanner) string() bool {
	if !s.take('"') {
		return false
	}
	for s.i += plain(s.b[s.i:]); s.i < len(s.b); s.i += plain(s.b[s.i:]) {
		c := s.b[s.i]
		s.i++
		switch {
		case c == '"':
			return true
		case c < ' ':
			return false
		case c == '\\':
			if !s.escape() {
				return false
			}
		}
	}
	return false
}

// plain returns how many bytes to skip, in eights, before the first that ends or alters a string: a quote, a backslash
// or a control character. A payload can be one long string.
func plain(b []byte) int {
	rest := b
	for len(rest) >= 32 { // four at once are faster by a third
		w := (*[32]byte)(rest)
		if special(w[0:8])|special(w[8:16])|special(w[16:24])|special(w[24:32]) != 0 {
			break
		}
		rest = rest[32:]
	}
	for len(rest) >= 8 && special(rest[:8]) == 0 {
		rest = rest[8:]
	}
	return len(b) - len(rest)
}

// special is not zero if one of eight bytes ends or alters a string.
func special(b []byte) uint64 {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	x := binary.LittleEndian.Uint64(b)
	quote, slash := x^(ones*'"'), x^(ones*'\\')
	return ((x-ones*' ')&^x | (quote-ones)&^quote | (slash-ones)&^slash) & high
}

func (s *scanner) escape() bool {
	c := s.peek()
	s.i++
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		for range 4 {
			h := s.peek()
			if (h < '0' || h > '9') && (h < 'a' || h > 'f') && (h < 'A' || h > 'F') {
				return false
			}
			s.i++
		}
		return true
	}
	return false
}

func (s *scanner) literal(word string) bool {
	if len(s.b)-s.i < len(word) || string(s.b[s.i:s.i+len(word)]) != word {
		return false
	}
	s.i += len(word)
	return true
}

func (s *scanner) digits() bool {
	start := s.i
	for c := s.peek(); c >= '0' && c <= '9'; c = s.peek() {
		s.i++
	}
	return s.i > start
}

func (s *scanner) number() bool {
	s.take('-')
	if !s.take('0') && !s.digits() {
		return false
	}
	if s.take('.') && !s.digits() {
		return false
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		return s.digits()
	}
	return true
}
