package hmacsig

import (
	"context"
	"slices"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/explain"
	"github.com/truhook/truhook/internal/probe"
	"github.com/truhook/truhook/internal/secrettext"
)

var _ truhook.Explainer = (*Verifier)(nil)

// Explain implements [truhook.Explainer]. It looks for the change that turns the delivery into one that the sender
// signed with a key at hand: under another header, prefix or encoding, by a key of the other verifiers, with other
// white space at the ends, with the key written in another way, with the body as a JSON writer writes it or as what
// it may be the encoding of, by another algorithm, and then two changes at once. The key that fitted last comes
// first.
//
// The JSON writers are tried in one order, those that send most webhooks first: no provider's page says what writes
// its JSON. The keys at hand are static ones and those that the source gave last. Whole MACs are compared. What anybody
// could have made, such as a plain hash or an HMAC under a label, is told and never Proven.
func (v *Verifier) Explain(ctx context.Context, q truhook.ExplainQuery) truhook.Explanation {
	if v == nil || v.format == nil {
		return truhook.Explanation{Reason: truhook.NoKey, Complete: true}
	}
	d := q.Delivery
	if d == nil {
		d = &truhook.Delivery{}
	}
	s := &search{Budget: probe.Budget{Ctx: ctx, Left: max(q.MaxHashedBytes, 0)}, v: v, d: d, keys: v.atHand()}
	out := truhook.Explanation{Scheme: v.format.Name}
	out.Reason, out.Proofs = s.judge()
	if q.JudgeOnly {
		out.Complete, out.HashedBytes = s.judged || out.Reason != "", s.Hashed
		return out
	}
	likely := s.likely(out.Reason)
	switch out.Reason {
	case truhook.KeyExpired, truhook.KeyNotYetValid, truhook.NoKey: // which says it all
		out.Complete, out.Tried, out.HashedBytes = !s.Spent, s.tried, s.Hashed
		return out
	case "":
		if s.judged { // it would be accepted
			out.Complete, out.Tried, out.HashedBytes = true, s.tried, s.Hashed
			return out
		}
	}
	s.others = otherKeys(v, q.Others)
	changes := s.run()
	out.Findings = explain.Lacking(explain.Findings(changes, !s.weak, s.offset), likely)
	if len(changes) == 0 && s.plainHash() {
		out.Findings = append(out.Findings, explain.Finding(explain.Because(explain.PlainHash, ""), false))
	}
	if note, ok := explain.Sorted(out.Reason, d.Body); ok && len(out.Findings) == 0 && s.tried > 0 && ctx.Err() == nil {
		out.Findings = append(out.Findings, note)
	}
	out.Complete, out.Tried, out.HashedBytes = !s.Spent, s.tried, s.Hashed
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
			cause := explain.Because(explain.KeyOfOtherProvider, o.format.Name)
			if o.format.Name == v.format.Name || o.format.header == v.format.header {
				cause.Cause = explain.KeyOfOtherEnvironment
			}
			for _, k := range o.atHand() {
				c := cause
				c.Subject += ", key " + k.id
				out = append(out, newKeyTry(k.open().bytes, c))
			}
		}
		others = inner
	}
	return out
}

// judge returns why d is refused by the keys at hand, and what it proves where it is not: nothing by a secret that
// anybody can know. Without a budget only the head is judged.
func (s *search) judge() (truhook.Reason, []truhook.Proof) {
	f := s.v.format
	if err := f.Read(s.d, s.v.received(s.d), &s.head); err != nil {
		return truhook.ReasonOf(err), nil
	}
	s.headSound = true
	if len(s.keys) == 0 {
		return "", nil
	}
	cost := int64(len(s.d.Body)) * int64(len(s.keys)) * int64(s.head.GroupCount) * 2
	if cost > s.Left || s.Left == 0 {
		s.Spent = s.Spent || s.Left > 0
		return "", nil
	}
	s.Left -= cost / 2
	s.Hashed += cost / 2
	id, reason := s.v.try(s.keys, &signed{head: &s.head}, s.d.Body, s.v.received(s.d))
	s.judged = true
	weak := func(k Key) bool { return k.id == id && secrettext.Weak(k.open().bytes) }
	if reason != "" || slices.ContainsFunc(s.keys, weak) {
		return reason, nil
	}
	return "", []truhook.Proof{{Scheme: s.v.format.Name, KeyID: id}}
}

// likely are causes that can only be supposed: nothing of them is hashed.
func (s *search) likely(reason truhook.Reason) []truhook.Finding {
	out := explain.Likely(s.v.format.Format, s.d, reason, macSizes)
	for i := range s.keys {
		k := &s.keys[i]
		switch text := string(k.open().bytes); {
		case secrettext.IsPath(text):
			out = append(out, explain.Finding(explain.Because(explain.KeyIsPath, k.id), false))
		case secrettext.IsPlaceholder(text):
			out = append(out, explain.Finding(explain.Because(explain.KeyIsPlaceholder, k.id), false))
		}
	}
	return out
}
