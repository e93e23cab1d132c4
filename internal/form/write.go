package form

import (
	"errors"
	"net/http"
	"time"
)

// Message is what is written to headers, and signed together with a body.
type Message struct {
	ID     string
	Time   time.Time
	Method string
}

// Prepare returns the Head that the headers of m will say; {header:Name} is read from h. Errors say what is missing.
func (f *Format) Prepare(h http.Header, m Message) (*Head, error) {
	head := &Head{ID: m.ID, GroupCount: 1, method: m.Method}
	for i := range f.parts {
		switch p := &f.parts[i]; p.kind {
		case idPart:
			if !f.allowsText(m.ID, i) {
				return nil, errors.New("the scheme signs an id, and Message.ID is none that it can sign")
			}
		case headerPart:
			head.named[p.named] = h.Get(f.named[p.named].header)
			if !f.allowsText(head.named[p.named], i) {
				return nil, errors.New("the scheme signs " + f.named[p.named].cause.Error() + ", which is missing or cannot be signed")
			}
		case methodPart:
			if m.Method == "" {
				return nil, errors.New("the scheme signs the method, and Message.Method is empty")
			}
		case timePart:
			if m.Time.Unix() <= 0 {
				return nil, errors.New("the scheme signs a timestamp, and Message.Time has none")
			}
			text := formatTime(f.TimeFormat, m.Time)
			at, ok := parseTime(f.TimeFormat, text, f.exactSeconds)
			if !ok {
				return nil, errors.New("the scheme signs a timestamp, and Message.Time cannot be written in its format")
			}
			head.Groups[0] = Group{Timestamp: text, Time: at, signed: true}
		}
	}
	return head, nil
}

// Set writes the headers of head with one signature: it replaces what stands in them.
func (f *Format) Set(h http.Header, head *Head, signature []byte) {
	for _, where := range f.headers {
		h.Del(where.header)
	}
	h.Del(f.stamp.header)
	h.Del(f.id.header)
	f.set(h, f.stamp, head.Groups[0].Timestamp)
	f.set(h, f.id, head.ID)
	f.set(h, field{header: f.headers[0].header}, f.Prefix+encode(f.Encoding, signature))
}

// set writes a field: a header of its own, or one more element of a header.
func (f *Format) set(h http.Header, where field, value string) {
	if !where.present() {
		return
	}
	if where.element != "" {
		value = where.element + "=" + value
	}
	if already := h.Get(where.header); already != "" {
		value = already + f.Separator + value
	}
	h.Set(where.header, value)
}
