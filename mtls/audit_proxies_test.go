package mtls_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/mtls"
)

// Trusted proxies are judged as package truhook judges those of ClientAddrIn.
func TestAudit_ProxiesThatAreALargePartOfTheInternet(t *testing.T) {
	t.Parallel()
	root := pool(newRoot(t))
	accepts := truhook.VerifierFunc(nil)
	for _, c := range []struct {
		trusted []string
		wide    int
	}{
		{[]string{"0.0.0.0/0"}, 1}, {[]string{"::/0"}, 1}, {[]string{"0.0.0.0/1", "128.0.0.0/1"}, 2}, {[]string{"::/1"}, 1}, {[]string{"2000::/3"}, 1},
		{[]string{"::ffff:0.0.0.0/96"}, 1}, {[]string{"::ffff:0.0.0.0/97"}, 1}, {[]string{"::ffff:8.0.0.0/103"}, 1}, {[]string{"8.0.0.0/7"}, 1}, {[]string{"fc00::/6"}, 1},
		{[]string{"10.0.0.0/8", "128.0.0.0/2"}, 1}, {[]string{"10.0.0.0/8", "fc00::/7"}, 0}, {[]string{"::ffff:10.0.0.0/104"}, 0}, {[]string{"192.0.2.1/32", "2001:db8::1/128"}, 0},
	} {
		var trusted []netip.Prefix
		for _, p := range c.trusted {
			trusted = append(trusted, netip.MustParsePrefix(p))
		}
		v, err := mtls.New(mtls.FromNginx(trusted...), mtls.DNSNames(root, "a.example"), mtls.Config{})
		require.NoError(t, err)
		count := func(v truhook.Verifier, name string) int {
			found := truhook.Audit(t.Context(), v)
			return len(slices.DeleteFunc(found, func(f truhook.Finding) bool { return f.Name != name || f.Severity != truhook.SeverityError }))
		}
		assert.Equal(t, c.wide, count(v, "everybody-is-a-trusted-proxy"), "%v", c.trusted)
		rooted := truhook.Require(accepts, truhook.ClientAddrIn(trusted, netip.MustParsePrefix("192.0.2.0/24")))
		assert.Equal(t, c.wide, count(rooted, "everybody-is-a-trusted-proxy"), "%v", c.trusted)
	}
}
