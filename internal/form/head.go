package form

import (
	"errors"
	"strings"
	"time"

	"github.com/truhook/truhook"
)

// Head is what the head of a delivery says: decoded signatures and the values that are signed. Its strings are those of
// the delivery: whoever keeps one clones it. The zero Head is what Read fills.
type Head struct {
	ID         string
	Groups     [maxGroups]Group // of which GroupCount count; one without Groups
	GroupCount int

	method     string
	named      [maxNamed]string
	signatures [MaxSignatures]place
	count      int
	inline     [64]byte // the first bytes of the decoded signatures; the others are in more
	inlined    int
	more       []byte
}

// place is where a decoded signature lies.
type place struct {
	group   int
	from    int
	length  int
	further bool // in more
}

// Count returns how many signatures there are.
func (h *Head) Count() int { return h.count }

// Signature returns a decoded signature and the index of its group.
func (h *Head) Signature(i int) (decoded []byte, group int) {
	p := &h.signatures[i]
	if p.further {
		return h.more[p.from : p.from+p.length], p.group
	}
	return h.inline[p.from : p.from+p.length], p.group
}

// room returns where a signature of n bytes is decoded to.
func (h *Head) room(n int) []byte {
	p := &h.signatures[h.count]
	p.length = n
	if h.inlined+n <= len(h.inline) {
		p.from = h.inlined
		return h.inline[p.from : p.from+n]
	}
	p.further, p.from = true, len(h.more)
	h.more = append(h.more, make([]byte, n)...)
	return h.more[p.from:]
}

func (h *Head) add(group int) {
	p := &h.signatures[h.count]
	p.group = group
	if !p.further {
		h.inlined += p.length
	}
	h.count++
	h.Groups[group].signed = true
}

// Read fills h from the head of d, or says why the head cannot be genuine. It allocates for a refusal, and for more
// than 64 bytes of signatures.
func (f *Format) Read(d *truhook.Delivery, now time.Time, h *Head) error {
	if err := f.readSignatures(d, h); err != nil {
		return err
	}
	if f.stamp.present() {
		if err := f.readTimes(d, now, h); err != nil {
			return err
		}
	}
	for i := range f.parts {
		if err := f.readPart(d, h, i); err != nil {
			return err
		}
	}
	return nil
}

func (f *Format) refuse(r truhook.Reason, cause error) error {
	return &truhook.Error{Scheme: f.Name, Reason: r, Err: cause}
}

// line returns the one line of a header, "" if there is none.
func (f *Format) line(d *truhook.Delivery, where *field) (string, error) {
	lines := d.HeaderValues(where.header)
	switch {
	case len(lines) == 0:
		return "", nil
	case len(lines) > 1:
		return "", f.refuse(truhook.DuplicateHeader, where.cause)
	case len(lines[0]) > maxHeader:
		return "", f.refuse(truhook.HeaderTooLong, where.cause)
	}
	return lines[0], nil
}

// readSignatures collects the signatures of all headers. What is no digest is passed over while another is one.
func (f *Format) readSignatures(d *truhook.Delivery, h *Head) error {
	h.GroupCount = 1
	present := -1
	candidates := 0
	for i := range f.headers {
		value, err := f.line(d, &f.headers[i])
		if err != nil {
			return err
		}
		if value == "" {
			continue
		}
		if present < 0 {
			present = i
		}
		if candidates, err = f.readList(value, &f.headers[i], candidates, h); err != nil {
			return err
		}
	}
	switch {
	case present < 0:
		return f.refuse(truhook.MissingSignature, f.headers[0].cause)
	case h.count == 0:
		value, _ := f.line(d, &f.headers[present])
		return f.malformed(&f.headers[present], value)
	}
	return nil
}

func (f *Format) readList(value string, where *field, candidates int, h *Head) (int, error) {
	if !f.listed {
		return candidates + 1, f.decode(value, 0, candidates, where, h)
	}
	for c := (cursor{rest: value, separator: f.separator, groups: f.Groups}); c.next(); {
		if c.group >= maxGroups {
			return candidates, f.malformed(where, value)
		}
		group := c.group
		if f.Groups {
			h.GroupCount = group + 1
			if text, found := f.element(&c, &f.stamp); found {
				g := &h.Groups[group]
				if g.Timestamp != "" {
					g.refused = truhook.MalformedTimestamp
				}
				g.Timestamp = text
				continue
			}
		}
		if !strings.HasPrefix(c.element, f.Prefix) {
			continue // another version
		}
		if err := f.decode(c.element, group, candidates, where, h); err != nil {
			return candidates, err
		}
		candidates++
	}
	return candidates, nil
}

// decode adds a signature to h, if text is one.
func (f *Format) decode(text string, group, candidates int, where *field, h *Head) error {
	if candidates >= MaxSignatures {
		return f.malformed(where, text)
	}
	if len(text) < f.shortest || len(text) > f.longest || !strings.HasPrefix(text, f.Prefix) {
		return nil
	}
	text = text[len(f.Prefix):]
	n := decodedLength(f.Encoding, text)
	if n < f.MinSignature || n > f.MaxSignature || n == 0 {
		return nil
	}
	if decode(f.Encoding, h.room(n), text) {
		h.add(group)
	}
	return nil
}

// value returns the value of a field: the whole line, or its one element.
func (f *Format) value(d *truhook.Delivery, where *field, missing, malformed truhook.Reason) (string, error) {
	value, err := f.line(d, where)
	if err != nil {
		return "", err
	}
	if where.element != "" {
		found, text := false, ""
		for c := (cursor{rest: value, separator: f.separator}); c.next(); {
			if s, ok := f.element(&c, where); ok {
				if found {
					return "", f.refuse(malformed, where.cause)
				}
				found, text = true, s
			}
		}
		value = text
	}
	if value == "" {
		return "", f.refuse(missing, where.cause)
	}
	return value, nil
}

func (f *Format) readPart(d *truhook.Delivery, h *Head, i int) error {
	switch p := &f.parts[i]; p.kind {
	case idPart:
		return f.readText(d, &f.id, i, &h.ID)
	case headerPart:
		return f.readText(d, &f.named[p.named], i, &h.named[p.named])
	case methodPart:
		for j := range len(d.Method) {
			if d.Method[j] < 'A' || d.Method[j] > 'Z' {
				return f.refuse(truhook.WrongMethod, errMethod)
			}
		}
		if d.Method == "" {
			return f.refuse(truhook.WrongMethod, errMethod)
		}
		h.method = d.Method
	}
	return nil
}

func (f *Format) readText(d *truhook.Delivery, where *field, i int, to *string) error {
	text, err := f.value(d, where, truhook.MissingMessageID, truhook.MalformedMessageID)
	if err != nil {
		return err
	}
	if !f.allowsText(text, i) {
		return f.refuse(truhook.MalformedMessageID, where.cause)
	}
	*to = text
	return nil
}

// Around appends to buf what is signed in front of the body and behind it, for the signatures of one group. The part
// behind the body begins at split.
func (f *Format) Around(buf []byte, h *Head, group int) (text []byte, split int) {
	for i := range f.parts {
		switch p := &f.parts[i]; p.kind {
		case bodyPart:
			split = len(buf)
		case idPart:
			buf = append(buf, h.ID...)
		case timePart:
			buf = append(buf, h.Groups[group].Timestamp...)
		case methodPart:
			buf = append(buf, h.method...)
		case headerPart:
			buf = append(buf, h.named[p.named]...)
		default:
			buf = append(buf, p.literal...)
		}
	}
	return buf, split
}

var errMethod = errors.New("the method is not of capital letters")

// BodyOnly reports whether nothing but the body is signed.
func (f *Format) BodyOnly() bool { return len(f.parts) == 1 }
