package probe

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"
)

// style is how a JSON writer writes. The order of members and the digits of numbers are kept as they are in the body:
// most writers keep them.
type style struct {
	name        string
	item, colon string // behind a comma's and a colon's place, with them
	indent      string // of one level; "" writes everything in one line
	newline     string // "\n" if empty
	spacedEmpty bool   // "{ }" and "[ ]"
	openEmpty   bool   // "{" and "}" in two lines, "[" and "]" with an empty one between
	flatArrays  bool   // elements of arrays stay in one line, with blanks

	ascii    bool   // everything beyond ASCII is escaped
	upper    bool   // hex digits of escapes are capitals
	slash    bool   // "/" is written "\/"
	unicode  string // ASCII characters that are written as \u00XX
	hex      bool   // those in capitals, other escapes as upper says
	lines    bool   // U+2028 and U+2029 are escaped
	nextLine bool   // U+0085 is escaped
	del      bool   // 0x7f is escaped
}

const (
	maxDepth    = 256     // of nested objects and arrays
	maxBodySize = 8 << 20 // bytes that are looked at
)

// isJSON reports whether body is one JSON object or array that can be rewritten.
func isJSON(body []byte) bool {
	trimmed := bytes.TrimLeft(body, " \t\r\n")
	if len(trimmed) == 0 || len(body) > maxBodySize || trimmed[0] != '{' && trimmed[0] != '[' {
		return false
	}
	depth, deepest, inString := 0, 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{', c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}', c == ']':
			depth--
		}
		if deepest > maxDepth {
			return false
		}
	}
	return json.Valid(body)
}

// rewriter writes valid JSON in a style, a buffer at a time.
type rewriter struct {
	*style
	to     io.Writer
	buffer [4096]byte
	n      int
	err    error
	depth  int
	inside [maxDepth + 1]byte // '{' or '[' at each depth
}

var errStopped = errors.New("probe: stopped")

// rewrite writes body, which isJSON, to w. It ends early if w fails.
func (s *style) rewrite(w io.Writer, body []byte) error {
	r := &rewriter{style: s, to: w}
	for i := 0; i < len(body) && r.err == nil; {
		switch c := body[i]; c {
		case ' ', '\t', '\r', '\n':
			i++
		case '{', '[':
			i = r.open(body, i)
		case '}', ']':
			r.close(c)
			i++
		case ',':
			r.comma()
			i++
		case ':':
			r.text(s.colon)
			i++
		case '"':
			i = r.str(body, i+1)
		default:
			end := i
			for end < len(body) && strings.IndexByte(" \t\r\n,:]}", body[end]) < 0 {
				end++
			}
			r.bytes(body[i:end])
			i = end
		}
	}
	r.flush()
	return r.err
}

func (r *rewriter) open(body []byte, i int) int {
	c := body[i]
	next := i + 1
	for next < len(body) && (body[next] == ' ' || body[next] == '\t' || body[next] == '\r' || body[next] == '\n') {
		next++
	}
	if next < len(body) && (body[next] == '}' || body[next] == ']') {
		r.byte(c)
		switch {
		case r.spacedEmpty:
			r.byte(' ')
		case r.openEmpty:
			if c == '[' {
				r.byte('\n')
			}
			r.line(false)
		}
		r.byte(body[next])
		return next + 1
	}
	r.byte(c)
	r.depth++
	r.inside[r.depth] = c
	r.line(c == '[')
	return next
}

func (r *rewriter) close(c byte) {
	array := r.inside[r.depth] == '['
	r.depth--
	r.line(array)
	r.byte(c)
}

func (r *rewriter) comma() {
	if r.indent == "" {
		r.text(r.item)
		return
	}
	r.byte(',')
	r.line(r.inside[r.depth] == '[')
}

// line begins a new line, where the style has lines.
func (r *rewriter) line(array bool) {
	if r.indent == "" {
		return
	}
	if array && r.flatArrays {
		r.byte(' ')
		return
	}
	if r.newline == "" {
		r.byte('\n')
	} else {
		r.text(r.newline)
	}
	for level := 1; level <= r.depth; level++ {
		if !r.flatArrays || r.inside[level] == '{' {
			r.text(r.indent)
		}
	}
}

// str writes the string whose content begins at i and returns what is behind its end.
func (r *rewriter) str(body []byte, i int) int {
	r.byte('"')
	for body[i] != '"' && r.err == nil {
		c, width := rune(body[i]), 1
		switch {
		case c == '\\':
			c, width = unescape(body[i:])
		case c >= utf8.RuneSelf:
			if c, width = utf8.DecodeRune(body[i:]); c == utf8.RuneError && width == 1 {
				r.byte(body[i]) // no UTF-8: as it is
				i++
				continue
			}
		}
		r.rune(c)
		i += width
	}
	r.byte('"')
	return i + 1
}

// unescape reads the escape at the beginning of text. Halves of a surrogate pair that stand alone come back as they
// are.
func unescape(text []byte) (r rune, width int) {
	switch text[1] {
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		r = hex4(text[2:6])
		if r >= 0xd800 && r < 0xdc00 && len(text) >= 12 && text[6] == '\\' && text[7] == 'u' {
			if low := hex4(text[8:12]); low >= 0xdc00 && low < 0xe000 {
				return (r-0xd800)<<10 | (low - 0xdc00) + 0x10000, 12
			}
		}
		return r, 6
	}
	return rune(text[1]), 2
}

func hex4(text []byte) (r rune) {
	for _, c := range text {
		switch {
		case c >= 'a':
			c -= 'a' - 10
		case c >= 'A':
			c -= 'A' - 10
		default:
			c -= '0'
		}
		r = r<<4 | rune(c)
	}
	return r
}

func (r *rewriter) rune(c rune) {
	switch {
	case c < utf8.RuneSelf && strings.IndexByte(r.unicode, byte(c)) >= 0, c == 0x7f && r.del:
		r.escape(c, r.upper || r.hex)
	case c == '"', c == '\\', c == '/' && r.slash:
		r.byte('\\')
		r.byte(byte(c))
	case c < ' ':
		if short := strings.IndexByte("\b\f\n\r\t", byte(c)); short >= 0 {
			r.byte('\\')
			r.byte("bfnrt"[short])
		} else {
			r.escape(c, r.upper)
		}
	case c < utf8.RuneSelf:
		r.byte(byte(c))
	case c >= 0xd800 && c < 0xe000, r.ascii, (c == 0x2028 || c == 0x2029) && r.lines, c == 0x85 && r.nextLine:
		if c >= 0x10000 {
			c -= 0x10000
			r.escape(0xd800+c>>10, r.upper)
			c = 0xdc00 + c&0x3ff
		}
		r.escape(c, r.upper)
	default:
		var encoded [utf8.UTFMax]byte
		r.bytes(encoded[:utf8.EncodeRune(encoded[:], c)])
	}
}

func (r *rewriter) escape(c rune, upper bool) {
	digits := "0123456789abcdef"
	if upper {
		digits = "0123456789ABCDEF"
	}
	r.text(`\u`)
	for shift := 12; shift >= 0; shift -= 4 {
		r.byte(digits[c>>shift&15])
	}
}

func (r *rewriter) byte(c byte) {
	if r.n == len(r.buffer) {
		r.flush()
	}
	r.buffer[r.n] = c
	r.n++
}

func (r *rewriter) text(s string) {
	for i := range len(s) {
		r.byte(s[i])
	}
}

func (r *rewriter) bytes(b []byte) {
	for _, c := range b {
		r.byte(c)
	}
}

func (r *rewriter) flush() {
	if r.n > 0 && r.err == nil {
		_, r.err = r.to.Write(r.buffer[:r.n])
	}
	r.n = 0
}
