package hmacsig

import (
	"crypto"
	"crypto/hmac"
	"slices"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/explain"
	"github.com/truhook/truhook/internal/form"
	"github.com/truhook/truhook/internal/probe"
)

// search looks for the changes that make one of the signatures in a delivery fit.
type search struct {
	probe.Budget
	v      *Verifier
	d      *truhook.Delivery
	keys   []Key
	others []keyTry

	head      form.Head // of which the signatures count, and the rest if headSound
	headSound bool
	judged    bool

	candidates []explain.Candidate
	contents   []explain.Content
	tried      int
	alone      explain.Tried // causes of which candidates were compared
	ruledOut   []string      // those of whole stages

	weak   bool  // anybody could have made what fits
	offset int64 // at which the body that fits differs, -1: none
}

// match is what fitted.
type match struct {
	changes  []explain.Change
	weak     bool // anybody could have made it
	variant  *probe.Variant
	appended string
}

var (
	hashes   = []crypto.Hash{crypto.SHA256, crypto.SHA1, crypto.SHA512, crypto.SHA384}
	macSizes = []int{32, 20, 64, 48}
)

// run goes from one change to two, until something fits or the budget is spent. It returns the changes that explain it.
func (s *search) run() []explain.Change {
	s.offset = -1
	s.candidates = explain.Candidates(s.v.format.Format, s.d, &s.head, macSizes)
	if s.Left == 0 {
		s.Spent = true
	}
	if len(s.candidates) == 0 || s.Spent {
		return nil
	}
	s.contents = explain.Contents(s.v.format.Format, s.d)
	own := make([]keyTry, len(s.keys))
	for i := range s.keys {
		own[i] = newKeyTry(s.keys[i].open().bytes)
	}
	variants := keyVariants(s.keys, s.v.format.keyText)
	asSent := probe.AsSent(s.d.Body)
	plain, hash := s.contents[:1], s.v.format.hash

	stages := []func() *match{
		func() *match { return s.all(own, s.contents, asSent, hash) },
		func() *match { return s.all(s.others, s.contents, asSent, hash) },
		func() *match { return s.all(variants, s.contents, asSent, hash) },
		func() *match { return s.bodies(own, plain, hash) },
		func() *match { return s.algorithms(own, s.contents, asSent) },

		// Two changes at once.
		func() *match { return s.bodies(slices.Concat(variants, s.others), plain, hash) },
		func() *match { return s.bodies(own, s.contents[1:], hash) },
		func() *match { return s.algorithms(slices.Concat(variants, s.others), s.contents, asSent) },
		func() *match { return s.algorithmsOfBodies(own, plain) },
		func() *match { return s.bodies(slices.Concat(variants, s.others), s.contents[1:], hash) },
	}
	for _, stage := range stages {
		m := stage()
		if m != nil {
			return s.told(m)
		}
		if s.Spent {
			return nil
		}
		s.ruledOut = slices.Clone(s.alone)
	}
	return nil
}

// told keeps what findings says of a match.
func (s *search) told(m *match) []explain.Change {
	if m.variant != nil {
		s.offset = m.variant.Offset(s.d.Body)
	} else if m.appended != "" {
		s.offset = int64(len(s.d.Body))
	}
	if s.weak = m.weak; m.weak && len(m.changes) == 0 {
		return []explain.Change{explain.Because(explain.KeyIsPlaceholder, "")}
	}
	return m.changes
}

func (s *search) all(keys []keyTry, contents []explain.Content, body probe.Variant, h crypto.Hash) *match {
	for _, k := range keys {
		for _, c := range contents {
			if m := s.try(k, c, body, h); m != nil || s.Spent {
				return m
			}
		}
	}
	return nil
}

func (s *search) bodies(keys []keyTry, contents []explain.Content, h crypto.Hash) (found *match) {
	if len(keys) == 0 || len(contents) == 0 {
		return nil
	}
	hints := probe.Hints{ContentType: s.d.Header.Get("Content-Type"), ContentEncoding: s.d.Header.Get("Content-Encoding")}
	for body := range probe.Variants(s.Ctx, s.d.Body, hints) {
		if found = s.all(keys, contents, body, h); found != nil || s.Spent {
			return found
		}
	}
	s.Spent = s.Spent || s.Ctx.Err() != nil
	return nil
}

// algorithms tries the other hashes of which a candidate has the size.
func (s *search) algorithms(keys []keyTry, contents []explain.Content, body probe.Variant) *match {
	for _, h := range s.otherHashes() {
		if m := s.all(keys, contents, body, h); m != nil || s.Spent {
			return m
		}
	}
	return nil
}

func (s *search) algorithmsOfBodies(keys []keyTry, contents []explain.Content) *match {
	for _, h := range s.otherHashes() {
		if m := s.bodies(keys, contents, h); m != nil || s.Spent {
			return m
		}
	}
	return nil
}

func (s *search) otherHashes() (out []crypto.Hash) {
	for _, h := range hashes {
		ofSize := func(c explain.Candidate) bool { return len(c.Signature) == h.Size() }
		if h != s.v.format.hash && slices.ContainsFunc(s.candidates, ofSize) {
			out = append(out, h)
		}
	}
	return out
}

// try makes one MAC, and by going on from there those of the body with white space behind it, and compares them.
func (s *search) try(k keyTry, c explain.Content, body probe.Variant, h crypto.Hash) *match {
	m := s.upToTail(k, c, body, h)
	if m == nil {
		return nil
	}
	if len(k.changes) == 0 || len(body.Changes) == 0 { // else it would be a third change
		for _, tail := range probe.Tails() {
			longer := s.Meter(probe.Clone(m.Hash))
			if longer.Hash == nil { // Go Cryptographic Module v1.0.0 copies no HMAC
				longer = s.upToTail(k, c, body, h)
			}
			if longer == nil {
				return nil
			}
			_, _ = longer.Write([]byte(tail))
			if found := s.compare(longer, k, c, body, h, tail); found != nil {
				return found
			}
		}
	}
	return s.compare(m, k, c, body, h, "")
}

// upToTail returns the MAC of all that comes before white space behind the body, nil where the key or the budget allows
// none.
func (s *search) upToTail(k keyTry, c explain.Content, body probe.Variant, h crypto.Hash) *probe.Metered {
	m := s.Meter(k.keyed(h))
	if m.Hash == nil {
		return nil
	}
	_, _ = m.Write(c.Before)
	_, _ = body.WriteTo(m)
	if s.Spent {
		return nil
	}
	return m
}

func (s *search) compare(
	m *probe.Metered, k keyTry, c explain.Content, body probe.Variant, h crypto.Hash, tail string,
) *match {
	_, _ = m.Write(c.After)
	sum := m.Sum(nil)
	s.tried++
	for i := range s.candidates {
		to := &s.candidates[i]
		if len(to.Signature) != len(sum) {
			continue
		}
		if !hmac.Equal(to.Signature, sum) {
			if len(body.Changes) == 0 && tail == "" && len(k.changes)+len(c.Changes)+len(to.Changes) < 2 {
				s.alone.Add(s.changes(k, c, h, to)...)
			}
			continue
		}
		out := &match{weak: k.weak, appended: tail}
		if len(body.Changes) > 0 {
			out.variant = &body
		}
		out.changes = append(out.changes, body.Changes...)
		if tail != "" {
			out.changes = append(out.changes, explain.Because(probe.TextChanged, "whitespace"))
		}
		out.changes = append(out.changes, s.changes(k, c, h, to)...)
		return out
	}
	return nil
}

// changes are those that are not of the body.
func (s *search) changes(k keyTry, c explain.Content, h crypto.Hash, to *explain.Candidate) (out []explain.Change) {
	out = append(out, k.changes...)
	if h != s.v.format.hash {
		out = append(out, explain.Because(explain.OtherAlgorithm, h.String()))
	}
	out = append(out, c.Changes...)
	return append(out, to.Changes...)
}

// plainHash reports whether a candidate is a hash of the body without any key.
func (s *search) plainHash() bool {
	for _, h := range hashes {
		if !slices.ContainsFunc(s.candidates, func(c explain.Candidate) bool { return len(c.Signature) == h.Size() }) {
			continue
		}
		sum := s.unkeyed(h)
		if sum != nil && slices.ContainsFunc(s.candidates, func(c explain.Candidate) bool { return hmac.Equal(c.Signature, sum) }) {
			return true
		}
	}
	return false
}

// unkeyed returns the hash of the body, nil where the budget is spent or FIPS mode panics at the hash.
func (s *search) unkeyed(h crypto.Hash) (sum []byte) {
	defer func() {
		if recover() != nil {
			sum = nil
		}
	}()
	m := s.Meter(h.New())
	if _, err := m.Write(s.d.Body); err != nil {
		return nil
	}
	return m.Sum(nil)
}
