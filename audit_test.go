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

func TestAudit_AuditReachesEveryVerifierOfAComposition(t *testing.T) {
	t.Parallel()
	v := truhook.AllOf(finds("a"), truhook.AnyOf(finds("b"), truhook.Require(finds("c"), pass), truhook.VerifierFunc(nil)))
	assert.Equal(t, []string{"a", "b", "c"}, names(truhook.Audit(t.Context(), v)))
}

func TestAudit_AuditOfNothingIsAFinding(t *testing.T) {
	t.Parallel()
	found := truhook.Audit(t.Context(), nil)
	require.Len(t, found, 1)
	assert.Equal(t, truhook.SeverityError, found[0].Severity)
}

func TestAudit_AuditSurvivesPanics(t *testing.T) {
	t.Parallel()
	bad := auditedVerifier{find: func(context.Context) []truhook.Finding { panic("the secret is hunter2") }}
	check := truhook.NewCheck("panics", func(context.Context, *truhook.Delivery) error { panic("hunter2") })
	sources := sourceVerifier{ask: func([]netip.Prefix) []truhook.Finding { panic("hunter2") }}
	list := truhook.ClientAddrIn([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, netip.MustParsePrefix("192.0.2.0/24"))
	v := truhook.AllOf(truhook.Require(bad, check), finds("a"), truhook.Require(sources, list))
	found := truhook.Audit(t.Context(), v)
	assert.Equal(t, []string{"audit-panicked", "a", "audit-panicked"}, names(found))
	assert.NotContains(t, found[0].String(), "hunter2")
}

// sourceVerifier knows which addresses its provider has.
type sourceVerifier struct {
	truhook.VerifierFunc
	ask func(allowed []netip.Prefix) []truhook.Finding
}

func (v sourceVerifier) AuditSources(allowed []netip.Prefix) []truhook.Finding { return v.ask(allowed) }

func TestAudit_AddressLists(t *testing.T) {
	t.Parallel()
	prefix := netip.MustParsePrefix
	webhooks := []netip.Prefix{prefix("34.212.57.93/32"), prefix("44.224.243.166/32")}
	proxies := []netip.Prefix{prefix("10.0.0.0/8"), prefix("fc00::/7")}
	const direct, everybody = "addresses-without-proxies", "everybody-is-a-trusted-proxy"
	tests := map[string]struct {
		check truhook.Check
		want  []string
	}{
		"a direct peer":              {truhook.RemoteAddrIn(webhooks...), []string{direct}},
		"behind a proxy":             {truhook.ClientAddrIn(proxies, webhooks...), nil},
		"by RFC 7239":                {truhook.ClientAddrInForwarded(proxies, webhooks...), nil},
		"everybody behind a proxy":   {truhook.ClientAddrIn(proxies, prefix("0.0.0.0/0")), nil},
		"all of IPv4 is trusted":     {truhook.ClientAddrIn([]netip.Prefix{prefix("0.0.0.0/0")}, webhooks...), []string{everybody}},
		"half of IPv4 is trusted":    {truhook.ClientAddrIn([]netip.Prefix{prefix("128.0.0.0/1")}, webhooks...), []string{everybody}},
		"all of IPv6 is trusted":     {truhook.ClientAddrIn([]netip.Prefix{prefix("::/0")}, webhooks...), []string{everybody}},
		"all of IPv4, mapped":        {truhook.ClientAddrIn([]netip.Prefix{prefix("::ffff:0:0/96")}, webhooks...), []string{everybody}},
		"all is trusted by RFC 7239": {truhook.ClientAddrInForwarded([]netip.Prefix{prefix("0.0.0.0/0"), prefix("::/0")}, webhooks...), []string{everybody, everybody}},
		"another check":              {truhook.HeaderEquals("X-Token", "made for this test"), nil},
		"a check of another kind":    {truhook.HeadCheck("other", func(*truhook.Delivery) error { return truhook.SourceNotAllowed }), nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := truhook.Require(truhook.VerifierFunc(nil), test.check)
			found := truhook.Audit(t.Context(), v)
			assert.Equal(t, test.want, names(found))
			for _, f := range found {
				assert.Equal(t, f.Name == everybody, f.Severity == truhook.SeverityError)
			}
		})
	}
}

func TestAudit_AddressListsReachTheVerifiersInside(t *testing.T) {
	t.Parallel()
	var asked []string
	sources := sourceVerifier{ask: func(allowed []netip.Prefix) []truhook.Finding {
		asked = append(asked, allowed[0].String())
		allowed[0] = netip.MustParsePrefix("0.0.0.0/0") // a copy
		return finds("wrong-source").find(t.Context())
	}}
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	outer := truhook.ClientAddrIn(proxies, netip.MustParsePrefix("192.0.2.0/24"))
	inner := truhook.ClientAddrIn(proxies, netip.MustParsePrefix("198.51.100.0/24"))
	v := truhook.Require(truhook.AnyOf(sources, truhook.Require(sources, inner)), outer)
	for range 2 {
		asked = nil
		assert.Equal(t, []string{"wrong-source", "wrong-source", "wrong-source"}, names(truhook.Audit(t.Context(), v)))
		assert.Equal(t, []string{"192.0.2.0/24", "192.0.2.0/24", "198.51.100.0/24"}, asked)
	}
}

func TestAudit_CallsNoCheck(t *testing.T) {
	t.Parallel()
	called := func(*truhook.Delivery) error { t.Error("the check was called"); return nil }
	assert.Empty(t, truhook.Audit(t.Context(), truhook.Require(truhook.VerifierFunc(nil), truhook.HeadCheck("x", called))))
}

func TestAudit_FindingReadsAsOneLineAndAsJSON(t *testing.T) {
	t.Parallel()
	f := finds("short-secret").find(t.Context())[0]
	assert.Equal(t, "warning: it: P. R. (short-secret)", f.String())
	f.Subject = ""
	assert.Equal(t, "warning: P. R. (short-secret)", f.String())
	raw, err := json.Marshal(f)
	require.NoError(t, err)
	assert.JSONEq(t, `{"severity":"warning","name":"short-secret","subject":"","problem":"P.","remedy":"R."}`, string(raw))
	for _, test := range []struct {
		proven bool
		offset int64
		want   string
	}{
		{true, 0, `"proven":true,"offset":0}`}, {true, 7, `"proven":true,"offset":7}`}, {true, -1, `"proven":true}`}, {false, 7, `"remedy":"R."}`},
	} {
		f.Proven, f.Offset = test.proven, test.offset
		raw, err := json.Marshal(f)
		require.NoError(t, err)
		assert.Contains(t, string(raw), test.want)
	}
}
