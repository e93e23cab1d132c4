package truhook_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

// brokenInside is made of verifiers that it cannot name.
type brokenInside struct{ truhook.Verifier }

func (brokenInside) Unwrap() []truhook.Verifier { panic("hunter2") }

// ownInside is made of itself.
type ownInside struct{ asked *int }

func (e ownInside) Verify(context.Context, *truhook.Delivery) (*truhook.Verified, error) {
	return nil, truhook.Refused
}

func (e ownInside) Explain(context.Context, truhook.ExplainQuery) truhook.Explanation {
	*e.asked++
	return truhook.Explanation{Reason: truhook.Refused}
}

func (e ownInside) Unwrap() []truhook.Verifier { return []truhook.Verifier{e, e, e, e} }

func TestExplain_ADeliveryOfAnotherEndpoint(t *testing.T) {
	t.Parallel()
	judges := func(scheme string, r truhook.Reason, keys ...string) explaining {
		return explaining{t, func(_ context.Context, q truhook.ExplainQuery) truhook.Explanation {
			e := truhook.Explanation{Reason: r, Scheme: scheme, HashedBytes: min(10, q.MaxHashedBytes), Complete: true}
			for _, k := range keys {
				e.Proofs = append(e.Proofs, truhook.Proof{Scheme: scheme, KeyID: k})
			}
			if !q.JudgeOnly {
				e.Tried, e.Findings = 1, []truhook.Finding{{Severity: truhook.SeverityError, Name: "searched", Proven: true}}
			}
			return e
		}}
	}
	panics := explaining{t, func(context.Context, truhook.ExplainQuery) truhook.Explanation { panic("hunter2") }}
	no := truhook.HeadCheck("no", func(*truhook.Delivery) error { return truhook.SourceNotAllowed })
	slow := truhook.NewCheck("slow", func(context.Context, *truhook.Delivery) error { t.Error("a check that can wait was asked"); return nil })
	here, stripe := judges("truv", truhook.SignatureMismatch), judges("stripe", "", "live")
	const other, environment, search = "delivery-of-other-provider", "key-of-other-environment", "searched"
	for name, test := range map[string]struct {
		v      truhook.Verifier
		others []truhook.Verifier
		want   string
	}{
		"another provider's":                           {here, []truhook.Verifier{stripe}, other},
		"another environment's":                        {here, []truhook.Verifier{judges("truv", "", "sandbox")}, environment},
		"the second of them":                           {here, []truhook.Verifier{judges("x", truhook.MissingSignature), stripe}, other},
		"one of AnyOf":                                 {here, []truhook.Verifier{truhook.AnyOf(judges("x", truhook.MissingSignature), stripe)}, other},
		"one of AllOf, of which another says no":       {here, []truhook.Verifier{truhook.AllOf(judges("x", truhook.NoClientCertificate), stripe)}, other},
		"behind an address that says no":               {here, []truhook.Verifier{truhook.Require(stripe, no)}, other},
		"behind a check that can wait":                 {here, []truhook.Verifier{truhook.Require(truhook.AnyOf(stripe), slow)}, other},
		"at AnyOf":                                     {truhook.AnyOf(judges("x", truhook.MissingSignature), here), []truhook.Verifier{judges("truv", "", "sandbox")}, environment},
		"at a verifier that explains nothing":          {truhook.VerifierFunc(nil), []truhook.Verifier{stripe}, other},
		"after one that panics":                        {here, []truhook.Verifier{panics, nil, brokenInside{here}, stripe}, other},
		"the time is not that of the delivery":         {judges("stripe", truhook.Expired), []truhook.Verifier{stripe}, search},
		"the key is over, and elsewhere it is not":     {judges("stripe", truhook.KeyExpired), []truhook.Verifier{stripe}, search},
		"none accepts":                                 {here, []truhook.Verifier{judges("stripe", truhook.SignatureMismatch, "live")}, search},
		"none says that it accepts":                    {here, []truhook.Verifier{judges("stripe", "")}, search},
		"the same one, behind an address that says no": {truhook.AllOf(truhook.AllOf(stripe), here), []truhook.Verifier{stripe}, search},
		"no others":                                    {here, nil, search},
		"others that are nil, or panic":                {here, []truhook.Verifier{nil, panics, brokenInside{panics}, truhook.VerifierFunc(nil)}, search},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := truhook.Explain(t.Context(), test.v, &truhook.Delivery{Body: []byte("x")}, truhook.ExplainConfig{Others: test.others})
			require.NotEmpty(t, e.Findings)
			f := e.Findings[0]
			assert.Equal(t, test.want, f.Name)
			assert.True(t, f.Proven)
			if test.want == search {
				return
			}
			require.Len(t, e.Findings, 1, "no advice beside it: %+v", e.Findings)
			assert.Equal(t, map[string]string{other: "stripe, key live", environment: "truv, key sandbox"}[test.want], f.Subject)
			assert.Contains(t, f.Problem, "genuine delivery of")
			assert.NotContains(t, f.Remedy, "xchange")
			assert.Empty(t, e.Proofs, "it is refused")
		})
	}
}

func TestExplain_OthersAreAskedWithinTheBudget(t *testing.T) {
	t.Parallel()
	asked := 0
	d := &truhook.Delivery{Body: []byte("x")}
	e := truhook.Explain(t.Context(), truhook.VerifierFunc(nil), d, truhook.ExplainConfig{Others: []truhook.Verifier{ownInside{&asked}}})
	assert.Empty(t, e.Findings)
	assert.Equal(t, 64, asked, "one that is made of itself ends")

	var given []int64
	greedy := explaining{t, func(_ context.Context, q truhook.ExplainQuery) truhook.Explanation {
		given = append(given, q.MaxHashedBytes)
		return truhook.Explanation{Reason: truhook.SignatureMismatch, HashedBytes: q.MaxHashedBytes + 1<<40}
	}}
	e = truhook.Explain(t.Context(), greedy, d, truhook.ExplainConfig{Others: []truhook.Verifier{greedy, greedy}, MaxHashedBytes: 1000})
	assert.Equal(t, []int64{500, 0, 500}, given, "the others may spend one half")
	require.Empty(t, e.Findings)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	given = nil
	truhook.Explain(ended, truhook.VerifierFunc(nil), d, truhook.ExplainConfig{Others: []truhook.Verifier{greedy}})
	assert.Empty(t, given, "nobody is asked after the end")
}

// Proofs are those of a delivery that is accepted: by all of AllOf, by one of AnyOf.
func TestExplain_ProofsOfCompositions(t *testing.T) {
	t.Parallel()
	says := func(r truhook.Reason, proofs ...truhook.Proof) truhook.Verifier {
		return explaining{t, func(context.Context, truhook.ExplainQuery) truhook.Explanation {
			return truhook.Explanation{Reason: r, Proofs: proofs, Complete: true}
		}}
	}
	proof := truhook.Proof{Scheme: "truv", KeyID: "current"}
	yes, no := says("", proof), says(truhook.NoClientCertificate)
	for name, test := range map[string]struct {
		v    truhook.Verifier
		want []truhook.Proof
	}{
		"AllOf":                   {truhook.AllOf(yes, says("")), []truhook.Proof{proof}},
		"AllOf, one says no":      {truhook.AllOf(yes, no), nil},
		"AnyOf":                   {truhook.AnyOf(no, yes), []truhook.Proof{proof}},
		"AnyOf, none says yes":    {truhook.AnyOf(no, no), nil},
		"Require, a head refuses": {truhook.Require(yes, truhook.HeadCheck("no", func(*truhook.Delivery) error { return truhook.SourceNotAllowed })), nil},
	} {
		e := truhook.Explain(t.Context(), test.v, &truhook.Delivery{}, truhook.ExplainConfig{})
		assert.Equal(t, test.want, e.Proofs, name)
	}
}
