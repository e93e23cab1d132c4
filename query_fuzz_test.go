package truhook_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

// FuzzQueryEquals reads any query as url.ParseQuery does.
func FuzzQueryEquals(f *testing.F) {
	for _, uri := range []string{"/hook?token=s3cret", "/?token=s3cret&token=s3cret", "/?a;token=s3cret", "/?%74oken=s3c%72et", "?token", "/?token=s3cret#x", "/?token=%zz&a=b", "*"} {
		f.Add(uri)
	}
	check := truhook.QueryEquals("token", "s3cret")
	f.Fuzz(func(t *testing.T, uri string) {
		_, query, _ := strings.Cut(uri, "?")
		values, err := url.ParseQuery(query)
		wanted := err == nil && len(values["token"]) == 1 && values["token"][0] == "s3cret"
		got := check.Run(t.Context(), &truhook.Delivery{RequestURI: uri})
		require.Equal(t, wanted, got == nil, "%q: %v", uri, got)
		if got != nil {
			require.ErrorIs(t, got, truhook.CheckFailed)
		}
	})
}

// FuzzNewDelivery takes headers in any spelling: each line is found under the canonical name, and none is lost.
func FuzzNewDelivery(f *testing.F) {
	f.Add("x-signature", "X-Signature", "a", "b", "192.0.2.1")
	f.Add("X_Signature", "", "", "\n", "[::1]:80")
	f.Add("x signature", "X-SIGNATURE", "a", "a", "@")
	f.Add("x signature", "X signature", "a", "b", "@") // no tokens, which CanonicalHeaderKey leaves alone
	f.Add("\xa2", "\xac", "a", "b", "@")               // the same to strings.EqualFold
	f.Add("x-@", "x-`", "a", "b", "@")                 // a bit apart, as letters are
	f.Fuzz(func(t *testing.T, one, two, first, second, addr string) {
		given := truhook.Delivery{Header: http.Header{one: {first}}, RemoteAddr: addr, Body: []byte(first)}
		given.Header[two] = append(given.Header[two], second)
		d := truhook.NewDelivery(given)
		for name, line := range map[string]string{one: first, two: second} {
			lines := d.HeaderValues(http.CanonicalHeaderKey(name))
			require.Contains(t, lines, line)
			require.ElementsMatch(t, lines, given.HeaderValues(http.CanonicalHeaderKey(name)))
		}
		total := 0
		for _, lines := range d.CanonicalHeader() {
			total += len(lines)
		}
		require.Equal(t, 2, total)
		err := truhook.RemoteAddrIn(netip.MustParsePrefix("192.0.2.0/24")).Run(t.Context(), d)
		require.True(t, err != nil || strings.Contains(addr, "192.0.2."), "%q", addr)
	})
}
