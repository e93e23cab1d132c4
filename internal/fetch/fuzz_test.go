package fetch_test

import (
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/internal/fetch"
)

// FuzzRetryAfter takes any text for the headers: the time is never negative, and never beyond what a date can say.
func FuzzRetryAfter(f *testing.F) {
	f.Add("120", "")
	f.Add("-1", "x")
	f.Add("99999999999999999999", "")
	f.Add("Mon, 02 Mar 2026 12:00:00 GMT", "Mon, 02 Mar 2026 11:59:00 GMT")
	f.Add("Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT")
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, after, date string) {
		got := fetch.RetryAfter(http.Header{"Retry-After": {after}, "Date": {date}}, now)
		require.GreaterOrEqual(t, got, time.Duration(0))
	})
}

// FuzzCheckURL takes any text for an address: what passes is https, or goes to this machine only.
func FuzzCheckURL(f *testing.F) {
	for _, text := range []string{
		"https://keys.example/a", "http://127.0.0.1:1/", "http://localhost/", "http://[::1]/", "http://127.0.0.1.evil.example/", "http://127.0.0.1@evil.example/",
		"HTTPS://keys.example", "https:///x", "https://user:password@keys.example/", "//keys.example", "http://0x7f.1/",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if fetch.CheckURL(text) != nil {
			return
		}
		u, err := url.Parse(text)
		require.NoError(t, err)
		require.NotEmpty(t, u.Hostname())
		if u.Scheme != "https" && u.Hostname() != "localhost" {
			require.Equal(t, "http", u.Scheme)
			require.True(t, net.ParseIP(u.Hostname()).IsLoopback(), "%q", text)
		}
	})
}
