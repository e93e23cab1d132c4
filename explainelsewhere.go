package truhook

import (
	"context"
	"fmt"
	"slices"
)

const (
	deliveryOfOtherProvider = "delivery-of-other-provider"
	keyOfOtherEnvironment   = "key-of-other-environment"

	maxJudges     = 64 // verifiers that are asked, those inside of others included
	maxJudgeDepth = 8
)

// elsewhere reports whether one of q.Others accepts the delivery as it came and v does not: then it was sent to the
// wrong endpoint. Others may spend half of the budget. What it spends stands in HashedBytes either way.
func elsewhere(ctx context.Context, v Verifier, q ExplainQuery) (e Explanation, genuine bool) {
	others := &judges{ctx: ctx, d: q.Delivery, left: q.MaxHashedBytes / 2}
	i := slices.IndexFunc(q.Others, func(o Verifier) bool { return others.accepts(o, 0) })
	if i < 0 {
		return Explanation{HashedBytes: others.hashed}, false
	}
	// Whatever is inside of v and accepts it is refused for another cause, such as an address.
	own := &judges{ctx: ctx, d: q.Delivery, left: q.MaxHashedBytes - others.hashed}
	if own.accepts(v, 0) {
		return Explanation{HashedBytes: others.hashed + own.hashed}, false
	}
	by := others.proofs[0]
	sameScheme := slices.Contains(own.schemes, by.Scheme)
	if sameScheme && ofTime(own.reason) { // another verifier of the scheme may look at the clock in another way
		return Explanation{HashedBytes: others.hashed + own.hashed}, false
	}
	f := Finding{
		Severity: SeverityError, Name: deliveryOfOtherProvider, Subject: by.Scheme + ", key " + by.KeyID, Proven: true, Offset: -1,
		Problem: fmt.Sprintf("This is a genuine delivery of %s, sent to the endpoint of another provider.", by.Scheme),
		Remedy:  fmt.Sprintf("Correct the URL that is registered with %s, or route what it sends to its own endpoint.", by.Scheme),
	}
	if sameScheme {
		f.Name = keyOfOtherEnvironment
		f.Problem = fmt.Sprintf("This is a genuine delivery of another environment of %s: the key that is named verifies it as it came.",
			by.Scheme)
		f.Remedy = "Send that environment to its own endpoint, or give this endpoint the key of the environment that sends to it."
	}
	return Explanation{
		Reason: own.reason, Scheme: own.scheme, Findings: []Finding{f}, Complete: true, Tried: others.asked + own.asked,
		HashedBytes: others.hashed + own.hashed,
	}, true
}

func ofTime(r Reason) bool {
	return r == Expired || r == NotYetValid || r == KeyExpired || r == KeyNotYetValid
}

// judges asks verifiers for their verdict by the keys at hand, within one budget.
type judges struct {
	ctx  context.Context
	d    *Delivery
	left int64

	asked   int
	hashed  int64
	reason  Reason // of the first one that was asked
	scheme  string
	schemes []string
	proofs  []Proof // of the one that accepts
}

// accepts reports whether v, or one that is inside of it, accepts the delivery. A panic is no acceptance.
func (j *judges) accepts(v Verifier, depth int) bool {
	if j.asked == maxJudges || depth == maxJudgeDepth || j.ctx.Err() != nil {
		return false
	}
	j.asked++
	e, _ := explain(j.ctx, v, ExplainQuery{Delivery: j.d, MaxHashedBytes: j.left, JudgeOnly: true})
	spent := min(max(e.HashedBytes, 0), j.left)
	j.left, j.hashed = j.left-spent, j.hashed+spent
	if j.asked == 1 {
		j.reason, j.scheme = e.Reason, e.Scheme
	}
	j.schemes = append(j.schemes, e.Scheme)
	if e.Reason == "" && len(e.Proofs) > 0 {
		j.proofs = e.Proofs
		return true
	}
	return slices.ContainsFunc(inside(v), func(inner Verifier) bool { return j.accepts(inner, depth+1) })
}

// inside returns the verifiers that v is made of.
func inside(v Verifier) (inner []Verifier) {
	u, ok := v.(interface{ Unwrap() []Verifier })
	if !ok {
		return nil
	}
	defer func() {
		if recover() != nil {
			inner = nil
		}
	}()
	return u.Unwrap()
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
	q.Delivery = q.Delivery.withCanonicalNames()
	return x.Explain(ctx, q), true
}
