package truhook_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

// explaining is a verifier that explains what it is told to explain, and must not be asked for a verdict.
type explaining struct {
	t       *testing.T
	explain func(ctx context.Context, q truhook.ExplainQuery) truhook.Explanation
}

func (x explaining) Verify(context.Context, *truhook.Delivery) (*truhook.Verified, error) {
	x.t.Error("Explain must not call Verify, which can ask a key source")
	return nil, truhook.Internal
}

func (x explaining) Explain(ctx context.Context, q truhook.ExplainQuery) truhook.Explanation {
	return x.explain(ctx, q)
}

func TestExplain_Compositions(t *testing.T) {
	t.Parallel()
	says := func(r truhook.Reason, hashed int64, findings ...truhook.Finding) explaining {
		return explaining{t, func(_ context.Context, q truhook.ExplainQuery) truhook.Explanation {
			return truhook.Explanation{Reason: r, Findings: findings, Complete: q.MaxHashedBytes >= hashed, Tried: 1, HashedBytes: min(hashed, q.MaxHashedBytes)}
		}}
	}
	likely := truhook.Finding{Severity: truhook.SeverityWarning, Name: "body-empty"}
	proven := truhook.Finding{Severity: truhook.SeverityError, Name: "key-whitespace", Proven: true, Offset: -1}
	at := truhook.Finding{Severity: truhook.SeverityError, Name: "body-text-changed", Proven: true, Offset: 0}
	none := truhook.Finding{Name: "no-cause-found"}
	silent := explaining{t, func(context.Context, truhook.ExplainQuery) truhook.Explanation { panic("hunter2") }}
	no := truhook.HeadCheck("no", func(*truhook.Delivery) error { return truhook.SourceNotAllowed })
	yes := truhook.HeadCheck("yes", func(*truhook.Delivery) error { return nil })
	bad := truhook.HeadCheck("bad", func(*truhook.Delivery) error { panic("hunter2") })
	slow := truhook.NewCheck("slow", func(context.Context, *truhook.Delivery) error { t.Error("a check that can wait was asked"); return nil })
	type want struct {
		reason   truhook.Reason
		names    []string
		complete bool
		hashed   int64
	}
	for name, test := range map[string]struct {
		v    truhook.Verifier
		want want
	}{
		"one":                           {says(truhook.SignatureMismatch, 5, proven), want{truhook.SignatureMismatch, []string{"key-whitespace"}, true, 5}},
		"one that would accept":         {says("", 5), want{"", []string{"no-cause-found"}, true, 5}},
		"a Reason that says it all":     {says(truhook.KeyExpired, 5), want{truhook.KeyExpired, nil, true, 5}},
		"one about a certificate":       {says(truhook.CertificateExpired, 5), want{truhook.CertificateExpired, nil, true, 5}},
		"one that is ours":              {says(truhook.KeysUnavailable, 5), want{truhook.KeysUnavailable, nil, true, 5}},
		"AllOf, the proven first":       {truhook.AllOf(says(truhook.Expired, 1, likely), says(truhook.SignatureMismatch, 1, at)), want{truhook.Expired, []string{"body-text-changed", "body-empty"}, true, 2}},
		"AllOf, one accepts":            {truhook.AllOf(says("", 1), says(truhook.BodyHashMismatch, 1)), want{truhook.BodyHashMismatch, []string{"no-cause-found"}, true, 2}},
		"AllOf, nothing found once":     {truhook.AllOf(says(truhook.Expired, 1, none), says(truhook.SignatureMismatch, 1, proven)), want{truhook.Expired, []string{"key-whitespace"}, true, 2}},
		"AllOf, one budget":             {truhook.AllOf(says(truhook.Expired, 80, likely), says(truhook.SignatureMismatch, 80, proven)), want{truhook.Expired, []string{"key-whitespace", "body-empty"}, false, 100}},
		"AllOf, one panics":             {truhook.AllOf(silent, says(truhook.SignatureMismatch, 1, proven)), want{truhook.SignatureMismatch, []string{"key-whitespace"}, true, 1}},
		"AllOf, one is no Explainer":    {truhook.AllOf(truhook.VerifierFunc(nil), says(truhook.SignatureMismatch, 1, proven)), want{truhook.SignatureMismatch, []string{"key-whitespace"}, true, 1}},
		"AnyOf":                         {truhook.AnyOf(says(truhook.SignatureMismatch, 1, likely), says(truhook.KeysStale, 1, proven)), want{truhook.KeysStale, []string{"key-whitespace", "body-empty"}, true, 2}},
		"AnyOf, one accepts":            {truhook.AnyOf(says(truhook.SignatureMismatch, 1, likely), says("", 1)), want{"", []string{"no-cause-found"}, true, 2}},
		"Require":                       {truhook.Require(says(truhook.SignatureMismatch, 1, proven), yes, slow), want{truhook.SignatureMismatch, []string{"key-whitespace"}, true, 1}},
		"Require, the check refuses":    {truhook.Require(says(truhook.SignatureMismatch, 1, proven), yes, no), want{truhook.SourceNotAllowed, nil, true, 0}},
		"Require, the check panics":     {truhook.Require(says(truhook.SignatureMismatch, 1, proven), bad), want{truhook.Internal, nil, true, 0}},
		"all in one another":            {truhook.Require(truhook.AllOf(truhook.AnyOf(says(truhook.Expired, 3, at))), yes), want{truhook.Expired, []string{"body-text-changed"}, true, 3}},
		"no Explainer":                  {truhook.VerifierFunc(nil), want{"", nil, true, 0}},
		"an Explainer that only panics": {silent, want{"", nil, true, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := truhook.Explain(t.Context(), test.v, &truhook.Delivery{Body: []byte("x")}, truhook.ExplainConfig{MaxHashedBytes: 100})
			assert.Equal(t, test.want, want{e.Reason, names(e.Findings), e.Complete, e.HashedBytes})
			for _, f := range e.Findings {
				if !f.Proven {
					assert.Equal(t, int64(-1), f.Offset, f.Name)
				}
			}
		})
	}
}

func TestExplain_GivesTheQueryItsBudget(t *testing.T) {
	t.Parallel()
	others := []truhook.Verifier{truvVerifier(t)}
	d := &truhook.Delivery{Body: []byte("x")}
	for name, test := range map[string]struct {
		cfg     truhook.ExplainConfig
		bytes   int64
		timeout time.Duration
	}{
		"the defaults": {truhook.ExplainConfig{Others: others}, 256 << 20, 2 * time.Second},
		"given":        {truhook.ExplainConfig{Others: others, MaxHashedBytes: 8 << 20, Timeout: 10 * time.Minute}, 8 << 20, 10 * time.Minute},
	} {
		asked := false
		v := explaining{t, func(ctx context.Context, q truhook.ExplainQuery) truhook.Explanation {
			asked = true
			deadline, ok := ctx.Deadline()
			assert.True(t, ok)
			assert.LessOrEqual(t, time.Until(deadline), test.timeout, name)
			assert.Greater(t, time.Until(deadline), test.timeout/2-time.Second, name)
			assert.Equal(t, test.bytes, q.MaxHashedBytes)
			assert.Same(t, d, q.Delivery)
			assert.Equal(t, others, q.Others)
			return truhook.Explanation{}
		}}
		e := truhook.Explain(t.Context(), v, d, test.cfg)
		require.True(t, asked)
		require.False(t, e.Complete)
	}
}

func TestExplain_KeepsTheReasonThatIsKnown(t *testing.T) {
	t.Parallel()
	e := truhook.Explain(t.Context(), truhook.VerifierFunc(nil), nil, truhook.ExplainConfig{Reason: truhook.WrongAudience})
	assert.Equal(t, truhook.WrongAudience, e.Reason)
	e = truhook.Explain(t.Context(), nil, nil, truhook.ExplainConfig{})
	assert.Empty(t, e.Findings)
}
