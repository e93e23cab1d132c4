package truval_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/hmacsig/truval"
)

func TestCheckCallbackURL_ByTheProvidersRules(t *testing.T) {
	t.Parallel()
	good := []string{
		"https://example.com",
		"https://example.com/",
		"HTTPS://Example.COM./hooks/truval?token=3f9a#x",
		"https://hooks.example.com:8443/truval",
		"https://1.example.com/",
		"https://127.0.0.1.example.com/",
		"https://local.example.com/",
		"https://localhost.example.com/",
		"https://mylocal/",
		"https://notlocalhost/",
		"https://_hooks.example.com/",
		"https://xn--bcher-kva.example/",
		"https://example.0xg/",
		"https://example.com/?callback=http://127.0.0.1/",
		"https://example.com/@127.0.0.1",
		"https://" + strings.Repeat("a", 63) + ".example/",
	}
	for _, u := range good {
		t.Run(u, func(t *testing.T) {
			t.Parallel()
			assert.NoError(t, truval.CheckCallbackURL(u))
		})
	}
}

func TestCheckCallbackURL_WhatTruvalWouldNotCall(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{ // the words of the error, then the URLs
		"not https": {
			"", "example.com", "//example.com/", "/hooks", "http://example.com/", "ftp://example.com/", "httpss://example.com/",
			"javascript:alert(1)",
		},
		"no host": {"https:", "https://", "https:///hooks", "https:example.com", "https:/example.com", "https:?x"},
		"user info": {
			"https://user@example.com/", "https://user:secret@example.com/", "https://@example.com/", "https://:@example.com/",
			"https://example.com@127.0.0.1/",
		},
		"IP address": {
			"https://127.0.0.1/", "https://8.8.8.8/", "https://8.8.8.8:443/", "https://8.8.8.8./",
			"https://2130706433/", "https://0x7f000001/", "https://0X7F.1/", "https://0x/", "https://0x.0x.0/", "https://017700000001/",
			"https://0177.0.0.1/", "https://127.1/", "https://127.0.1/", "https://0/", "https://256.256.256.256/",
			"https://1.2.3.4.5/", "https://example.1/", "https://example.0x1f/", "https://example.09./",
			"https://[::1]/", "https://[::]/", "https://[2001:db8::1]:8443/", "https://[::ffff:127.0.0.1]/", "https://[fe80::1%25eth0]/",
		},
		"local name": {
			"https://localhost/", "https://LOCALHOST/", "https://localhost./", "https://LocalHost.:443/", "https://a.localhost/",
			"https://printer.local/", "https://printer.LOCAL/", "https://printer.local./", "https://a.b.local/", "https://local/",
		},
		"ASCII form": {
			"https://./", "https://../", "https://example..com/", "https://.example.com/", "https://example.com../",
			"https://127.0.0.1../", "https://localhost../",
			"https://１２７.0.0.1/", "https://127。0。0。1/", "https://ⓛocalhost/", "https://bücher.example/", "https://exa%C3%A4mple.com/",
			"https://exa*mple.com/", "https://exam,ple.com/", "https://::1/", "https://" + strings.Repeat("a", 64) + ".example/", "https://example.com:8443:1/",
		},
		"longer":          {"https://" + strings.Repeat("a.", 127) + "example/"},
		"impossible port": {"https://example.com:65536/", "https://example.com:99999999999999999999/"},
		"cannot be parsed": {
			"https://example.com:https/", "https://[::1/", "https://%31%32%37.0.0.1/", "https://example.com/%zz", "://x",
			"https://exa%00mple.com/", "https://a%/",
		},
		"a blank, a control character or a backslash": {
			" https://example.com/", "https://example.com/ ", "https://exam ple.com/", "https://example.com/\r\nHost:x", "https://example.com/\t",
			"https://example.com\\@127.0.0.1/", "https:\\\\example.com/", "https://example.com/\x00", "https://example.com/\x7f",
		},
	}
	for want, urls := range tests {
		for _, u := range urls {
			t.Run(want+"/"+u, func(t *testing.T) {
				t.Parallel()
				err := truval.CheckCallbackURL(u)
				require.ErrorContains(t, err, want)
			})
		}
	}
}

func TestCheckCallbackURL_TheErrorDoesNotRepeatIt(t *testing.T) {
	t.Parallel()
	for _, u := range []string{
		"https://example.com:x/?token=squeamish", "http://example.com/?token=squeamish", "https://squeamish@example.com/",
		"https://127.0.0.1/?token=squeamish", "https://localhost/squeamish", "https://squeamish.local/", "https://exa mple/squeamish",
		"https://squeamish*/", "https://example.com:65536/squeamish", "https://" + strings.Repeat("squeamish.", 30),
	} {
		err := truval.CheckCallbackURL(u)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "squeamish")
	}
}

func FuzzCheckCallbackURL(f *testing.F) {
	for _, u := range []string{"https://example.com/", "https://[::1]/", "https://0x7f.1/", "https://a.local./", "https://u:p@h/"} {
		f.Add(u)
	}
	f.Fuzz(func(t *testing.T, u string) {
		if truval.CheckCallbackURL(u) != nil {
			return
		}
		lower := strings.ToLower(u)
		require.True(t, strings.HasPrefix(lower, "https://"))
		authority, _, _ := strings.Cut(lower[len("https://"):], "/")
		authority, _, _ = strings.Cut(authority, "?")
		authority, _, _ = strings.Cut(authority, "#")
		require.NotContains(t, authority, "@")
		host, _, _ := strings.Cut(authority, ":")
		host = strings.TrimSuffix(host, ".")
		require.NotEmpty(t, host)
		require.NotRegexp(t, `(^|\.)(localhost|local|\d+|0x[0-9a-f]*)$`, host)
		require.NotRegexp(t, `[^a-z0-9._-]`, host)
	})
}
