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
}

// An Explanation says why a delivery is refused. The zero value says that nothing was found and that the search was not
// complete. It holds no secret, signature or body.
type Explanation struct {
	// Reason is why the delivery is refused now, by the keys at hand. Empty: it would be accepted, or it is not known.
	Reason Reason

	// Findings are the causes, the likeliest first. A Reason that says it all needs none.
	Findings []Finding

	// Complete is false if the budget or the context ended the search.
	Complete bool

	// Tried is how many combinations of key, body and form were compared.
	Tried int

	// RuledOut are the names of the causes that were tried and are not it.
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

// Explain says why v refuses d, within the budget of cfg. d must have its body. It asks v if that is an [Explainer], as
// are the verifiers of this module and those that [AllOf], [AnyOf] and [Require] make of them; about another verifier
// nothing is found. Verify is not called, so no key source is asked. A panic of an Explainer ends its part of the
// search only.
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
	e, known := explain(ctx, v, q)
	if !known {
		e.Complete = true
	}
	if e.Reason == "" {
		e.Reason = cfg.Reason
	}
	if len(e.Findings) == 0 && e.Tried > 0 && !saysItAll(e.Reason) {
		e.Findings = []Finding{{
			Severity: SeverityNote, Name: noCauseFound, Problem: "None of the causes that can be tried explains it.",
			Remedy: "Compare the key with the provider's page, and ask the provider which key and bytes it signed.",
		}}
	}
	for i := range e.Findings {
		if !e.Findings[i].Proven {
			e.Findings[i].Offset = -1
		}
	}
	return e
}

// saysItAll reports whether a Reason needs no cause beside it: what was shown and is not taken, and what is ours.
func saysItAll(r Reason) bool {
	switch r {
	case UnknownKey, KeyExpired, KeyNotYetValid, MissingKeyID, MissingClaim, MalformedClaim, MissingRequestClaim,
		MissingBodyHash, WrongIssuer, WrongAudience, WrongSubject, WrongSubjectName, CertificateExpired,
		CertificateNotYetValid, WrongCertificateUsage, ChainTooLong, UntrustedProxy, SourceNotAllowed, CheckFailed:
		return true
	}
	return r != "" && isOurs(r)
}

// explain asks v, if it is an Explainer.
func explain(ctx context.Context, v Verifier, q ExplainQuery) (e Explanation, known bool) {
	x, ok := v.(Explainer)
	if !ok {
		return Explanation{}, false
	}
	defer func() {
		if recover() != nil { // without the value, which can hold anything
			e, known = Explanation{}, false
		}
	}()
	return x.Explain(ctx, q), true
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
		if e.Reason == "" && len(e.Findings) == 0 {
			continue
		}
		if out.Reason == "" {
			out.Reason = e.Reason
		}
		out.Findings = append(out.Findings, e.Findings...)
		out.RuledOut = append(out.RuledOut, e.RuledOut...)
	}
	proven := slices.DeleteFunc(slices.Clone(out.Findings), func(f Finding) bool { return !f.Proven })
	likely := slices.DeleteFunc(out.Findings, func(f Finding) bool { return f.Proven })
	out.Findings = append(proven, likely...)
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
			return Explanation{Complete: e.Complete, Tried: out.Tried, HashedBytes: out.HashedBytes}
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
