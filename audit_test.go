package truhook_test

import (
	"context"
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

// auditedVerifier finds what it is told to find.
type auditedVerifier struct {
	truhook.VerifierFunc
	find func(ctx context.Context) []truhook.Finding
}

func (v auditedVerifier) Audit(ctx context.Context) []truhook.Finding { return v.find(ctx) }

func finds(name string) auditedVerifier {
	return auditedVerifier{find: func(context.Context) []truhook.Finding {
		return []truhook.Finding{{Severity: truhook.SeverityWarning, Name: name, Subject: "it", Problem: "P.", Remedy: "R."}}
	}}
}

func names(findings []truhook.Finding) []string {
	var all []string
	for _, f := range findings {
		all = append(all, f.Name)
	}
	return all
}

func TestAuditReachesEveryVerifierOfAComposition(t *testing.T) {
	t.Parallel()
	pass := func(context.Context, *truhook.Delivery) error { return nil }
	v := truhook.AllOf(finds("a"), truhook.AnyOf(finds("b"), truhook.Require(finds("c"), pass), truhook.VerifierFunc(nil)))
	assert.Equal(t, []string{"a", "b", "c"}, names(truhook.Audit(t.Context(), v)))
}

func TestAuditOfNothingIsAFinding(t *testing.T) {
	t.Parallel()
	found := truhook.Audit(t.Context(), nil)
	require.Len(t, found, 1)
	assert.Equal(t, truhook.SeverityError, found[0].Severity)
}

func TestAuditSurvivesPanics(t *testing.T) {
	t.Parallel()
	bad := auditedVerifier{find: func(context.Context) []truhook.Finding { panic("the secret is hunter2") }}
	check := func(context.Context, *truhook.Delivery) error { panic("hunter2") }
	found := truhook.Audit(t.Context(), truhook.AllOf(truhook.Require(bad, check), finds("a")))
	assert.Equal(t, []string{"audit-panicked", "a"}, names(found))
	assert.NotContains(t, found[0].String(), "hunter2")
}

func TestAuditFindsTheAddressesOfTruvsAPIInAnAddressList(t *testing.T) {
	t.Parallel()
	webhooks := []netip.Prefix{netip.MustParsePrefix("34.212.57.93/32"), netip.MustParsePrefix("44.224.243.166/32")}
	anything := netip.MustParsePrefix("0.0.0.0/0")
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	tests := map[string]struct {
		check truhook.Check
		want  []string
	}{
		"sources of webhooks":      {truhook.RemoteAddrIn(webhooks...), []string{"addresses-without-proxies"}},
		"everybody":                {truhook.RemoteAddrIn(anything), []string{"addresses-without-proxies"}},
		"webhooks behind a proxy":  {truhook.ClientAddrIn(proxies, webhooks...), nil},
		"everybody behind a proxy": {truhook.ClientAddrIn(proxies, anything), nil},
		"webhooks by RFC 7239":     {truhook.ClientAddrInForwarded(proxies, webhooks...), nil},
		"another check":            {truhook.HeaderEquals("X-Token", "made for this test"), nil},
		"a check of another kind":  {func(context.Context, *truhook.Delivery) error { return truhook.Refused }, nil},
	}
	for _, addr := range []string{
		"35.167.32.174", "35.165.53.192", "54.71.147.242", "44.235.37.104", "35.83.220.165", "52.38.209.190",
	} {
		one := append(webhooks[:2:2], netip.MustParsePrefix(addr+"/32"))
		tests[addr] = struct {
			check truhook.Check
			want  []string
		}{truhook.RemoteAddrIn(one...), []string{"addresses-without-proxies", "truv-api-addresses"}}
		tests[addr+" behind a proxy"] = struct {
			check truhook.Check
			want  []string
		}{truhook.ClientAddrIn(proxies, one...), []string{"truv-api-addresses"}}
		tests[addr+" by RFC 7239"] = struct {
			check truhook.Check
			want  []string
		}{truhook.ClientAddrInForwarded(proxies, one...), []string{"truv-api-addresses"}}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := truhook.Require(truhook.VerifierFunc(nil), test.check)
			assert.Equal(t, test.want, names(truhook.Audit(t.Context(), v)))
		})
	}
}

func TestAuditCallsAnyOtherCheckOnce(t *testing.T) {
	t.Parallel()
	calls := 0
	check := func(_ context.Context, d *truhook.Delivery) error {
		calls++
		assert.NotNil(t, d.Header)
		return truhook.CheckFailed
	}
	assert.Empty(t, truhook.Audit(t.Context(), truhook.Require(truhook.VerifierFunc(nil), check)))
	assert.Equal(t, 1, calls)
}

func TestFindingReadsAsOneLineAndAsJSON(t *testing.T) {
	t.Parallel()
	f := finds("short-secret").find(t.Context())[0]
	assert.Equal(t, "warning: it: P. R. (short-secret)", f.String())
	f.Subject = ""
	assert.Equal(t, "warning: P. R. (short-secret)", f.String())
	raw, err := json.Marshal(f)
	require.NoError(t, err)
	assert.JSONEq(t, `{"severity":"warning","name":"short-secret","subject":"","problem":"P.","remedy":"R."}`, string(raw))
}
