package truhook

import (
	"context"
	"slices"
	"time"
)

// An Explainer finds out why it refuses a delivery. The verifiers of this module are Explainers, and a [Verifier] of
// yours may be one.
//
// Explain uses the keys at hand. It never asks a source for new ones, never opens a path and changes nothing. It ends
// when ctx does or when its budget is spent, and says then that it is not complete. It must be safe for concurrent use.
type Explainer interface {
	Explain(ctx context.Context, q ExplainQuery) Explanation
}

// ExplainQuery is what an [Explainer] is asked.
type ExplainQuery struct {
	// Delivery is what was refused, complete with its body.
	Delivery *Delivery

	// Others are further verifiers whose keys are tried too: other environments, other providers.
	Others []Verifier

	// MaxHashedBytes is how many bytes may be hashed. Zero and below mean none.
	MaxHashedBytes int64

	// JudgeOnly asks for the verdict by the keys at hand, which is Reason, Scheme and Proofs, and for no cause.
	JudgeOnly bool
}

// An Explanation says why a delivery is refused. The zero value says that nothing was found and that the search was not
// complete. It holds no secret, signature or body.
type Explanation struct {
	// Reason is why the delivery is refused now, by the keys at hand. Empty: it would be accepted, or it is not known.
	Reason Reason

	// Scheme is the name of the scheme that was asked, as it stands in a Proof; may be empty.
	Scheme string

	// Proofs are the scheme and the key of a delivery that is accepted as it came, by a key at hand that not everybody
	// can know. Empty: it is refused, or it is not known.
	Proofs []Proof

	// Findings are the causes, the likeliest first. A Reason that says it all needs none. A note is no cause: it goes
	// with one.
	Findings []Finding

	// Complete is false if the budget or the context ended the search.
	Complete bool

	// Tried is how many combinations of key, body and form were compared.
	Tried int

	// RuledOut are the names of the causes that were tried without success: candidates of each were compared, and none
	// fits. Another candidate may be the one. Causes about the body are never among them, as what a body was before
	// something wrote it again can be lost.
	RuledOut []string

	// HashedBytes is what was spent of ExplainQuery.MaxHashedBytes.
	HashedBytes int64
}

// ExplainConfig adjusts [Explain]. Its zero value is for a person who waits.
type ExplainConfig struct {
	_ [0]func()

	// Reason is why the delivery was refused, where that is known. It stands in the Explanation where v gives none.
	Reason Reason

	// Others are further verifiers whose keys are tried too: other environments, other providers.
	Others []Verifier

	// MaxHashedBytes is how many bytes may be hashed. Zero and below mean 256 MiB.
	MaxHashedBytes int64

	// Timeout is how long it may take. Zero and below mean 2 s.
	Timeout time.Duration
}

const (
	defaultExplainBytes   = 256 << 20
	defaultExplainTimeout = 2 * time.Second

	noCauseFound = "no-cause-found"
)

// Explain says why v refuses d, within the budget of cfg. d must have its body. It asks first whether one of cfg.Others
// accepts d as it came: then d was sent to the wrong endpoint. Then it asks v if that is an [Explainer], as are the
// verifiers of this module and those that [AllOf], [AnyOf] and [Require] make of them; about another verifier nothing
// is found. Verify is not called, so no key source is asked. A panic of an Explainer ends its part of the search only.
//
// Explain is for a person or for a log after the response. What it finds must not reach the sender.
func Explain(ctx context.Context, v Verifier, d *Delivery, cfg ExplainConfig) Explanation {
	if cfg.MaxHashedBytes <= 0 {
		cfg.MaxHashedBytes = defaultExplainBytes
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultExplainTimeout
	}
	if d == nil {
		d = &Delivery{}
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()
	q := ExplainQuery{Delivery: d, Others: slices.Clone(cfg.Others), MaxHashedBytes: cfg.MaxHashedBytes}
	e, genuine := elsewhere(ctx, v, q)
	if !genuine {
		q.MaxHashedBytes -= e.HashedBytes
		spent, known := e.HashedBytes, false
		if e, known = explain(ctx, v, q); !known {
			e.Complete = true
		}
		e.HashedBytes += spent
	}
	if e.Reason == "" {
		e.Reason = cfg.Reason
	}
	e.Findings = withAdvice(e)
	for i := range e.Findings {
		if !e.Findings[i].Proven {
			e.Findings[i].Offset = -1
		}
	}
	found := func(name string) bool {
		return slices.ContainsFunc(e.Findings, func(f Finding) bool { return f.Name == name })
	}
	e.RuledOut = slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(e.RuledOut))), found)
	return e
}

// withAdvice returns the findings, with no-cause-found in front where there is no cause and the Reason does not say it
// all.
func withAdvice(e Explanation) []Finding {
	caused := slices.ContainsFunc(e.Findings, func(f Finding) bool { return f.Severity != SeverityNote })
	remedy := advice(e.Reason)
	if caused || e.Tried == 0 || remedy == "" || len(e.Proofs) > 0 {
		return e.Findings
	}
	return slices.Insert(e.Findings, 0, Finding{
		Severity: SeverityNote, Name: noCauseFound, Problem: "None of the causes that can be tried explains it.", Remedy: remedy,
	})
}

// advice returns what to do where no cause is found: empty for a Reason that says it all. Every other Reason does: it
// names what is missing, malformed, over, or somebody else's, and docs/reasons.md has the cure.
func advice(r Reason) string {
	switch r {
	case "":
		return "Verify it again: its refusal has a Reason, and by the keys at hand it may be accepted now."
	case SignatureMismatch:
		return "Compare the key with the provider's page, and ask the provider which key and bytes it signed."
	case BodyHashMismatch:
		return "The token is right: compare the bytes that its hash is over with those that arrive."
	}
	return ""
}

// explainAll asks the verifiers one after another within one budget. all is false if one of them cannot say.
func explainAll(ctx context.Context, verifiers []Verifier, q ExplainQuery) (known []Explanation, all bool) {
	all = true
	for _, v := range verifiers {
		e, ok := explain(ctx, v, q)
		if !ok {
			all = false
			continue
		}
		q.MaxHashedBytes = max(0, q.MaxHashedBytes-e.HashedBytes)
		known = append(known, e)
	}
	return known, all
}

// join adds the refusals among all: those who would accept have nothing to say.
func join(all []Explanation) Explanation {
	out := Explanation{Complete: true}
	for _, e := range all {
		out.HashedBytes += e.HashedBytes
		out.Tried += e.Tried
		out.Complete = out.Complete && e.Complete
		out.Proofs = append(out.Proofs, e.Proofs...)
		if e.Reason == "" && len(e.Findings) == 0 {
			continue
		}
		if out.Reason == "" {
			out.Reason, out.Scheme = e.Reason, e.Scheme
		}
		out.Findings = append(out.Findings, e.Findings...)
		out.RuledOut = append(out.RuledOut, e.RuledOut...)
	}
	proven := slices.DeleteFunc(slices.Clone(out.Findings), func(f Finding) bool { return !f.Proven })
	likely := slices.DeleteFunc(out.Findings, func(f Finding) bool { return f.Proven })
	out.Findings = append(proven, likely...)
	if out.Reason != "" {
		out.Proofs = nil
	}
	if len(out.Findings) > 1 {
		out.Findings = slices.DeleteFunc(out.Findings, func(f Finding) bool { return f.Name == noCauseFound })
	}
	return out
}

func (a allOf) Explain(ctx context.Context, q ExplainQuery) Explanation {
	known, _ := explainAll(ctx, a.verifiers, q)
	return join(known)
}

func (a anyOf) Explain(ctx context.Context, q ExplainQuery) Explanation {
	known, all := explainAll(ctx, a.verifiers, q)
	out := join(known)
	for _, e := range known {
		if e.Reason == "" && len(e.Findings) == 0 && all {
			// It accepts, and so does AnyOf.
			return Explanation{Scheme: e.Scheme, Proofs: e.Proofs, Complete: e.Complete, Tried: out.Tried, HashedBytes: out.HashedBytes}
		}
		if e.Reason != "" && isOurs(e.Reason) && !isOurs(out.Reason) {
			out.Reason = e.Reason // as ReasonOf does it
		}
	}
	return out
}

// Explain tells which head check refuses; the other checks could wait for something outside and are not asked.
func (q require) Explain(ctx context.Context, query ExplainQuery) Explanation {
	if err := q.tryHeads(query.Delivery); err != nil {
		return Explanation{Reason: ReasonOf(err), Complete: true}
	}
	e, _ := explain(ctx, q.verifiers[0], query)
	return e
}

func (q require) tryHeads(d *Delivery) (err error) {
	defer recoverAs(&err, func() {})
	return q.runHeads(d)
}
