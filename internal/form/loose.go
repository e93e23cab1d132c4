package form

import (
	"strings"

	"github.com/truhook/truhook"
)

// Loose returns the values that are signed as they stand in d, without judging them: for whoever explains a refusal.
// What is absent is empty. It reads no signatures.
func (f *Format) Loose(d *truhook.Delivery) *Head {
	h := &Head{GroupCount: 1, method: d.Method}
	first := func(where *field) string {
		for _, line := range d.HeaderValues(where.header) {
			if len(line) > maxHeader {
				continue
			}
			if where.element == "" {
				return line
			}
			for c := (cursor{rest: line, separator: f.separator, groups: f.Groups}); c.next(); {
				if text, found := f.element(&c, where); found {
					return text
				}
			}
		}
		return ""
	}
	if f.id.present() {
		h.ID = first(&f.id)
	}
	for i := range f.named {
		h.named[i] = first(&f.named[i])
	}
	if f.stamp.present() {
		h.Groups[0].Timestamp = first(&f.stamp)
	}
	if f.Groups {
		f.looseGroups(d, h)
	}
	return h
}

func (f *Format) looseGroups(d *truhook.Delivery, h *Head) {
	for _, line := range d.HeaderValues(f.stamp.header) {
		if len(line) > maxHeader {
			continue
		}
		for c := (cursor{rest: line, separator: f.separator, groups: true}); c.next() && c.group < maxGroups; {
			if text, found := f.element(&c, &f.stamp); found {
				h.Groups[c.group].Timestamp = text
				h.GroupCount = c.group + 1
			}
		}
	}
}

// Time returns the instant that a group's text says, if it is of the format.
func (f *Format) Time(g *Group) (sound bool) {
	at, ok := parseTime(f.TimeFormat, g.Timestamp, f.exactSeconds)
	g.Time = at
	return ok
}

// HasSize reports whether signatures of the format can have so many bytes.
func (f *Format) HasSize(n int) bool { return n >= f.MinSignature && n <= f.MaxSignature }

// ReadSignatures fills h with the signatures of d that are of the form, and reads nothing else.
func (f *Format) ReadSignatures(d *truhook.Delivery, h *Head) error { return f.readSignatures(d, h) }

// Describe says what stands where a signature should, in the words of a refusal; "" where nothing stands there.
func (f *Format) Describe(d *truhook.Delivery) string {
	for i := range f.headers {
		if lines := d.HeaderValues(f.headers[i].header); len(lines) > 0 && lines[0] != "" {
			err := f.malformed(&f.headers[i], lines[0])
			_, text, _ := strings.Cut(err.Error(), string(truhook.MalformedSignature)+": ")
			return text
		}
	}
	return ""
}

// DecodeAny decodes a signature in any encoding, with or without padding. n is what it must have in bytes. What is the
// same in several encodings is of that of the scheme.
func DecodeAny(text string, n int, scheme Encoding) (decoded []byte, e Encoding, ok bool) {
	to := make([]byte, n)
	if len(text) == 2*n && decode(Hex, to, text) {
		return to, Hex, true
	}
	bare := strings.TrimRight(text, "=")
	if scheme == Base64URL && bare == text && decodeBase64(to, bare, '-', '_') {
		return to, Base64URL, true
	}
	for _, alphabet := range []struct {
		e           Encoding
		plus, slash byte
	}{{Base64, '+', '/'}, {Base64URL, '-', '_'}} {
		if len(text)-len(bare) <= 2 && decodeBase64(to, bare, alphabet.plus, alphabet.slash) {
			return to, alphabet.e, true
		}
	}
	return nil, 0, false
}
