package probe

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strings"
	"unicode/utf8"
)

const (
	maxContents = 8   // of a form or an envelope
	maxMembers  = 64  // of an object that are looked at
	maxNames    = 100 // characters of the name of a field or member in a Subject
)

// texts are other spellings of the same text.
func texts(body []byte) []Variant {
	var out []Variant
	offer := func(subject string, b []byte) {
		if len(b) <= maxBodySize {
			out = append(out, Variant{Changes: []Change{{Cause: TextChanged, Subject: subject}}, bytes: b})
		}
	}
	const bom = "\xef\xbb\xbf"
	rest, hasBOM := bytes.CutPrefix(body, []byte(bom))
	if hasBOM {
		offer("bom", rest)
	}
	if trimmed := bytes.TrimRight(body, "\r\n"); len(trimmed) < len(body) {
		offer("whitespace", trimmed)
	}
	if trimmed := bytes.TrimSpace(body); len(trimmed) < len(body) {
		offer("whitespace", trimmed)
		offer("whitespace", append(trimmed[:len(trimmed):len(trimmed)], '\n'))
	}
	if bytes.Contains(body, []byte("\r\n")) {
		offer("line-endings", bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")))
	} else if bytes.ContainsRune(body, '\n') {
		offer("line-endings", bytes.ReplaceAll(body, []byte("\n"), []byte("\r\n")))
	}
	if !hasBOM {
		offer("bom", append([]byte(bom), body...))
	}
	for _, b := range charsets(body) {
		offer("charset", b)
	}
	return out
}

// charsets are body read as Latin-1 or Windows-1252 where it was UTF-8, and the other way round.
func charsets(body []byte) [][]byte {
	ascii := true
	for _, c := range body {
		ascii = ascii && c < utf8.RuneSelf
	}
	if ascii {
		return nil
	}
	var out [][]byte
	for _, high := range []string{"", windows1252} {
		if narrow, ok := narrowed(body, high); ok {
			out = append(out, narrow)
		}
		out = append(out, widened(body, high))
	}
	return out
}

// windows1252 are its characters from 0x80 to 0x9f; a blank is none.
const windows1252 = "€ ‚ƒ„…†‡ˆ‰Š‹Œ Ž  ‘’“”•–—˜™š›œ žŸ"

// narrowed writes each character of body as one byte.
func narrowed(body []byte, high string) ([]byte, bool) {
	if !utf8.Valid(body) {
		return nil, false
	}
	characters := []rune(high)
	out := make([]byte, 0, len(body))
	for _, r := range string(body) {
		switch i := indexRune(characters, r); {
		case r != ' ' && i >= 0:
			out = append(out, byte(0x80+i))
		case r <= 0xff:
			out = append(out, byte(r))
		default:
			return nil, false
		}
	}
	return out, true
}

func indexRune(all []rune, r rune) int {
	for i := range all {
		if all[i] == r {
			return i
		}
	}
	return -1
}

// widened writes each byte of body as a character.
func widened(body []byte, high string) []byte {
	characters := []rune(high)
	out := make([]byte, 0, 2*len(body))
	for _, c := range body {
		if i := int(c) - 0x80; i >= 0 && i < len(characters) && characters[i] != ' ' {
			out = utf8.AppendRune(out, characters[i])
		} else {
			out = utf8.AppendRune(out, rune(c))
		}
	}
	return out
}

// contents are what body may be the encoding of.
func contents(body []byte, h Hints) []Variant {
	var out []Variant
	offer := func(c Change, b []byte) {
		if len(b) > 0 && len(b) <= maxBodySize && len(c.Subject) <= maxNames {
			out = append(out, Variant{Changes: []Change{c}, bytes: b})
		}
	}
	for _, unpacked := range unpack(body, h.ContentEncoding) {
		offer(Change{Cause: ContentEncoding, Subject: unpacked.name}, unpacked.bytes)
	}
	if decoded, ok := decodeBase64(bytes.TrimSpace(body)); ok {
		offer(Change{Cause: Base64}, decoded)
	}
	if text, ok := jsonString(body); ok {
		offer(Change{Cause: InEnvelope, Subject: "a JSON string"}, text)
	}
	for _, f := range formFields(body, h.ContentType) {
		offer(Change{Cause: FormField, Subject: f.name}, f.bytes)
	}
	for _, f := range multipartFields(body, h.ContentType) {
		offer(Change{Cause: FormField, Subject: f.name}, f.bytes)
	}
	for _, m := range members(body) {
		offer(Change{Cause: InEnvelope, Subject: m.name}, m.bytes)
		if decoded, ok := decodeBase64(m.bytes); ok {
			offer(Change{Cause: InEnvelope, Subject: m.name}, decoded)
		}
	}
	return out
}

type named struct {
	name  string
	bytes []byte
}

// unpack takes gzip and zlib by their first bytes, and raw deflate where a header says so.
func unpack(body []byte, encoding string) []named {
	var readers []func(io.Reader) (io.Reader, error)
	name := "deflate"
	switch {
	case len(body) > 2 && body[0] == 0x1f && body[1] == 0x8b:
		name = "gzip"
		readers = append(readers, func(r io.Reader) (io.Reader, error) {
			z, err := gzip.NewReader(r)
			if err == nil {
				z.Multistream(false) // what follows is not its
			}
			return z, err
		})
	case len(body) > 2 && body[0]&0x0f == 8 && (int(body[0])<<8|int(body[1]))%31 == 0:
		readers = append(readers, func(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) })
	case strings.EqualFold(encoding, "deflate"):
		readers = append(readers, func(r io.Reader) (io.Reader, error) { return flate.NewReader(r), nil })
	}
	var out []named
	for _, open := range readers {
		r, err := open(bytes.NewReader(body))
		if err != nil {
			continue
		}
		if unpacked, err := io.ReadAll(io.LimitReader(r, maxBodySize+1)); err == nil {
			out = append(out, named{name, unpacked})
		}
	}
	return out
}

// decodeBase64 takes the standard and the URL alphabet, with or without padding, and text of at least 16 characters.
func decodeBase64(text []byte) ([]byte, bool) {
	text = bytes.Trim(text, `"`)
	if len(text) < 16 {
		return nil, false
	}
	s := strings.TrimRight(string(text), "=")
	for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if decoded, err := e.DecodeString(s); err == nil {
			return decoded, true
		}
	}
	return nil, false
}

func formFields(body []byte, contentType string) []named {
	isForm := strings.HasPrefix(strings.ToLower(contentType), "application/x-www-form-urlencoded")
	if !isForm && (bytes.ContainsAny(body, "{ \n\"") || !bytes.ContainsAny(body, "=%")) {
		return nil
	}
	var out []named
	for pair := range strings.SplitSeq(string(body), "&") {
		name, value, found := strings.Cut(pair, "=")
		if !found || value == "" { // as a body is sent that was no form
			name, value = "", strings.TrimSuffix(pair, "=")
		}
		decoded, err := url.QueryUnescape(value)
		if err == nil && decoded != "" && len(out) < maxContents {
			out = append(out, named{name, []byte(decoded)})
		}
	}
	if decoded, err := url.PathUnescape(string(body)); err == nil && len(out) < maxContents {
		out = append(out, named{"", []byte(decoded)})
	}
	return out
}

// jsonString returns the text of a body that was written as JSON twice.
func jsonString(body []byte) (text []byte, ok bool) {
	trimmed := bytes.TrimSpace(body)
	if len(trimmed) < 4 || trimmed[0] != '"' || len(trimmed) > 1<<20 {
		return nil, false
	}
	var s string
	if json.Unmarshal(trimmed, &s) != nil {
		return nil, false
	}
	return []byte(s), true
}

// multipartFields are the fields of a form as browsers and mail gateways send it (RFC 7578).
func multipartFields(body []byte, contentType string) []named {
	kind, parameters, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/form-data" || len(body) > 1<<20 {
		return nil
	}
	var out []named
	parts := multipart.NewReader(bytes.NewReader(body), parameters["boundary"])
	for len(out) < maxContents {
		p, err := parts.NextRawPart()
		if err != nil {
			break
		}
		if text, err := io.ReadAll(p); err == nil && len(text) > 0 {
			out = append(out, named{p.FormName(), text})
		}
	}
	return out
}

// members are texts and objects in the first levels of a JSON object, as gateways and queues wrap a body.
func members(body []byte) []named {
	if len(body) > 1<<20 || !isJSON(body) {
		return nil
	}
	return membersOf(body, "", 3)
}

func membersOf(body []byte, within string, levels int) []named {
	var out []named
	d := json.NewDecoder(bytes.NewReader(body))
	open, err := d.Token()
	if err != nil {
		return nil
	}
	for n := 0; d.More() && n < maxMembers && len(out) < maxContents; n++ {
		name := within
		if open == json.Delim('{') {
			t, err := d.Token()
			text, ok := t.(string)
			if err != nil || !ok {
				return out
			}
			if name != "" {
				name += "."
			}
			name += text
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return out
		}
		switch {
		case len(value) > 2 && value[0] == '"':
			var text string
			if json.Unmarshal(value, &text) == nil && len(text) >= 2 {
				out = append(out, named{name, []byte(text)})
			}
		case len(value) > 2 && (value[0] == '{' || value[0] == '['):
			if value[0] == '{' {
				out = append(out, named{name, value})
			}
			if levels > 1 {
				out = append(out, membersOf(value, name, levels-1)...)
			}
		}
	}
	return out
}
