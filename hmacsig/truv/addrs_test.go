package truv_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
)

func TestWebhookAddrsAreThoseThatTruvPublishes(t *testing.T) {
	t.Parallel()
	var got []string
	for _, p := range truv.WebhookAddrs() {
		got = append(got, p.String())
	}
	assert.Equal(t, []string{"34.212.57.93/32", "44.224.243.166/32", "52.25.14.79/32"}, got)
}

func TestAWebhookFromAnAPIAddressIsNotAllowed(t *testing.T) {
	t.Parallel()
	check := truhook.RemoteAddrIn(truv.WebhookAddrs()...)
	for _, p := range truv.WebhookAddrs() {
		d := &truhook.Delivery{RemoteAddr: netip.AddrPortFrom(p.Addr(), 443).String()}
		require.NoError(t, check(t.Context(), d))
	}
	destinations := append(truv.MTLSAPIDestinations(), truv.SandboxMTLSAPIDestinations()...)
	require.Len(t, destinations, 6)
	for _, a := range destinations {
		d := &truhook.Delivery{RemoteAddr: netip.AddrPortFrom(a, 443).String()}
		require.ErrorIs(t, check(t.Context(), d), truhook.SourceNotAllowed, "%v", a)
	}
}

func TestWebhookAddrsReturnsASliceOfTheCallersOwn(t *testing.T) {
	t.Parallel()
	truv.WebhookAddrs()[0] = netip.MustParsePrefix("0.0.0.0/0")
	assert.Equal(t, "34.212.57.93/32", truv.WebhookAddrs()[0].String())
}
