package truhook_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

func TestAddress_BareAddressIsOneAddress(t *testing.T) {
	t.Parallel()
	got, err := truhook.ParsePrefixes("34.212.57.93", " 2001:db8::1\n", "10.0.0.0/8", "2001:db8::/32", "::ffff:192.0.2.1", "0.0.0.0/0")
	require.NoError(t, err)
	want := []string{"34.212.57.93/32", "2001:db8::1/128", "10.0.0.0/8", "2001:db8::/32", "::ffff:192.0.2.1/128", "0.0.0.0/0"}
	for i := range want {
		assert.Equal(t, want[i], got[i].String())
	}
	check := truhook.RemoteAddrIn(got[1], got[4])
	for addr, allowed := range map[string]bool{
		"[2001:db8::1]:443": true, "[2001:db8::2]:443": false, "[2001:db8:0:1::1]:443": false,
		"192.0.2.1:443": true, "192.0.2.2:443": false,
	} {
		err := check.Run(t.Context(), &truhook.Delivery{RemoteAddr: addr})
		assert.Equal(t, allowed, err == nil, addr)
	}
}

func TestAddress_WhatIsNoAddressOrPrefixIsAnError(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", " ", "localhost", "192.0.2", "192.0.2.1:443", "[2001:db8::1]", "fe80::1%eth0", "fe80::%eth0/64", "192.0.2.1/24",
		"2001:db8::1/32", "192.0.2.0/33", "192.0.2.0/-1", "192.0.2.0/", "/24", "192.0.2.0/24/24", "192.0.2.1, 192.0.2.2", "0x7f.1",
	} {
		_, err := truhook.ParsePrefixes("10.0.0.0/8", text)
		assert.Error(t, err, "%q", text)
	}
	_, err := truhook.ParsePrefixes()
	assert.Error(t, err, "an empty list is an unset variable")
}

func FuzzParsePrefixes(f *testing.F) {
	for _, text := range []string{"34.212.57.93", "2001:db8::1", "10.0.0.0/8", "::ffff:1.2.3.4/96", "fe80::1%x", "1.2.3.4/31"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := truhook.ParsePrefixes(text)
		if err != nil {
			return
		}
		p := got[0]
		require.True(t, p.IsValid())
		again, err := truhook.ParsePrefixes(p.String())
		require.NoError(t, err)
		require.Equal(t, []netip.Prefix{p}, again)
	})
}
