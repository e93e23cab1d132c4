package keysig

import (
	"bytes"
	"context"
	"crypto/rsa"
	"slices"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/explain"
	"github.com/truhook/truhook/internal/form"
	"github.com/truhook/truhook/internal/probe"
)

var _ truhook.Explainer = (*Verifier)(nil)

// maxTries bounds how many signatures one explanation verifies: each costs up to a tenth of a millisecond.
const maxTries = 4096

// Explain implements [truhook.Explainer]. It looks for the change under which one of the signatures fits: in another
// header or form, under a key of the other verifiers, over another content, over the body as a JSON writer writes it
// or as what it may be the encoding of, in the other form of the same kind of key. The keys at hand are static ones
// and those that the source gave last. What fits a public key was signed by who holds the private one, so every match
// is Proven.
func (v *Verifier) Explain(ctx context.Context, q truhook.ExplainQuery) truhook.Explanation {
	if v == nil || v.format == nil {
		return truhook.Explanation{Reason: truhook.NoKey, Complete: true}
	}
	d := q.Delivery
	if d == nil {
		d = &truhook.Delivery{}
	}
	s := &search{ctx: ctx, v: v, d: d, left: max(q.MaxHashedBytes, 0), keys: v.atHand(), offset: -1}
	out := truhook.Explanation{Scheme: v.format.name}
	out.Reason, out.Proofs = s.judge()
	if q.JudgeOnly {
		out.Complete, out.HashedBytes = s.judged || out.Reason != "", s.hashed
		return out
	}
	if out.Reason == "" && s.judged || saysItAll(out.Reason) {
		out.Complete, out.Tried, out.HashedBytes = !s.spent, s.tried, s.hashed
		return out
	}
	likely := explain.Likely(v.format.Format, d, out.Reason, s.sizes())
	s.others = v.othersKeys(q.Others)
	changes := s.run()
	out.Findings = explain.Lacking(explain.Findings(changes, true, s.offset), likely)
	if note, ok := explain.Sorted(out.Reason, d.Body); ok && len(out.Findings) == 0 && s.tried > 0 && ctx.Err() == nil {
		out.Findings = append(out.Findings, note)
	}
	out.Complete, out.Tried, out.HashedBytes = !s.spent, s.tried, s.hashed
	if len(changes) == 0 {
		out.RuledOut = s.ruledOut
	}
	return out
}

func saysItAll(r truhook.Reason) bool {
	return r == truhook.KeyExpired || r == truhook.KeyNotYetValid || r == truhook.NoKey ||
		r == truhook.UnknownKey || r == truhook.MissingKeyID
}

// atHand returns the keys that are known without asking anybody.
func (v *Verifier) atHand() []Key {
	var keys []Key
	switch source := v.keys.(type) {
	case staticKeys:
		keys = source
	case *CachedKeys:
		if source != nil && source.cache != nil {
			for _, state := range source.cache.States() {
				if state.Answer != nil {
					keys = append(keys, state.Answer.Keys...)
				}
			}
		}
	}
	if last := v.last.Load(); last != nil && len(keys) == 0 {
		keys = *last
	}
	keys = slices.Clone(keys[:min(len(keys), maxKeys)])
	return slices.DeleteFunc(keys, func(k Key) bool { return v.format.algorithm.checkKind(k.Public) != nil })
}

// keyTry is a key that may have signed, and how it differs from one that is given.
type keyTry struct {
	key     *Key
	changes []explain.Change
}

// othersKeys collects the keys of other verifiers, those inside of AllOf, AnyOf and Require included.
func (v *Verifier) othersKeys(others []truhook.Verifier) []keyTry {
	var out []keyTry
	for depth := 0; len(others) > 0 && depth < 8 && len(out) < 4*maxKeys; depth++ {
		var inner []truhook.Verifier
		for _, other := range others {
			if u, ok := other.(interface{ Unwrap() []truhook.Verifier }); ok {
				inner = append(inner, u.Unwrap()...)
			}
			o, ok := other.(*Verifier)
			if !ok || o == nil || o == v || o.format == nil {
				continue
			}
			cause := explain.KeyOfOtherProvider
			if o.format.name == v.format.name {
				cause = explain.KeyOfOtherEnvironment
			}
			for _, k := range o.atHand() {
				if v.format.algorithm.checkKind(k.Public) == nil {
					out = append(out, keyTry{&k, []explain.Change{explain.Because(cause, o.format.name+", key "+printableID(k.ID))}})
				}
			}
		}
		others = inner
	}
	return out
}

// search looks for the changes that make one of the signatures in a delivery fit.
type search struct {
	ctx    context.Context
	v      *Verifier
	d      *truhook.Delivery
	keys   []Key
	others []keyTry

	head       form.Head
	judged     bool
	candidates []explain.Candidate
	left       int64 // bytes that may be hashed
	hashed     int64
	tried      int
	spent      bool          // the budget or the context has ended the search
	alone      explain.Tried // causes of which candidates were compared
	ruledOut   []string      // those of whole stages
	offset     int64         // at which the body that fits differs, -1: none
}

// judge returns why d is refused by the keys at hand, and what it proves where it is not. Without a budget only the
// head is judged.
func (s *search) judge() (truhook.Reason, []truhook.Proof) {
	keyID, err := s.v.readHead(s.d, &s.head)
	if err != nil {
		return truhook.ReasonOf(err), nil
	}
	cost := int64(len(s.d.Body)) * int64(s.head.GroupCount)
	if len(s.keys) == 0 || s.left == 0 || cost > s.left {
		s.spent = s.left > 0 && cost > s.left
		return "", nil
	}
	s.left, s.hashed, s.judged = s.left-cost, s.hashed+cost, true
	id, _, reason := s.v.try(s.keys, keyID, &s.head, s.d.Body, s.v.received(s.d))
	if reason != "" {
		return reason, nil
	}
	return "", []truhook.Proof{{Scheme: s.v.format.name, KeyID: id}}
}

// sizes are those of the signatures that the keys make, in bytes.
func (s *search) sizes() []int {
	switch s.v.format.algorithm {
	case ECDSA, ECDSARaw:
		return []int{64, 70, 71, 72, 69, 68}
	case RSAPKCS1v15, RSAPSS:
		sizes := []int{256, 384, 512}
		for i := range s.keys {
			if k, ok := s.keys[i].Public.(*rsa.PublicKey); ok && !slices.Contains(sizes, k.Size()) {
				sizes = append(sizes, k.Size())
			}
		}
		return sizes
	}
	return []int{64}
}

// run goes from one change to two, until something fits or the budget is spent. It returns the changes that explain it.
func (s *search) run() []explain.Change {
	f := s.v.format
	if s.left == 0 {
		s.spent = true
		return nil
	}
	s.candidates = explain.Candidates(f.Format, s.d, &s.head, s.sizes())
	if len(s.candidates) == 0 {
		return nil
	}
	own := make([]keyTry, len(s.keys))
	for i := range s.keys {
		own[i].key = &s.keys[i]
	}
	contents, asSent := explain.Contents(f.Format, s.d), probe.AsSent(s.d.Body)
	stages := []func() []explain.Change{
		func() []explain.Change { return s.all(own, contents, asSent) },
		func() []explain.Change { return s.all(s.others, contents, asSent) },
		func() []explain.Change { return s.bodies(own, contents[:1]) },
		func() []explain.Change { return s.bodies(s.others, contents[:1]) },
		func() []explain.Change { return s.bodies(own, contents[1:]) },
	}
	for _, stage := range stages {
		if changes := stage(); changes != nil || s.spent {
			return changes
		}
		s.ruledOut = slices.Clone(s.alone)
	}
	return nil
}

func (s *search) all(keys []keyTry, contents []explain.Content, body probe.Variant) []explain.Change {
	for _, c := range contents {
		for _, tail := range append([]string{""}, probe.Tails()...) {
			if changes := s.try(keys, c, body, tail); changes != nil || s.spent {
				return changes
			}
		}
	}
	return nil
}

func (s *search) bodies(keys []keyTry, contents []explain.Content) (changes []explain.Change) {
	if len(keys) == 0 {
		return nil
	}
	hints := probe.Hints{ContentType: s.d.Header.Get("Content-Type"), ContentEncoding: s.d.Header.Get("Content-Encoding")}
	for body := range probe.Variants(s.ctx, s.d.Body, hints) {
		for _, c := range contents {
			if changes = s.try(keys, c, body, ""); changes != nil || s.spent {
				return changes
			}
		}
	}
	s.spent = s.spent || s.ctx.Err() != nil
	return nil
}

// try verifies every candidate over one content under every key, in every form of the algorithm.
func (s *search) try(keys []keyTry, c explain.Content, body probe.Variant, tail string) []explain.Change {
	if len(keys) == 0 {
		return nil
	}
	var b bytes.Buffer
	_, _ = body.WriteTo(&b)
	b.WriteString(tail)
	if cost := int64(len(c.Before) + b.Len() + len(c.After)); cost > s.left || s.ctx.Err() != nil {
		s.spent = true
		return nil
	} else {
		s.left, s.hashed = s.left-cost, s.hashed+cost
	}
	signed := &content{before: c.Before, body: b.Bytes(), after: c.After}
	signed.prepare(s.v.format.algorithm)
	for _, k := range keys {
		for i := range s.candidates {
			for _, a := range s.v.format.algorithm.likewise() {
				if s.tried++; s.tried > maxTries || s.ctx.Err() != nil {
					s.spent = true
					return nil
				}
				if a.fits(k.key.Public, signed, s.candidates[i].Signature) {
					return s.told(k, c, body, tail, a, &s.candidates[i])
				}
				if len(body.Changes) == 0 && tail == "" {
					s.alone.Add(s.changes(k, c, a, &s.candidates[i])...)
				}
			}
		}
	}
	return nil
}

// likewise returns a and the other form in which the same kind of key signs the same digest.
func (a Algorithm) likewise() []Algorithm {
	switch a {
	case ECDSA:
		return []Algorithm{ECDSA, ECDSARaw}
	case ECDSARaw:
		return []Algorithm{ECDSARaw, ECDSA}
	case RSAPKCS1v15:
		return []Algorithm{RSAPKCS1v15, RSAPSS}
	case RSAPSS:
		return []Algorithm{RSAPSS, RSAPKCS1v15}
	}
	return []Algorithm{a}
}

func (s *search) told(
	k keyTry, c explain.Content, body probe.Variant, tail string, a Algorithm, to *explain.Candidate,
) []explain.Change {
	out := []explain.Change{} // not nil: something fits
	out = append(out, body.Changes...)
	if len(body.Changes) > 0 {
		s.offset = body.Offset(s.d.Body)
	} else if tail != "" {
		s.offset = int64(len(s.d.Body))
		out = append(out, explain.Because(probe.TextChanged, "whitespace"))
	}
	return append(out, s.changes(k, c, a, to)...)
}

// changes are those that are not of the body.
func (s *search) changes(k keyTry, c explain.Content, a Algorithm, to *explain.Candidate) (out []explain.Change) {
	out = append(out, k.changes...)
	if a != s.v.format.algorithm {
		out = append(out, explain.Because(explain.OtherAlgorithm, map[Algorithm]string{
			ECDSA: "DER", ECDSARaw: "two numbers of 32 bytes", RSAPKCS1v15: "PKCS #1 v1.5", RSAPSS: "PSS",
		}[a]))
	}
	return append(append(out, c.Changes...), to.Changes...)
}
