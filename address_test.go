package truhook_test

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

func prefixesOf(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, s := range texts {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}

// The proxies are 10/8, ::1 and 127.0.0.1; the client that is let in is 34.212.57.93, or 2001:db8::/32.
var (
	ourProxies = prefixesOf("10.0.0.0/8", "127.0.0.1/32", "::1/128")
	ourClients = prefixesOf("34.212.57.93/32", "2001:db8::/32")
)

// long is a line of more than half of what is read.
func long(text string) string { return text + strings.Repeat("x", 5<<10) }

func TestAddress_ClientAddrInTakesTheRightMostUntrustedHopOfXForwardedFor(t *testing.T) {
	t.Parallel()
	const allowed, notAllowed, untrusted = truhook.Reason(""), truhook.SourceNotAllowed, truhook.UntrustedProxy
	for name, c := range map[string]struct {
		peer  string
		lines []string
		want  truhook.Reason
	}{
		"one hop":                              {"10.0.0.1:443", []string{"34.212.57.93"}, allowed},
		"two proxies":                          {"10.0.0.1:443", []string{"34.212.57.93, 10.0.0.2"}, allowed},
		"a proxy on each line":                 {"10.0.0.1:443", []string{"34.212.57.93", "10.0.0.2"}, allowed},
		"a client's own claim further left":    {"10.0.0.1:443", []string{"198.51.100.1, 203.0.113.7", "34.212.57.93"}, allowed},
		"a client's own rubbish further left":  {"10.0.0.1:443", []string{"unknown, <script>, 34.212.57.93"}, allowed},
		"a port":                               {"10.0.0.1:443", []string{"34.212.57.93:51234"}, allowed},
		"IPv6":                                 {"[::1]:443", []string{"2001:db8::7"}, allowed},
		"IPv6 in brackets":                     {"[::1]:443", []string{"[2001:db8::7]"}, allowed},
		"IPv6 with a port":                     {"[::1]:443", []string{"[2001:db8::7]:4711"}, allowed},
		"a mapped client":                      {"10.0.0.1:443", []string{"::ffff:34.212.57.93"}, allowed},
		"a mapped peer":                        {"[::ffff:10.0.0.1]:443", []string{"34.212.57.93"}, allowed},
		"tabs and spaces":                      {"10.0.0.1:443", []string{" \t34.212.57.93 ,\t10.9.9.9 "}, allowed},
		"spoofed, as HAProxy adds a line":      {"127.0.0.1:1", []string{"34.212.57.93", "192.0.2.9"}, notAllowed},
		"spoofed, as nginx appends":            {"127.0.0.1:1", []string{"34.212.57.93, 192.0.2.9"}, notAllowed},
		"spoofed with a proxy's address":       {"127.0.0.1:1", []string{"34.212.57.93, 10.0.0.1, 192.0.2.9"}, notAllowed},
		"another client":                       {"10.0.0.1:443", []string{"34.212.57.94"}, notAllowed},
		"no header: the proxy is the client":   {"10.0.0.1:443", nil, notAllowed},
		"all trusted: the left-most":           {"10.0.0.1:443", []string{"10.0.0.3, 10.0.0.2"}, notAllowed},
		"an empty line":                        {"10.0.0.1:443", []string{""}, notAllowed},
		"an empty entry":                       {"10.0.0.1:443", []string{"34.212.57.93,"}, notAllowed},
		"an empty entry in between":            {"10.0.0.1:443", []string{"34.212.57.93,,10.0.0.2"}, notAllowed},
		"unknown on the way":                   {"10.0.0.1:443", []string{"34.212.57.93, unknown"}, notAllowed},
		"a host name on the way":               {"10.0.0.1:443", []string{"34.212.57.93, proxy.example"}, notAllowed},
		"a zone":                               {"10.0.0.1:443", []string{"2001:db8::7%eth0"}, notAllowed},
		"a zone in brackets":                   {"10.0.0.1:443", []string{"[2001:db8::7%eth0]:1"}, notAllowed},
		"IPv4 in brackets":                     {"10.0.0.1:443", []string{"[34.212.57.93]"}, notAllowed},
		"an open bracket":                      {"10.0.0.1:443", []string{"[2001:db8::7"}, notAllowed},
		"text after a bracket":                 {"10.0.0.1:443", []string{"[2001:db8::7]x"}, notAllowed},
		"a port of letters":                    {"10.0.0.1:443", []string{"34.212.57.93:http"}, notAllowed},
		"an empty port":                        {"10.0.0.1:443", []string{"34.212.57.93:"}, notAllowed},
		"two ports":                            {"10.0.0.1:443", []string{"34.212.57.93:1:2"}, notAllowed},
		"a quoted address":                     {"10.0.0.1:443", []string{`"34.212.57.93"`}, notAllowed},
		"leading zeros":                        {"10.0.0.1:443", []string{"034.212.57.93"}, notAllowed},
		"a number":                             {"10.0.0.1:443", []string{"584333661"}, notAllowed},
		"from the client itself":               {"34.212.57.93:443", nil, untrusted},
		"from the client itself with a header": {"34.212.57.93:443", []string{"34.212.57.93"}, untrusted},
		"from anybody with a header":           {"198.51.100.9:443", []string{"34.212.57.93"}, untrusted},
		"a mapped peer with a zone":            {"[::ffff:10.0.0.1%eth0]:443", []string{"34.212.57.93"}, untrusted},
		"over 8 KiB in several lines":          {"10.0.0.1:443", []string{"34.212.57.93", long("10.0.0.2, "), long("10.0.0.2, ")}, truhook.HeaderTooLong},
		"a peer with a zone":                   {"[::1%lo]:443", []string{"34.212.57.93"}, untrusted},
		"a Unix socket":                        {"@", []string{"34.212.57.93"}, untrusted},
		"no peer":                              {"", []string{"34.212.57.93"}, untrusted},
		"a peer without a port":                {"10.0.0.1", []string{"34.212.57.93"}, ""},
		"65 entries":                           {"10.0.0.1:443", []string{strings.Repeat("34.212.57.93,", 64) + "34.212.57.93"}, truhook.HeaderTooLong},
		"65 lines":                             {"10.0.0.1:443", slicesRepeat("34.212.57.93", 65), truhook.HeaderTooLong},
		"over 8 KiB":                           {"10.0.0.1:443", []string{strings.Repeat(" ", 8<<10) + "34.212.57.93"}, truhook.HeaderTooLong},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &truhook.Delivery{RemoteAddr: c.peer, Header: http.Header{
				"X-Forwarded-For": c.lines,
				// None of these is ever read.
				"X-Real-Ip": {"34.212.57.93"}, "Forwarded": {"for=34.212.57.93"}, "X_forwarded_for": {"34.212.57.93"},
			}}
			err := truhook.ClientAddrIn(ourProxies, ourClients...).Run(t.Context(), d)
			assert.Equal(t, c.want, truhook.ReasonOf(err), "%v", err)
		})
	}
}

func slicesRepeat(s string, n int) []string {
	return strings.Split(strings.Repeat(s+"\n", n-1)+s, "\n")
}

func TestAddress_ClientAddrInForwardedReadsRFC7239(t *testing.T) {
	t.Parallel()
	const allowed, notAllowed, untrusted = truhook.Reason(""), truhook.SourceNotAllowed, truhook.UntrustedProxy
	for name, c := range map[string]struct {
		peer  string
		lines []string
		want  truhook.Reason
	}{
		"one hop":                           {"10.0.0.1:443", []string{"for=34.212.57.93"}, allowed},
		"with other parameters":             {"10.0.0.1:443", []string{"by=_edge;For=34.212.57.93;proto=https;host=a.example"}, allowed},
		"quoted with a port":                {"10.0.0.1:443", []string{`for="34.212.57.93:47011"`}, allowed},
		"IPv6 with a port":                  {"10.0.0.1:443", []string{`for="[2001:db8:cafe::17]:4711"`}, allowed},
		"two elements":                      {"10.0.0.1:443", []string{"for=34.212.57.93, for=10.0.0.9"}, allowed},
		"two lines":                         {"10.0.0.1:443", []string{"for=34.212.57.93", "for=10.0.0.9"}, allowed},
		"spaces around separators":          {"10.0.0.1:443", []string{"for=34.212.57.93 ; proto=https , for=10.0.0.9"}, allowed},
		"an escape in a quoted string":      {"10.0.0.1:443", []string{`for="34\.212.57.93"`}, allowed},
		"a client's own claim further left": {"10.0.0.1:443", []string{"for=_hidden, for=34.212.57.93"}, allowed},
		"spoofed":                           {"10.0.0.1:443", []string{"for=34.212.57.93, for=192.0.2.9"}, notAllowed},
		"spoofed on an earlier line":        {"10.0.0.1:443", []string{"for=34.212.57.93", "for=192.0.2.9"}, notAllowed},
		"a comma inside quotes":             {"10.0.0.1:443", []string{`for="192.0.2.9, for=34.212.57.93"`}, notAllowed},
		"an element inside quotes":          {"10.0.0.1:443", []string{`for=192.0.2.9;host="x, for=34.212.57.93"`}, notAllowed},
		"an open quote before the proxy's":  {"10.0.0.1:443", []string{`host=", for=34.212.57.93`}, notAllowed},
		"a quote that eats the proxy's":     {"10.0.0.1:443", []string{`for=34.212.57.93;host=", for=192.0.2.9`}, notAllowed},
		"hidden":                            {"10.0.0.1:443", []string{"for=_hidden"}, notAllowed},
		"unknown":                           {"10.0.0.1:443", []string{"for=34.212.57.93, for=unknown"}, notAllowed},
		"no for":                            {"10.0.0.1:443", []string{"for=34.212.57.93, proto=https"}, notAllowed},
		"for twice":                         {"10.0.0.1:443", []string{"for=192.0.2.9;for=34.212.57.93"}, notAllowed},
		"for twice in other letters":        {"10.0.0.1:443", []string{"for=192.0.2.9;FOR=34.212.57.93"}, notAllowed},
		"IPv6 without brackets":             {"10.0.0.1:443", []string{`for="2001:db8::7"`}, notAllowed},
		"IPv6 without quotes":               {"10.0.0.1:443", []string{`for=[2001:db8::7]`}, notAllowed},
		"a port without quotes":             {"10.0.0.1:443", []string{`for=34.212.57.93:1`}, notAllowed},
		"an obfuscated port":                {"10.0.0.1:443", []string{`for="34.212.57.93:_p"`}, notAllowed},
		"a zone":                            {"10.0.0.1:443", []string{`for="[2001:db8::7%eth0]"`}, notAllowed},
		"a space before the equals sign":    {"10.0.0.1:443", []string{"for =34.212.57.93"}, notAllowed},
		"an empty value":                    {"10.0.0.1:443", []string{"for="}, notAllowed},
		"an empty element":                  {"10.0.0.1:443", []string{"for=34.212.57.93,,for=10.0.0.2"}, notAllowed},
		"a trailing semicolon":              {"10.0.0.1:443", []string{"for=34.212.57.93;"}, notAllowed},
		"no pair at all":                    {"10.0.0.1:443", []string{"34.212.57.93"}, notAllowed},
		"an empty line":                     {"10.0.0.1:443", []string{""}, notAllowed},
		"no header":                         {"10.0.0.1:443", nil, notAllowed},
		"from anybody":                      {"34.212.57.93:443", []string{"for=34.212.57.93"}, untrusted},
		"a control character in quotes":     {"10.0.0.1:443", []string{"for=34.212.57.93;host=\"a\x01b\""}, notAllowed},
		"a line break in quotes":            {"10.0.0.1:443", []string{"for=34.212.57.93;host=\"a\nb\""}, notAllowed},
		"a DEL in quotes":                   {"10.0.0.1:443", []string{"for=34.212.57.93;host=\"a\x7fb\""}, notAllowed},
		"a tab in quotes":                   {"10.0.0.1:443", []string{"for=34.212.57.93;host=\"a\tb\""}, allowed},
		"over 8 KiB in several lines":       {"10.0.0.1:443", []string{"for=34.212.57.93", long("for=10.0.0.2;host="), long("for=10.0.0.3;host=")}, truhook.HeaderTooLong},
		"65 elements":                       {"10.0.0.1:443", []string{strings.Repeat("for=10.0.0.2,", 64) + "for=34.212.57.93"}, truhook.HeaderTooLong},
		"over 8 KiB":                        {"10.0.0.1:443", []string{"host=" + strings.Repeat("x", 8<<10) + ";for=34.212.57.93"}, truhook.HeaderTooLong},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &truhook.Delivery{RemoteAddr: c.peer, Header: http.Header{
				"Forwarded": c.lines, "X-Forwarded-For": {"34.212.57.93"}, "X-Real-Ip": {"34.212.57.93"},
			}}
			err := truhook.ClientAddrInForwarded(ourProxies, ourClients...).Run(t.Context(), d)
			assert.Equal(t, c.want, truhook.ReasonOf(err), "%v", err)
		})
	}
}

func TestAddress_ClientAddrInPanicsOnBadConfiguration(t *testing.T) {
	t.Parallel()
	for name, build := range map[string]func([]netip.Prefix, ...netip.Prefix) truhook.Check{
		"ClientAddrIn": truhook.ClientAddrIn, "ClientAddrInForwarded": truhook.ClientAddrInForwarded,
	} {
		assert.PanicsWithValue(t, "truhook: "+name+": no prefix is given", func() { build(nil, ourClients...) })
		assert.PanicsWithValue(t, "truhook: "+name+": no prefix is given", func() { build(ourProxies) })
		assert.Panics(t, func() { build([]netip.Prefix{{}}, ourClients...) })
		assert.Panics(t, func() { build(ourProxies, netip.Prefix{}) })
		assert.Panics(t, func() { build(ourProxies, netip.MustParsePrefix("::ffff:0.0.0.0/95")) })
	}
}

func TestAddress_ClientAddrInCopiesItsPrefixes(t *testing.T) {
	t.Parallel()
	trusted, allowed := prefixesOf("10.0.0.0/8"), prefixesOf("34.212.57.93/32")
	check := truhook.ClientAddrIn(trusted, allowed...)
	trusted[0], allowed[0] = netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.0.2.0/24")
	d := &truhook.Delivery{RemoteAddr: "10.0.0.1:1", Header: http.Header{"X-Forwarded-For": {"34.212.57.93"}}}
	assert.NoError(t, check.Run(t.Context(), d))
}

func ExampleClientAddrIn() {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	check := truhook.ClientAddrIn(proxies, netip.MustParsePrefix("34.212.57.93/32"))
	for _, lines := range [][]string{
		{"34.212.57.93"},
		{"34.212.57.93, 192.0.2.9"}, // the client claims an address, the proxy appends the true one
	} {
		err := check.Run(context.Background(), &truhook.Delivery{RemoteAddr: "10.0.0.7:41000", Header: http.Header{"X-Forwarded-For": lines}})
		fmt.Println(err)
	}
	// Output:
	// <nil>
	// source-not-allowed: the client by X-Forwarded-For is not on the list
}

// What stands left of the address that the trusted proxy wrote must never change the verdict.
func FuzzClientAddrInIgnoresWhatTheClientClaims(f *testing.F) {
	f.Add("34.212.57.93, ", "192.0.2.9")
	f.Add("[::1", "[2001:db8::7]:1")
	f.Add("10.0.0.1,unknown", "34.212.57.93")
	check := truhook.ClientAddrIn(ourProxies, ourClients...)
	f.Fuzz(func(t *testing.T, claim, written string) {
		if len(claim) > 4096 || strings.Contains(written, ",") || strings.Count(claim, ",") > 60 {
			return
		}
		verdict := func(lines ...string) truhook.Reason {
			return truhook.ReasonOf(check.Run(context.Background(), &truhook.Delivery{
				RemoteAddr: "10.0.0.1:1", Header: http.Header{"X-Forwarded-For": lines},
			}))
		}
		alone := verdict(written)
		addr, err := netip.ParseAddr(strings.Trim(written, " \t"))
		if alone == "" && err == nil {
			require.True(t, ourClients[0].Contains(addr.Unmap()) || ourClients[1].Contains(addr), "%q", written)
		}
		if err == nil && (addr.Unmap().Is4() && ourProxies[0].Contains(addr.Unmap()) || addr.IsLoopback()) {
			return // a proxy's address: then the claim does count
		}
		require.Equal(t, alone, verdict(claim+","+written))
		require.Equal(t, alone, verdict(claim, written))
	})
}

func FuzzClientAddrInForwarded(f *testing.F) {
	for _, s := range []string{`for=34.212.57.93`, `for="[2001:db8::7]:1";by=_x`, `for="a\"b", for=10.0.0.1`, `host=", for=1.2.3.4`} {
		f.Add(s)
	}
	check := truhook.ClientAddrInForwarded(ourProxies, ourClients...)
	f.Fuzz(func(t *testing.T, line string) {
		verdict := func(lines ...string) truhook.Reason {
			return truhook.ReasonOf(check.Run(context.Background(), &truhook.Delivery{
				RemoteAddr: "10.0.0.1:1", Header: http.Header{"Forwarded": lines},
			}))
		}
		// An untrusted hop that the proxy appends decides, whatever the client wrote before it.
		require.NotEqual(t, truhook.Reason(""), verdict(line+", for=192.0.2.9"))
		require.NotEqual(t, truhook.Reason(""), verdict(line, "for=192.0.2.9"))
		if verdict(line) == "" {
			require.Contains(t, strings.ToLower(line), "for=")
		}
	})
}
