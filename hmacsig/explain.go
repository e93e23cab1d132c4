package hmacsig

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/probe"
)

var _ truhook.Explainer = (*Verifier)(nil)

// Explain implements [truhook.Explainer]. It looks for the change that turns the delivery into one that the sender signed
// with a key at hand: under another header, prefix or encoding, by a key of the other verifiers, with other white space at
// the ends, with the key written in another way, with the body as a JSON writer writes it or as what it may be the
// encoding of, by another algorithm, and then two changes at once. The key that fitted last comes first.
//
// The keys at hand are static ones and those that the source gave last. Whole MACs are compared. What anybody could have
// made, such as a plain hash or an HMAC under a label, is told and never Proven.
func (v *Verifier) Explain(ctx context.Context, q truhook.ExplainQuery) truhook.Explanation {
	if v == nil || v.format == nil {
		return truhook.Explanation{Reason: truhook.NoKey, Complete: true}
	}
	d := q.Delivery
	if d == nil {
		d = &truhook.Delivery{}
	}
	s := &search{ctx: ctx, v: v, d: d, left: max(q.MaxHashedBytes, 0), keys: v.atHand()}
	out := truhook.Explanation{Reason: s.judge()}
	likely := s.likely(out.Reason)
	switch out.Reason {
	case truhook.KeyExpired, truhook.KeyNotYetValid, truhook.NoKey: // which says it all
		out.Complete, out.Tried, out.HashedBytes = !s.spent, s.tried, s.hashed
		return out
	case "":
		if s.judged { // it would be accepted
			out.Complete, out.Tried, out.HashedBytes = true, s.tried, s.hashed
			return out
		}
	}
	s.others = otherKeys(v, q.Others)
	changes := s.run()
	out.Findings = s.findings(changes)
	for _, f := range likely {
		if !slices.ContainsFunc(out.Findings, func(told truhook.Finding) bool { return told.Name == f.Name }) {
			out.Findings = append(out.Findings, f)
		}
	}
	if len(changes) == 0 && s.plainHash() {
		out.Findings = append(out.Findings, finding(change{causePlainHash, ""}, false))
	}
	if len(out.Findings) == 0 && probe.MapOrder(d.Body) {
		out.Findings = append(out.Findings, finding(change{probe.Reserialized, "Go, a map"}, false))
	}
	out.Complete, out.Tried, out.HashedBytes = !s.spent, s.tried, s.hashed
	if len(changes) == 0 {
		out.RuledOut = s.ruledOut
	}
	return out
}

// atHand returns the keys that are known without asking anybody, the one that fitted last first.
func (v *Verifier) atHand() []Key {
	keys := slices.Clone(v.static)
	if keys == nil {
		if last := v.last.Load(); last != nil {
			keys = slices.Clone(*last)
		}
	}
	switch source := v.keys.(type) {
	case *ReloadableKeys:
		keys, _ = source.Keys(context.Background(), Query{}) // which asks nobody
		keys = slices.Clone(keys)
	case *CachedKeys:
		if len(keys) == 0 && source != nil && source.cache != nil {
			for _, state := range source.cache.States() {
				if state.Answer != nil {
					keys = append(keys, state.Answer.Keys...)
				}
			}
		}
	}
	keys = slices.DeleteFunc(keys, func(k Key) bool { return k.open == nil })
	if fitted := v.fitted.Load(); fitted != nil {
		if i := slices.IndexFunc(keys, func(k Key) bool { return k.open() == fitted }); i > 0 {
			k := keys[i]
			keys = slices.Insert(slices.Delete(keys, i, i+1), 0, k)
		}
	}
	return keys[:min(len(keys), maxKeys)]
}

// holder is a verifier of this package, or one that embeds it.
type holder interface{ itself() *Verifier }

func (v *Verifier) itself() *Verifier { return v }

// otherKeys collects the keys of other verifiers, those inside of AllOf, AnyOf and Require included.
func otherKeys(v *Verifier, others []truhook.Verifier) []keyTry {
	var out []keyTry
	for depth := 0; len(others) > 0 && depth < 8 && len(out) < 4*maxKeys; depth++ {
		var inner []truhook.Verifier
		for _, other := range others {
			if u, ok := other.(interface{ Unwrap() []truhook.Verifier }); ok {
				inner = append(inner, u.Unwrap()...)
			}
			h, ok := other.(holder)
			if !ok || h.itself() == nil || h.itself() == v || h.itself().format == nil {
				continue
			}
			o := h.itself()
			cause := change{causeOtherProvider, o.format.Name}
			if o.format.Name == v.format.Name || o.format.header == v.format.header {
				cause.cause = causeOtherEnvironment
			}
			for _, k := range o.atHand() {
				c := cause
				c.subject += ", key " + k.id
				out = append(out, newKeyTry(k.open().bytes, c))
			}
		}
		others = inner
	}
	return out
}

// judge returns why d is refused by the keys at hand. Without a budget only the head is judged.
func (s *search) judge() truhook.Reason {
	f := s.v.format
	if err := f.Read(s.d, s.v.received(s.d), &s.head); err != nil {
		return truhook.ReasonOf(err)
	}
	s.headSound = true
	if len(s.keys) == 0 {
		return ""
	}
	cost := int64(len(s.d.Body)) * int64(len(s.keys)) * int64(s.head.GroupCount) * 2
	if cost > s.left || s.left == 0 {
		s.spent = s.spent || s.left > 0
		return ""
	}
	s.left -= cost / 2
	s.hashed += cost / 2
	_, reason := s.v.try(s.keys, &signed{head: &s.head}, s.d.Body, s.v.received(s.d))
	s.judged = true
	return reason
}

// likely are causes that can only be supposed: nothing of them is hashed.
func (s *search) likely(reason truhook.Reason) []truhook.Finding {
	var out []truhook.Finding
	add := func(c change, problem string) {
		f := finding(c, false)
		if problem != "" {
			f.Problem = problem
		}
		out = append(out, f)
	}
	f, d := s.v.format, s.d
	switch reason {
	case truhook.Expired, truhook.NotYetValid:
		if text := s.outside(); text != "" {
			add(change{causeOutsideWindow, ""}, text)
		}
	case truhook.MissingSignature:
		for _, name := range similarHeaders(f, d) {
			add(change{causeSimilarName, name}, "")
		}
	case truhook.MalformedSignature:
		add(change{causeForm, ""}, sentence(f.Describe(d)))
	case truhook.DuplicateHeader:
		add(change{causeFolded, ""}, "A header that must come once came several times.")
	}
	if n := d.Header.Get("Content-Length"); len(d.Body) == 0 && d.Body != nil && n != "" && n != "0" {
		add(change{causeEmpty, ""}, "")
	} else if cutShort(d) {
		add(change{causeCut, ""}, "")
	}
	if d.Method != "" && d.Method != http.MethodPost {
		add(change{causeRedirected, d.Method}, "")
	}
	for i := range s.keys {
		k := &s.keys[i]
		switch text := string(k.open().bytes); {
		case isPath(text):
			add(change{causePath, k.id}, "")
		case isPlaceholder(text):
			add(change{causePlaceholder, k.id}, "")
		}
	}
	return out
}

func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// outside says by how much the signed time lies outside of the window. Without a time of receipt it is not judged.
func (s *search) outside() string {
	if s.d.Received.IsZero() {
		return ""
	}
	h := s.v.format.Loose(s.d)
	for i := range h.Groups[:h.GroupCount] {
		if !s.v.format.Time(&h.Groups[i]) {
			continue
		}
		age := s.d.Received.Sub(h.Groups[i].Time).Round(time.Second)
		direction := "before"
		if age < 0 {
			age, direction = -age, "after"
		}
		return fmt.Sprintf("The signed time lies %v %s the time of receipt; %v is allowed.", age, direction, s.v.format.Tolerance)
	}
	return ""
}

// cutShort reports whether fewer bytes are there than were announced, or a JSON text without its end.
func cutShort(d *truhook.Delivery) bool {
	if len(d.Body) == 0 {
		return false
	}
	var announced int
	if _, err := fmt.Sscan(d.Header.Get("Content-Length"), &announced); err == nil && announced > len(d.Body) {
		return true
	}
	depth, inString := 0, false
	if d.Body[0] != '{' && d.Body[0] != '[' {
		return false
	}
	for i := 0; i < len(d.Body); i++ {
		switch c := d.Body[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{', c == '[':
			depth++
		case c == '}', c == ']':
			depth--
		}
	}
	return inString || depth > 0
}
