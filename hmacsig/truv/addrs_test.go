package truv_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
)

func TestWebhookAddrs_AreThoseThatTruvPublishes(t *testing.T) {
	t.Parallel()
	var got []string
	for _, p := range truv.WebhookAddrs() {
		got = append(got, p.String())
	}
	assert.Equal(t, []string{"34.212.57.93/32", "44.224.243.166/32", "52.25.14.79/32"}, got)
}

func TestMTLSAPIDestinations_AreNoSources(t *testing.T) {
	t.Parallel()
	check := truhook.RemoteAddrIn(truv.WebhookAddrs()...)
	for _, p := range truv.WebhookAddrs() {
		d := &truhook.Delivery{RemoteAddr: netip.AddrPortFrom(p.Addr(), 443).String()}
		require.NoError(t, check.Run(t.Context(), d))
	}
	destinations := append(truv.MTLSAPIDestinations(), truv.SandboxMTLSAPIDestinations()...)
	require.Len(t, destinations, 6)
	for _, a := range destinations {
		d := &truhook.Delivery{RemoteAddr: netip.AddrPortFrom(a, 443).String()}
		require.ErrorIs(t, check.Run(t.Context(), d), truhook.SourceNotAllowed, "%v", a)
	}
}

func TestWebhookAddrs_AreTheCallersOwn(t *testing.T) {
	t.Parallel()
	truv.WebhookAddrs()[0] = netip.MustParsePrefix("0.0.0.0/0")
	assert.Equal(t, "34.212.57.93/32", truv.WebhookAddrs()[0].String())
}

func TestAuditSources_FindsTheAddressesOfTheAPI(t *testing.T) {
	t.Parallel()
	v, err := truv.New("sandbox-7e577e577e577e577e577e577e577e577e577e57")
	require.NoError(t, err)
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	lists := func(addrs ...netip.Prefix) map[string]truhook.Check {
		return map[string]truhook.Check{
			"RemoteAddrIn":          truhook.RemoteAddrIn(addrs...),
			"ClientAddrIn":          truhook.ClientAddrIn(proxies, addrs...),
			"ClientAddrInForwarded": truhook.ClientAddrInForwarded(proxies, addrs...),
		}
	}
	found := func(c truhook.Check) (subjects []string) {
		for _, f := range truhook.Audit(t.Context(), truhook.Require(truhook.AllOf(v), c)) {
			if f.Name == "truv-api-addresses" {
				assert.Equal(t, truhook.SeverityError, f.Severity)
				subjects = append(subjects, f.Subject)
			}
		}
		return subjects
	}
	for name, c := range lists(truv.WebhookAddrs()...) {
		assert.Empty(t, found(c), name)
	}
	for name, c := range lists(netip.MustParsePrefix("0.0.0.0/0")) {
		assert.Empty(t, found(c), name)
	}
	for _, a := range append(truv.MTLSAPIDestinations(), truv.SandboxMTLSAPIDestinations()...) {
		for name, c := range lists(append(truv.WebhookAddrs(), netip.PrefixFrom(a, 32))...) {
			assert.Equal(t, []string{a.String()}, found(c), name)
		}
	}
}
