package probe

import (
	"bytes"
	"context"
	"hash/maphash"
	"io"
	"iter"
)

// Change is one thing that happened to a body or a key: a cause of the closed list of docs/reasons.md, and what it says
// of it. Remedy, if there is one, stands in place of the cause's.
type Change struct{ Cause, Subject, Remedy string }

// The causes that a body can give.
const (
	TextChanged     = "body-text-changed"     // Subject: whitespace, line-endings, bom or charset
	Reserialized    = "body-reserialized"     // Subject: the JSON writer that wrote what was signed
	ContentEncoding = "body-content-encoding" // Subject: gzip or deflate
	Base64          = "body-base64"
	FormField       = "body-form-field"  // Subject: the name of the field
	InEnvelope      = "body-in-envelope" // Subject: the name of the member
)

// Variant is what a body may have been. It is made of Bytes, which a style rewrites if there is one.
type Variant struct {
	Changes []Change
	bytes   []byte
	style   *style
}

// AsSent returns the variant without a change.
func AsSent(body []byte) Variant { return Variant{bytes: body} }

// WriteTo writes the variant to w, a buffer at a time, and ends early if w fails.
func (v Variant) WriteTo(w io.Writer) (int64, error) {
	if v.style == nil {
		n, err := w.Write(v.bytes)
		return int64(n), err
	}
	return 0, v.style.rewrite(w, v.bytes)
}

// Offset returns the first byte at which body differs from the variant, -1 if none does.
func (v Variant) Offset(body []byte) int64 {
	c := &comparer{rest: body}
	_, _ = v.WriteTo(c)
	if !c.differs && len(c.rest) == 0 {
		return -1
	}
	return c.offset
}

// comparer counts how many bytes are those of rest.
type comparer struct {
	rest    []byte
	offset  int64
	differs bool
}

func (c *comparer) Write(p []byte) (int, error) {
	for _, b := range p {
		if len(c.rest) == 0 || c.rest[0] != b {
			c.differs = true
			return 0, errStopped
		}
		c.rest, c.offset = c.rest[1:], c.offset+1
	}
	return len(p), nil
}

// Hints are headers of the delivery.
type Hints struct{ ContentType, ContentEncoding string }

// Tails are the texts whose loss at the end of a body is looked for by hashing once and going on from there.
var tails = []string{"\n", "\r\n", " ", "\n\n"}

// Tails returns what may have been behind the end of a body, with white space as the change. The slice is read-only.
func Tails() []string { return tails }

// Variants yields what body may have been, the likeliest first, each text once and never body itself: other texts,
// the contents of what body may be the encoding of, other JSON writers, and then two changes at once. It ends when
// ctx does.
func Variants(ctx context.Context, body []byte, h Hints) iter.Seq[Variant] {
	return func(yield func(Variant) bool) {
		if len(body) == 0 || len(body) > maxBodySize {
			return
		}
		s := &seen{ctx: ctx, seed: maphash.MakeSeed(), sums: map[uint64]bool{}, yield: yield}
		if s.isNew(Variant{bytes: body}) && !s.all(body, h) {
			return
		}
	}
}

// seen yields each text once.
type seen struct {
	ctx   context.Context
	seed  maphash.Seed
	sums  map[uint64]bool
	yield func(Variant) bool

	offers int
}

func (s *seen) isNew(v Variant) bool {
	var h maphash.Hash
	h.SetSeed(s.seed)
	if _, err := v.WriteTo(&guard{s.ctx, &h}); err != nil || s.ctx.Err() != nil {
		return false
	}
	sum := h.Sum64()
	known := s.sums[sum]
	s.sums[sum] = true
	return !known
}

func (s *seen) offer(v Variant) bool {
	s.offers++
	return s.ctx.Err() == nil && s.offers <= maxOffers && (!s.isNew(v) || s.yield(v))
}

const maxOffers = 1024

// guard ends a writing when ctx ends.
type guard struct {
	ctx context.Context
	to  io.Writer
}

func (g *guard) Write(p []byte) (int, error) {
	if g.ctx.Err() != nil {
		return 0, errStopped
	}
	return g.to.Write(p)
}

func (s *seen) all(body []byte, h Hints) bool {
	texts := texts(body)
	contents := contents(body, h)
	for _, v := range append(texts, contents...) {
		if !s.offer(v) {
			return false
		}
	}
	if !s.writers(Variant{bytes: body}) {
		return false
	}
	for _, v := range append(contents, texts...) {
		if !s.writers(v) {
			return false
		}
	}
	for _, v := range append(contents, texts...) {
		for _, second := range append(textsOf(v), contentsOf(v)...) {
			if !s.offer(second) || !s.writers(second) {
				return false
			}
		}
	}
	return true
}

// writers offers v as each JSON writer would have written it.
func (s *seen) writers(v Variant) bool {
	if !isJSON(v.bytes) {
		return true
	}
	for i := range styles {
		changes := add(v.Changes, Change{Cause: Reserialized, Subject: styles[i].name})
		if !s.offer(Variant{Changes: changes, bytes: v.bytes, style: &styles[i]}) {
			return false
		}
	}
	return true
}

func add(changes []Change, c Change) []Change {
	return append(changes[:len(changes):len(changes)], c)
}

func textsOf(v Variant) []Variant    { return prefixed(v.Changes, texts(v.bytes)) }
func contentsOf(v Variant) []Variant { return prefixed(v.Changes, contents(v.bytes, Hints{})) }

func prefixed(changes []Change, vs []Variant) []Variant {
	for i := range vs {
		vs[i].Changes = append(changes[:len(changes):len(changes)], vs[i].Changes...)
	}
	return vs
}

// MapOrder reports whether the members of the objects of body are sorted. Many senders write them so, and so does a
// writer that sorts, as Go does with a map: then the order that was signed is lost, and nothing can be proven.
func MapOrder(body []byte) bool {
	if !isJSON(body) {
		return false
	}
	var last [maxDepth + 1][]byte
	depth, members, sorted := 0, 0, true
	key := false // whether the next string is a key
	var object [maxDepth + 1]bool
	for i := 0; i < len(body) && sorted; i++ {
		switch body[i] {
		case '{', '[':
			depth++
			object[depth], last[depth] = body[i] == '{', nil
			key = object[depth]
		case '}', ']':
			depth--
			key = false
		case ',':
			key = object[depth]
		case '"':
			begin := i + 1
			for i = begin; body[i] != '"'; i++ {
				if body[i] == '\\' {
					i++
				}
			}
			if key {
				if name := body[begin:i]; last[depth] != nil {
					sorted = bytes.Compare(last[depth], name) < 0
					members++
				}
				last[depth] = body[begin:i]
				key = false
			}
		}
	}
	return sorted && members >= 3
}
