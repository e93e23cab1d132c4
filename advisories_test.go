package truhook_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

// octokit/webhooks threw an exception out of verify that nobody caught, and the process ended.
func TestAdvisory_CVE_2023_50728_APanicOfAVerifierEndsOneRequest(t *testing.T) {
	t.Parallel()
	var fault any
	v := truhook.VerifierFunc(func(ctx context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
		if fault != nil {
			panic(fault)
		}
		return accepting("x").Verify(ctx, d)
	})
	m := truhook.NewMiddleware(v, truhook.Config{Logger: slog.New(slog.DiscardHandler)})
	server := httptest.NewServer(m.Wrap(noContent()))
	defer server.Close()
	post := func() int {
		response, err := http.Post(server.URL, "application/json", strings.NewReader("{}"))
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode
	}
	var nilError *truhook.Error
	for _, fault = range []any{errors.New("x"), "text", 7, nilError, (error)(nilError), struct{}{}} {
		assert.Equal(t, http.StatusInternalServerError, post(), "%T", fault)
	}
	fault = nil
	assert.Equal(t, http.StatusNoContent, post(), "the next delivery is judged")
}

// guessing checks that a token that is right up to its n-th byte, or of another length, is refused like any other.
func guessing(t *testing.T, check truhook.Check, value string, offer func(value string) *truhook.Delivery) {
	t.Helper()
	require.NoError(t, check.Run(t.Context(), offer(value)))
	said := map[string]bool{}
	guesses := []string{"", value + "x", value + value, strings.ToUpper(value), " " + value, value + "\x00"}
	for i := range value {
		guesses = append(guesses, value[:i], value[:i]+"~"+strings.Repeat("~", len(value)-i-1), value[:i]+"~"+value[i+1:])
	}
	for _, guess := range guesses {
		err := check.Run(t.Context(), offer(guess))
		require.ErrorIs(t, err, truhook.CheckFailed, "%q", guess)
		said[err.Error()] = true
	}
	assert.Len(t, said, 1, "nothing tells how much of a guess is right")
}

// The GitLab plugin of Jenkins compared the webhook's token with ==. internal/house holds what compares here.
func TestAdvisory_CVE_2022_43411_ATokenInAHeaderIsNotGuessedByteByByte(t *testing.T) {
	t.Parallel()
	guessing(t, truhook.HeaderEquals("X-Gitlab-Token", "token-for-tests"), "token-for-tests", func(value string) *truhook.Delivery {
		return &truhook.Delivery{Header: http.Header{"X-Gitlab-Token": {value}}}
	})
}

// The Generic Webhook Trigger plugin of Jenkins compared a token in the URL with ==.
func TestAdvisory_CVE_2022_43412_ATokenInTheURLIsNotGuessedByteByByte(t *testing.T) {
	t.Parallel()
	guessing(t, truhook.QueryEquals("token", "token-for-tests"), "token-for-tests", func(value string) *truhook.Delivery {
		return &truhook.Delivery{RequestURI: "/hook?token=" + url.QueryEscape(value)}
	})
}

// symfony/webhook repeated text of the request on its error page, as HTML.
func TestAdvisory_CVE_2023_46735_TheResponseRepeatsNoTextOfTheRequest(t *testing.T) {
	t.Parallel()
	const canary = "<script>alert(7e57)</script>"
	for name, change := range map[string]func(r *http.Request){
		"the signature": func(r *http.Request) { r.Header.Set("X-Webhook-Sign", "v1="+canary) },
		"two headers":   func(r *http.Request) { r.Header.Add("X-Webhook-Sign", canary) },
		"the path":      func(r *http.Request) { r.RequestURI, r.Header["X-Webhook-Sign"] = "/"+canary, nil },
		"the body":      func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(canary)) },
		"the host":      func(r *http.Request) { r.Host, r.Header["X-Webhook-Sign"] = canary, []string{"x"} },
		"content type":  func(r *http.Request) { r.Header["Content-Type"], r.Header["X-Webhook-Sign"] = []string{canary}, nil },
	} {
		r := signed([]byte(`{"a":"` + canary + `"}`))
		change(r)
		w, o := judge(t, truvVerifier(t), truhook.Config{Logger: slog.New(slog.DiscardHandler)}, unreached(t), r)
		requireRefused(t, truhook.ReasonOf(o.Err), w, o)
		var whole bytes.Buffer
		require.NoError(t, w.Result().Write(&whole))
		assert.NotContains(t, whole.String(), "7e57", name)
		assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"), name)
		assert.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"), name)
	}
}

// fromPeer is a delivery over a connection from peer.
func fromPeer(peer string, headers ...string) *truhook.Delivery {
	d := &truhook.Delivery{RemoteAddr: peer, Header: http.Header{}}
	for i := 0; i < len(headers); i += 2 {
		d.Header.Add(headers[i], headers[i+1])
	}
	return d
}

// net/netip said of an IPv4 address inside an IPv6 one that it is neither loopback nor private nor any IPv4 range.
func TestAdvisory_CVE_2024_24790_AMappedAddressIsTheIPv4AddressThatItIs(t *testing.T) {
	t.Parallel()
	check := truhook.RemoteAddrIn(prefixesOf("192.0.2.0/24", "::ffff:198.51.100.0/120")...)
	for peer, want := range map[string]truhook.Reason{
		"192.0.2.7:1": "", "[::ffff:192.0.2.7]:1": "", "[::ffff:c000:207]:1": "", "198.51.100.7:1": "", "[::ffff:198.51.100.7]:1": "",
		"[::ffff:203.0.113.7]:1": truhook.SourceNotAllowed, "[::192.0.2.7]:1": truhook.SourceNotAllowed, "[64:ff9b::192.0.2.7]:1": truhook.SourceNotAllowed,
		"[::ffff:192.0.2.7%eth0]:1": truhook.SourceNotAllowed,
	} {
		assert.Equal(t, want, truhook.ReasonOf(check.Run(t.Context(), fromPeer(peer))), peer)
	}
}

// Traefik compared mapped addresses with its lists as they stood, on one side of a proxy and on the other.
func TestAdvisory_GHSA_7jmw_8259_q9jx_MappedAddressesAreComparedBehindAProxyToo(t *testing.T) {
	t.Parallel()
	check := truhook.ClientAddrIn(prefixesOf("::ffff:10.0.0.0/104"), prefixesOf("192.0.2.0/24")...)
	for want, pairs := range map[truhook.Reason][][2]string{
		"":                       {{"10.0.0.1:1", "192.0.2.7"}, {"[::ffff:10.0.0.1]:1", "::ffff:192.0.2.7"}, {"10.0.0.1:1", "192.0.2.7, ::ffff:10.0.0.2"}},
		truhook.SourceNotAllowed: {{"10.0.0.1:1", "::ffff:203.0.113.7"}, {"10.0.0.1:1", "192.0.2.7, ::ffff:203.0.113.7"}},
		truhook.UntrustedProxy:   {{"[::ffff:11.0.0.1]:1", "192.0.2.7"}, {"[::10.0.0.1]:1", "192.0.2.7"}},
	} {
		for _, p := range pairs {
			assert.Equal(t, want, truhook.ReasonOf(check.Run(t.Context(), fromPeer(p[0], "X-Forwarded-For", p[1]))), p)
		}
	}
}

// chi's RealIP believed the left-most entry of X-Forwarded-For, which is the client's own.
func TestAdvisory_GHSA_3fxj_6jh8_hvhx_TheLeftMostEntryIsNotBelieved(t *testing.T) {
	t.Parallel()
	check := truhook.ClientAddrIn(ourProxies, ourClients...)
	for _, lines := range [][]string{{"34.212.57.93, 203.0.113.7"}, {"34.212.57.93", "203.0.113.7"}, {"34.212.57.93, 203.0.113.7, 10.0.0.2"}} {
		d := fromPeer("10.0.0.1:1")
		d.Header["X-Forwarded-For"] = lines
		require.ErrorIs(t, check.Run(t.Context(), d), truhook.SourceNotAllowed, lines)
	}
}

// chi's RealIP believed X-Real-IP and True-Client-IP before anything else, from anybody.
func TestAdvisory_GHSA_9g5q_2w5x_hmxf_OtherHeadersAboutTheClientAreNotRead(t *testing.T) {
	t.Parallel()
	forwarded := truhook.ClientAddrIn(ourProxies, ourClients...)
	direct := truhook.RemoteAddrIn(ourClients...)
	for _, name := range []string{"X-Real-Ip", "True-Client-Ip", "X-Client-Ip", "Cf-Connecting-Ip", "X-Forwarded", "Forwarded", "X-Cluster-Client-Ip"} {
		value := "34.212.57.93"
		if name == "Forwarded" {
			value = "for=" + value
		}
		require.ErrorIs(t, forwarded.Run(t.Context(), fromPeer("10.0.0.1:1", name, value)), truhook.SourceNotAllowed, name)
		require.ErrorIs(t, direct.Run(t.Context(), fromPeer("203.0.113.7:1", name, value)), truhook.SourceNotAllowed, name)
	}
}

// chi's RealIP took what is no address for one.
func TestAdvisory_GHSA_rjr7_jggh_pgcp_WhatIsNoAddressOnTheWayIsRefused(t *testing.T) {
	t.Parallel()
	check := truhook.ClientAddrIn(ourProxies, ourClients...)
	for _, entry := range []string{"34.212.57.93x", "34.212.57", "34.212.57.93/32", "034.212.57.093", "0x22d4395d", "localhost", "unknown", "<script>", "34.212.57.93\x00", "::ffff:34.212.57.93%1"} {
		require.ErrorIs(t, check.Run(t.Context(), fromPeer("10.0.0.1:1", "X-Forwarded-For", entry)), truhook.SourceNotAllowed, "%q", entry)
	}
}

// heimdall cut Forwarded at commas and semicolons inside quotes, where a client can write elements of its own.
func TestAdvisory_CVE_2026_57210_AnElementInsideQuotesIsNone(t *testing.T) {
	t.Parallel()
	check := truhook.ClientAddrInForwarded(ourProxies, ourClients...)
	require.NoError(t, check.Run(t.Context(), fromPeer("10.0.0.1:1", "Forwarded", `for=34.212.57.93;host="a,b;c"`)))
	for _, line := range []string{
		`for=203.0.113.7;host="a, for=34.212.57.93"`, `for=203.0.113.7;host="a;for=34.212.57.93"`, `for="203.0.113.7, for=34.212.57.93"`,
		`for=203.0.113.7;host="\", for=34.212.57.93"`, `host=", for=34.212.57.93`, `for=203.0.113.7;ext="x\", for=34.212.57.93;y="`,
	} {
		require.ErrorIs(t, check.Run(t.Context(), fromPeer("10.0.0.1:1", "Forwarded", line)), truhook.SourceNotAllowed, line)
	}
}

// 1Panel's list of addresses was passed by whoever sent X-Forwarded-For without any proxy.
func TestAdvisory_CVE_2025_66508_AHeaderWithoutItsProxyIsNotBelieved(t *testing.T) {
	t.Parallel()
	for _, peer := range []string{"203.0.113.7:1", "34.212.57.93:1", "[2001:db8::1]:1", "@", ""} {
		err := truhook.ClientAddrIn(ourProxies, ourClients...).Run(t.Context(), fromPeer(peer, "X-Forwarded-For", "34.212.57.93"))
		require.ErrorIs(t, err, truhook.UntrustedProxy, peer)
		err = truhook.ClientAddrInForwarded(ourProxies, ourClients...).Run(t.Context(), fromPeer(peer, "Forwarded", "for=34.212.57.93"))
		require.ErrorIs(t, err, truhook.UntrustedProxy, peer)
	}
	require.Panics(t, func() { truhook.ClientAddrIn(nil, ourClients...) }, "nobody is trusted by default")
	findings := truhook.Audit(t.Context(), truhook.Require(truvVerifier(t), truhook.ClientAddrIn([]netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}, ourClients...)))
	require.NotEmpty(t, findings)
	assert.Equal(t, truhook.SeverityError, findings[0].Severity, "who trusts everybody is told")
}

// fiber took the whole of a header with several entries, or its first line, for the client's address.
func TestAdvisory_CVE_2026_45045_AllLinesOfAHeaderCount(t *testing.T) {
	t.Parallel()
	check := truhook.ClientAddrIn(ourProxies, ourClients...)
	for want, lines := range map[truhook.Reason][]string{
		"":                       {"203.0.113.7", "198.51.100.7, 34.212.57.93", "10.0.0.9"},
		truhook.SourceNotAllowed: {"34.212.57.93", "203.0.113.7"},
		truhook.DuplicateHeader:  nil,
	} {
		d := fromPeer("10.0.0.1:1")
		d.Header["X-Forwarded-For"] = lines
		if want == truhook.DuplicateHeader { // the header in two spellings, as hosts other than net/http leave it
			d.Header["X-Forwarded-For"], d.Header["x-forwarded-for"] = []string{"34.212.57.93"}, []string{"203.0.113.7"}
		}
		assert.Equal(t, want, truhook.ReasonOf(check.Run(t.Context(), d)), lines)
	}
}

// Traefik let the early data of HTTP/3 past its list of addresses, which a sender can forge before the handshake ends.
func TestAdvisory_CVE_2024_39321_AnAddressInEarlyDataIsNotProven(t *testing.T) {
	t.Parallel()
	for complete, want := range map[bool][3]truhook.Reason{
		true:  {"", "", ""},
		false: {truhook.SourceNotAllowed, truhook.UntrustedProxy, truhook.UntrustedProxy},
	} {
		d := fromPeer("34.212.57.93:1")
		d.TLS = &tls.ConnectionState{HandshakeComplete: complete}
		assert.Equal(t, want[0], truhook.ReasonOf(truhook.RemoteAddrIn(ourClients...).Run(t.Context(), d)))
		d = fromPeer("10.0.0.1:1", "X-Forwarded-For", "34.212.57.93", "Forwarded", "for=34.212.57.93")
		d.TLS = &tls.ConnectionState{HandshakeComplete: complete}
		assert.Equal(t, want[1], truhook.ReasonOf(truhook.ClientAddrIn(ourProxies, ourClients...).Run(t.Context(), d)))
		assert.Equal(t, want[2], truhook.ReasonOf(truhook.ClientAddrInForwarded(ourProxies, ourClients...).Run(t.Context(), d)))
	}
}
