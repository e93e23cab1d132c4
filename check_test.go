package truhook_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

func TestCheck_HeaderEquals(t *testing.T) {
	t.Parallel()
	const value = "5e1f-token"
	for _, name := range []string{"X-Token", "x-token", "X-TOKEN"} {
		check := truhook.HeaderEquals(name, value)
		tests := map[string]struct {
			lines []string
			want  truhook.Reason
		}{
			"equal":          {[]string{value}, ""},
			"absent":         {nil, truhook.CheckFailed},
			"no lines":       {[]string{}, truhook.CheckFailed},
			"empty":          {[]string{""}, truhook.CheckFailed},
			"a prefix":       {[]string{value[:4]}, truhook.CheckFailed},
			"longer":         {[]string{value + "x"}, truhook.CheckFailed},
			"another case":   {[]string{"5E1F-TOKEN"}, truhook.CheckFailed},
			"blank in front": {[]string{" " + value}, truhook.CheckFailed},
			"NUL behind":     {[]string{value + "\x00"}, truhook.CheckFailed},
			"a list":         {[]string{value + "," + value}, truhook.CheckFailed},
			"equal twice":    {[]string{value, value}, truhook.DuplicateHeader},
			"right first":    {[]string{value, "x"}, truhook.DuplicateHeader},
			"right last":     {[]string{"", value}, truhook.DuplicateHeader},
		}
		for what, tt := range tests {
			d := &truhook.Delivery{Header: http.Header{"X-Token": tt.lines, "X_Token": {value}, "X-Token-2": {value}}}
			err := check.Run(t.Context(), d)
			require.Equal(t, tt.want, truhook.ReasonOf(err), "%s, %s", name, what)
			if err != nil {
				require.NotContains(t, err.Error(), "5e1f")
			}
		}
	}
	require.Equal(t, truhook.CheckFailed, truhook.ReasonOf(truhook.HeaderEquals("X-Token", value).Run(t.Context(), &truhook.Delivery{})))
}

func TestCheck_UnsetEnvironmentVariableStopsTheProgram(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(){
		"HeaderEquals, value":           func() { truhook.HeaderEquals("X-Token", "") },
		"HeaderEquals, name":            func() { truhook.HeaderEquals("", "x") },
		"QueryEquals, value":            func() { truhook.QueryEquals("token", "") },
		"QueryEquals, name":             func() { truhook.QueryEquals("", "x") },
		"QueryEquals, a line break":     func() { truhook.QueryEquals("token", "made-for-tests\n") },
		"QueryEquals, CR LF":            func() { truhook.QueryEquals("token", "made-for-tests\r\n") },
		"QueryEquals, one in front":     func() { truhook.QueryEquals("token", "\nmade-for-tests") },
		"QueryEquals, a BOM":            func() { truhook.QueryEquals("token", "\ufeffmade-for-tests") },
		"HeaderEquals, a BOM":           func() { truhook.HeaderEquals("X-Token", "\ufeffmade-for-tests") },
		"RemoteAddrIn, none":            func() { truhook.RemoteAddrIn() },
		"RemoteAddrIn, an empty list":   func() { truhook.RemoteAddrIn([]netip.Prefix{}...) },
		"RemoteAddrIn, a zero prefix":   func() { truhook.RemoteAddrIn(netip.Prefix{}) },
		"RemoteAddrIn, one zero prefix": func() { truhook.RemoteAddrIn(netip.MustParsePrefix("192.0.2.0/24"), netip.Prefix{}) },
		"RemoteAddrIn, impossible bits": func() { truhook.RemoteAddrIn(netip.PrefixFrom(netip.MustParseAddr("192.0.2.0"), 33)) },
		"RemoteAddrIn, mixed":           func() { truhook.RemoteAddrIn(netip.MustParsePrefix("::ffff:0:0/95")) },
	} {
		require.Panics(t, f, name)
	}
}

func TestCheck_NamesThatNoHeaderHasPanic(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"Host", "host", "HOST", "X Token", "X-Token ", "X-Token:", "X\r\nY", "X\tY", "\x00", "X\x00", "X-Tökèn", "X/Y", "X,Y", `"X"`, "(X)", "X=Y", "X@Y",
	} {
		require.Panics(t, func() { truhook.HeaderEquals(name, "x") }, "%q", name)
	}
}

func TestCheck_PanicTextHasNoValue(t *testing.T) {
	t.Parallel()
	defer func() {
		require.NotContains(t, recover(), "5e1f-token")
	}()
	truhook.HeaderEquals("Host", "5e1f-token")
}

func TestCheck_QueryEquals(t *testing.T) {
	t.Parallel()
	check := truhook.QueryEquals("token", "s3cret&=+ é")
	const encoded = "s3cret%26%3D%2B+%C3%A9"
	tests := map[string]truhook.Reason{
		"/hook?token=" + encoded:                  "",
		"/hook?a=b&token=" + encoded + "&c":       "",
		"/hook?tok%65n=" + encoded:                "",
		"https://x.example/hook?token=" + encoded: "",
		"/hook?token=s3cret%26%3d%2b%20%c3%a9":    "",
		"":                                        truhook.CheckFailed,
		"/hook":                                   truhook.CheckFailed,
		"/hook?":                                  truhook.CheckFailed,
		"/hook?token":                             truhook.CheckFailed,
		"/hook?token=":                            truhook.CheckFailed,
		"/hook?Token=" + encoded:                  truhook.CheckFailed,
		"/hook?token=S3CRET":                      truhook.CheckFailed,
		"/hook?token=" + encoded + "&token=" + encoded:  truhook.CheckFailed,
		"/hook?token=x&token=" + encoded:                truhook.CheckFailed,
		"/hook?token=" + encoded + "&token=":            truhook.CheckFailed,
		"/hook?token=" + encoded + ";x":                 truhook.CheckFailed,
		"/hook?token=" + encoded + "&x=%zz":             truhook.CheckFailed,
		"/hook%3Ftoken=" + encoded:                      truhook.CheckFailed,
		"/token=" + encoded:                             truhook.CheckFailed,
		"/hook?x=token=" + encoded:                      truhook.CheckFailed,
		"/hook?token=" + encoded + "%00":                truhook.CheckFailed,
		"/hook?%00token=" + encoded:                     truhook.CheckFailed,
		"/hook?token[]=" + encoded:                      truhook.CheckFailed,
		"/hook?a?token=" + encoded:                      truhook.CheckFailed,
		"/hook#?token=" + encoded + "&token=" + encoded: truhook.CheckFailed,
	}
	for uri, want := range tests {
		err := check.Run(t.Context(), &truhook.Delivery{RequestURI: uri})
		require.Equal(t, want, truhook.ReasonOf(err), uri)
		if err != nil {
			require.NotContains(t, err.Error(), "s3cret")
		}
	}
}

func TestCheck_RemoteAddrIn(t *testing.T) {
	t.Parallel()
	prefixes := func(texts ...string) (all []netip.Prefix) {
		for _, text := range texts {
			all = append(all, netip.MustParsePrefix(text))
		}
		return all
	}
	tests := map[string]struct {
		allowed  []netip.Prefix
		in, outs []string
	}{
		"one IPv4 address": {
			prefixes("34.212.57.93/32"),
			[]string{"34.212.57.93:443", "34.212.57.93:0", "34.212.57.93", "::ffff:34.212.57.93", "[::ffff:34.212.57.93]", "[::ffff:34.212.57.93]:1", "[::ffff:22d4:395d]:1"},
			[]string{"34.212.57.92:443", "[::22d4:395d]:1", "[64:ff9b::22d4:395d]:1", "034.212.57.93:1", " 34.212.57.93:1", "34.212.57.93:https"},
		},
		"an IPv4 network that is not masked": {
			prefixes("192.0.2.77/24"), []string{"192.0.2.0:1", "192.0.2.255:1"}, []string{"192.0.1.255:1", "192.0.3.0:1"},
		},
		"an IPv4-mapped prefix": {
			prefixes("::ffff:192.0.2.0/120"), []string{"192.0.2.9:1", "[::ffff:192.0.2.9]:1"}, []string{"192.0.3.9:1", "[::192.0.2.9]:1"},
		},
		"all of IPv4, mapped": {
			prefixes("::ffff:0:0/96"), []string{"192.0.2.9:1", "[::ffff:192.0.2.9]:1"}, []string{"[::1]:1", "[2001:db8::1]:1"},
		},
		"a bare IPv6 address is one address": {
			prefixes("2001:db8::1/128"),
			[]string{"[2001:db8::1]:1", "[2001:0DB8:0::1]:1"},
			[]string{"[2001:db8::2]:1", "[2001:db8::]:1", "[2001:db8:ffff::1]:1", "[2001:db8::1%eth0]:1", "2001:db8::1:1"},
		},
		"all of IPv6 is not IPv4": {
			prefixes("::/0"), []string{"[2001:db8::1]:1", "[::1]:1"}, []string{"192.0.2.1:1", "[::ffff:192.0.2.1]:1"},
		},
		"all of IPv4 is not IPv6": {prefixes("0.0.0.0/0"), []string{"192.0.2.1:1", "[::ffff:192.0.2.1]:1"}, []string{"[::1]:1"}},
		"link-local with a zone":  {prefixes("fe80::/10"), []string{"[fe80::1]:1"}, []string{"[fe80::1%eth0]:1", "[fe80::1%25eth0]:1"}},
		"several":                 {prefixes("192.0.2.1/32", "2001:db8::/32"), []string{"192.0.2.1:1", "[2001:db8:1::]:1"}, []string{"192.0.2.2:1"}},
	}
	never := []string{"", "@", "/run/app.sock", "@/abstract", "localhost:80", "unknown", "192.0.2.1:", ":80", "192.0.2.1:99999", "192.0.2.1, 192.0.2.1:1", "\x00"}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check := truhook.RemoteAddrIn(tt.allowed...)
			for _, addr := range tt.in {
				require.NoError(t, check.Run(t.Context(), &truhook.Delivery{RemoteAddr: addr}), addr)
			}
			for _, addr := range append(tt.outs, never...) {
				err := check.Run(t.Context(), &truhook.Delivery{RemoteAddr: addr, Header: http.Header{
					"X-Forwarded-For": {"34.212.57.93"}, "X-Real-Ip": {"192.0.2.1"}, "Forwarded": {"for=192.0.2.9"},
				}})
				require.Equal(t, truhook.SourceNotAllowed, truhook.ReasonOf(err), addr)
			}
		})
	}
}

func TestCheck_AllowedPrefixesAreCopied(t *testing.T) {
	t.Parallel()
	allowed := []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}
	check := truhook.RemoteAddrIn(allowed...)
	allowed[0] = netip.MustParsePrefix("0.0.0.0/0")
	require.Error(t, check.Run(t.Context(), &truhook.Delivery{RemoteAddr: "192.0.2.2:1"}))
}

func TestHeadCheck_SeesNoBodyBothTimes(t *testing.T) {
	t.Parallel()
	var seen []truhook.Delivery
	look := truhook.HeadCheck("look", func(d *truhook.Delivery) error { seen = append(seen, *d); return nil })
	body := []byte("{}")
	w, _ := judge(t, truhook.Require(truvVerifier(t), look, look), truhook.Config{}, noContent(), signed(body))
	require.Equal(t, http.StatusNoContent, w.Code)
	require.Len(t, seen, 4, "two checks, in Precheck and in Verify")
	for _, d := range seen {
		require.Nil(t, d.Body)
		require.Equal(t, "/webhooks/truv?b=%2F&a", d.RequestURI)
	}
	require.NoError(t, look.Run(t.Context(), &truhook.Delivery{Body: body}))
	require.Nil(t, seen[4].Body)
	require.Equal(t, "look", look.String())
}

// Every check of the head refuses before a byte of the body is read, and a check that may wait does not.
func TestHeadCheck_RefusesBeforeTheBodyIsRead(t *testing.T) {
	t.Parallel()
	prefix := netip.MustParsePrefix("198.51.100.0/24")
	proxies := []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")} // the peer of httptest
	checks := map[string]truhook.Check{
		"HeadCheck":             truhook.HeadCheck("no", func(*truhook.Delivery) error { return truhook.CheckFailed }),
		"HeaderEquals":          truhook.HeaderEquals("X-Token", "x"),
		"QueryEquals":           truhook.QueryEquals("token", "x"),
		"RemoteAddrIn":          truhook.RemoteAddrIn(prefix),
		"ClientAddrIn":          truhook.ClientAddrIn(proxies, prefix),
		"ClientAddrInForwarded": truhook.ClientAddrInForwarded(proxies, prefix),
		"NewCheck":              truhook.NewCheck("no", func(context.Context, *truhook.Delivery) error { return truhook.CheckFailed }),
	}
	for name, check := range checks {
		for how, v := range map[string]truhook.Verifier{
			"alone":     truhook.Require(accepting("x"), check),
			"in AllOf":  truhook.AllOf(accepting("y"), truhook.Require(accepting("x"), check)),
			"in itself": truhook.Require(truhook.Require(accepting("x"), check), truhook.HeadCheck("yes", func(*truhook.Delivery) error { return nil })),
		} {
			body := &countingReader{Reader: strings.NewReader("{}")}
			r := httptest.NewRequest(http.MethodPost, "/", body)
			w, o := judge(t, v, truhook.Config{}, unreached(t), r)
			require.Equal(t, http.StatusForbidden, w.Code, "%s %s", name, how)
			require.Error(t, o.Err)
			require.Equal(t, name == "NewCheck", body.reads.Load() > 0, "%s %s", name, how)
			_, err := v.Verify(t.Context(), &truhook.Delivery{RemoteAddr: "192.0.2.1:1"})
			require.Equal(t, http.StatusForbidden, truhook.ReasonOf(err).Status(), "%s %s: again in Verify", name, how)
		}
	}
}

func TestCheck_RequireHasOneOrderOfReasons(t *testing.T) {
	t.Parallel()
	s := &steps{}
	look := truhook.HeadCheck("head check", func(*truhook.Delivery) error { s.add("head check"); return nil })
	v := truhook.Require(s.headed("v", nil, accepting("v")), s.check("check", nil), look)
	require.NoError(t, precheck(t, v))
	require.Equal(t, []string{"head check", "head of v"}, s.list)
	s.list = nil
	_, err := v.Verify(t.Context(), &truhook.Delivery{Body: []byte("x")})
	require.NoError(t, err)
	require.Equal(t, []string{"head check", "head of v", "check", "v"}, s.list)
}

func TestCheck_MistakesPanic(t *testing.T) {
	t.Parallel()
	f := func(*truhook.Delivery) error { return nil }
	full := func(context.Context, *truhook.Delivery) error { return nil }
	for name, mistake := range map[string]func(){
		"HeadCheck, no name":     func() { truhook.HeadCheck("", f) },
		"HeadCheck, no function": func() { truhook.HeadCheck("x", nil) },
		"NewCheck, no name":      func() { truhook.NewCheck("", full) },
		"NewCheck, no function":  func() { truhook.NewCheck("x", nil) },
	} {
		require.Panics(t, mistake, name)
	}
	require.ErrorIs(t, truhook.Check{}.Run(t.Context(), &truhook.Delivery{}), truhook.NoKey)
}

func TestCheck_RemoteAddrSaysWhatIsWrongWithIt(t *testing.T) {
	t.Parallel()
	check := truhook.RemoteAddrIn(netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0"))
	for addr, want := range map[string]string{
		"": "no address", "@": "UnixPeer", "/run/x.sock": "UnixPeer", "@/x": "UnixPeer", "localhost": "not an address", "example.com:80": "not an address",
		"192.0.2.0/24": "not an address", "fe80::1%eth0": "not an address", "[fe80::1%eth0]:80": "not an address", "[::ffff:192.0.2.1%eth0]:1": "not an address", "[192.0.2.1]": "not an address",
		"192.0.2.1,192.0.2.2": "not an address", "192.0.2.1 ": "not an address", "[::1": "not an address", "::1]": "not an address", "[]": "not an address",
		"300.0.2.1": "not an address", "192.0.2": "not an address", "3221225985": "not an address", "0x7f.1": "not an address",
	} {
		err := check.Run(t.Context(), &truhook.Delivery{RemoteAddr: addr})
		require.ErrorIs(t, err, truhook.SourceNotAllowed, addr)
		require.ErrorContains(t, err, want, addr)
	}
	for _, addr := range []string{"192.0.2.1", "192.0.2.1:0", "::1", "[::1]", "[::1]:1", "::ffff:192.0.2.1", "2001:db8::1:1", "0.0.0.0"} {
		require.NoError(t, check.Run(t.Context(), &truhook.Delivery{RemoteAddr: addr}), addr)
	}
}

func TestCheck_UnixPeerIsTheAddressOfAUnixSocket(t *testing.T) {
	t.Parallel()
	list := truhook.RemoteAddrIn(netip.MustParsePrefix("127.0.0.1/32"))
	proxies := truhook.ClientAddrIn([]netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, netip.MustParsePrefix("192.0.2.0/24"))
	peer := netip.MustParseAddr("127.0.0.1")
	tests := map[string]struct {
		peer   netip.Addr
		remote string
		local  net.Addr
		want   truhook.Reason
	}{
		"unnamed":                     {peer, "@", nil, ""},
		"abstract":                    {peer, "@/proxy", nil, ""},
		"a path":                      {peer, "/run/proxy.sock", nil, ""},
		"by the local address":        {peer, "", &net.UnixAddr{Name: "/run/us.sock", Net: "unix"}, ""},
		"mapped":                      {netip.MustParseAddr("::ffff:127.0.0.1"), "@", nil, ""},
		"not set":                     {netip.Addr{}, "@", &net.UnixAddr{}, truhook.SourceNotAllowed},
		"another":                     {netip.MustParseAddr("127.0.0.2"), "@", nil, truhook.SourceNotAllowed},
		"no address at all":           {peer, "", nil, truhook.SourceNotAllowed},
		"a TCP peer is not concerned": {peer, "198.51.100.7:1", &net.TCPAddr{}, truhook.SourceNotAllowed},
		"a host name":                 {peer, "localhost", nil, truhook.SourceNotAllowed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := signed([]byte("{}"))
			r.RemoteAddr = test.remote
			r.Header.Set("X-Forwarded-For", "192.0.2.7")
			if test.local != nil {
				r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, test.local))
			}
			_, o := judge(t, truhook.Require(truvVerifier(t), list), truhook.Config{UnixPeer: test.peer}, noContent(), r)
			require.Equal(t, test.want, truhook.ReasonOf(o.Err), "%v", o.Err)
			if test.local != nil {
				return
			}
			d := &truhook.Delivery{RemoteAddr: test.remote, Header: r.Header, Body: []byte("{}")}
			_, err := truhook.NewMiddleware(truhook.Require(truvVerifier(t), proxies), truhook.Config{UnixPeer: test.peer}).Verify(t.Context(), d)
			require.Equal(t, test.want == "", err == nil, "%v", err)
			require.Equal(t, test.remote, d.RemoteAddr, "the caller's delivery is not changed")
		})
	}
}

// A stranger's query of many parameters takes no memory.
func TestCheck_QueryOfManyParametersCostsNoMemory(t *testing.T) {
	check := truhook.QueryEquals("token", "x")
	for name, query := range map[string]string{
		"pairs": strings.Repeat("a=b&", 250_000) + "token=x", "separators": strings.Repeat("&", 1_000_000) + "token=x",
		"one name": strings.Repeat("tok=x&", 150_000) + "token=x",
	} {
		d := &truhook.Delivery{RequestURI: "/hook?" + query}
		require.NoError(t, check.Run(t.Context(), d), name)
		require.LessOrEqual(t, testing.AllocsPerRun(1, func() { _ = check.Run(t.Context(), d) }), 2.0, name)
	}
	d := &truhook.Delivery{RequestURI: "/hook?token=y&" + strings.Repeat("token=x&", 100_000)}
	require.ErrorIs(t, check.Run(t.Context(), d), truhook.CheckFailed)
}
