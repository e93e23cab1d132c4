package mtls_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/mtls"
)

const proxyAddr = "10.0.0.7:41000"

var proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("::ffff:192.0.2.0/120")}

// The forms in which proxies pass a certificate on.

func escaped(a ...*authority) string { return url.PathEscape(string(pemOf(a...))) }

// bare escapes as Apache and AWS do: "+", "/" and "=" stay.
func bare(a ...*authority) string {
	return strings.NewReplacer("\n", "%0a", " ", "%20").Replace(string(pemOf(a...)))
}

func oneLine(a ...*authority) string { return strings.ReplaceAll(string(pemOf(a...)), "\n", " ") }

func base64DER(a ...*authority) string {
	var raw []byte
	for _, c := range a {
		raw = append(raw, c.cert.Raw...)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

func xfcc(a *authority, chain ...*authority) string {
	sum := sha256.Sum256(a.cert.Raw)
	s := "By=spiffe://mesh/receiver;Hash=" + hex.EncodeToString(sum[:]) + `;Cert="` + escaped(a) + `"`
	if len(chain) > 0 {
		s += `;Chain="` + escaped(append([]*authority{a}, chain...)...) + `"`
	}
	return s + `;Subject="CN=x,O=iovation\, Inc.";URI=spiffe://a;URI=spiffe://b;DNS=a.example`
}

func from(peer string, pairs ...string) *truhook.Delivery {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return &truhook.Delivery{RemoteAddr: peer, Header: h}
}

// A proxy is how one of the constructors is fed: the source, and the headers for a certificate with its intermediate.
type proxy struct {
	source  func(...netip.Prefix) mtls.Source
	headers func(leaf, inter *authority) []string
}

func allProxies() map[string]proxy {
	return map[string]proxy{
		"nginx": {mtls.FromNginx, func(leaf, _ *authority) []string {
			return []string{"X-SSL-Client-Escaped-Cert", escaped(leaf), "X-SSL-Client-Verify", "SUCCESS"}
		}},
		"apache": {mtls.FromApache, func(leaf, inter *authority) []string {
			return []string{"X-SSL-Client-Cert", oneLine(leaf), "X-SSL-Client-Chain-0", oneLine(inter), "X-SSL-Client-Verify", "SUCCESS"}
		}},
		"haproxy": {mtls.FromHAProxy, func(leaf, inter *authority) []string {
			return []string{"X-SSL-Client-DER", base64DER(leaf), "X-SSL-Client-Chain-DER", base64DER(inter), "X-SSL-Client-Used", "1", "X-SSL-Client-Verify", "0"}
		}},
		"envoy": {mtls.FromEnvoy, func(leaf, inter *authority) []string {
			return []string{"X-Forwarded-Client-Cert", xfcc(leaf, inter)}
		}},
		"traefik": {mtls.FromTraefik, func(leaf, inter *authority) []string {
			return []string{"X-Forwarded-Tls-Client-Cert", base64DER(leaf) + "," + base64DER(inter)}
		}},
		"caddy": {mtls.FromCaddy, func(leaf, _ *authority) []string {
			return []string{"X-SSL-Client-DER", base64DER(leaf)}
		}},
		"alb": {mtls.FromALB, func(leaf, _ *authority) []string {
			return []string{"X-Amzn-Mtls-Clientcert-Leaf", bare(leaf)}
		}},
		"alb passthrough": {mtls.FromALBPassthrough, func(leaf, inter *authority) []string {
			return []string{"X-Amzn-Mtls-Clientcert", bare(leaf, inter)}
		}},
		"cloudflare": {mtls.FromCloudflare, func(leaf, inter *authority) []string {
			return []string{"Client-Cert", rfc9440(leaf), "Client-Cert-Chain", rfc9440(inter), "X-Client-Cert-Verified", "true", "X-Client-Cert-Revoked", "false"}
		}},
		"rfc 9440": {mtls.FromClientCert, func(leaf, inter *authority) []string {
			return []string{"Client-Cert", rfc9440(leaf), "Client-Cert-Chain", rfc9440(inter) + ", " + rfc9440(inter)}
		}},
	}
}

func TestEveryProxyHoldsToTheSameRules(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	inter := root.issue(t, true)
	good := inter.issue(t, false, named(productionName()))
	other := inter.issue(t, false)
	alien := newRoot(t).issue(t, false, named(productionName()))
	cfg := mtls.Config{Intermediates: []*x509.Certificate{inter.cert}}
	for name, p := range allProxies() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := mtls.New(p.source(proxies...), mtls.Subjects(pool(root), production), cfg)
			require.NoError(t, err)
			right := p.headers(good, inter)
			check := func(want truhook.Reason, d *truhook.Delivery, what string) {
				t.Helper()
				assert.Equal(t, want, verdict(t, v, d), what)
			}
			check("", from(proxyAddr, right...), "right")
			check("", from("[::ffff:10.0.0.7]:1", right...), "a mapped peer")
			check("", from("192.0.2.9:1", right...), "a mapped prefix")
			check(truhook.UntrustedProxy, from("10.0.1.7:41000", right...), "from the client itself")
			check(truhook.UntrustedProxy, from("10.0.1.7:41000"), "from the client itself, nothing sent")
			check(truhook.UntrustedProxy, from("@", right...), "a Unix socket")
			check(truhook.UntrustedProxy, from("", right...), "no peer")
			check(truhook.WrongSubjectName, from(proxyAddr, p.headers(other, inter)...), "another subject")
			check(truhook.UntrustedCertificate, from(proxyAddr, p.headers(alien, inter)...), "another authority")
			check(truhook.NoClientCertificate, from(proxyAddr), "nothing")
			check(truhook.NoClientCertificate, from(proxyAddr, right[2:]...), "no certificate")

			for i := 0; i < len(right); i += 2 {
				h := right[i]
				check(truhook.DuplicateHeader, from(proxyAddr, append(right, h, right[i+1])...), h+" twice, equal")
				check(truhook.DuplicateHeader, from(proxyAddr, append(right, h, "")...), h+" twice, one empty")
				check(truhook.HeaderTooLong, from(proxyAddr, append(append(append([]string{}, right[:i]...), right[i+2:]...), h, strings.Repeat("A", 32<<10+1))...), h+" too long")
				smuggled := from(proxyAddr, right...)
				for _, alias := range []string{strings.ReplaceAll(h, "-", "_"), strings.Replace(h, "-", ".", 1), strings.ToLower(h)} {
					smuggled.Header = smuggled.Header.Clone()
					smuggled.Header[alias] = []string{"x"}
					check(truhook.DuplicateHeader, smuggled, alias)
					delete(smuggled.Header, alias)
				}
			}
			for _, none := range []string{"", " ", "(null)", "<nil>", "::", "{http.request.tls.client.certificate_der_base64}"} {
				check(truhook.NoClientCertificate, from(proxyAddr, append([]string{right[0], none}, right[2:]...)...), none)
			}
			for _, rubbish := range []string{"spoof", ":", ":::", "-", "%", "%0", "null", ":AAAA:", "AAAA", "-----BEGIN CERTIFICATE-----", "Hash=;Cert=", strings.Repeat(",", 40)} {
				got := verdict(t, v, from(proxyAddr, append([]string{right[0], rubbish}, right[2:]...)...))
				assert.Contains(t, []truhook.Reason{truhook.MalformedCertificate, truhook.ChainTooLong, truhook.DuplicateHeader}, got, "%q", rubbish)
			}
			cert := right[1]
			for _, cut := range []int{1, len(cert) / 2} {
				assert.NotEqual(t, truhook.Reason(""), verdict(t, v, from(proxyAddr, append([]string{right[0], cert[:cut]}, right[2:]...)...)), "cut at %d", cut)
			}
			check(truhook.HeaderTooLong, from(proxyAddr, append([]string{right[0], cert + strings.Repeat(" ", 32<<10)}, right[2:]...)...), "padded")
		})
	}
}

func TestAProxyThatHasNotVerifiedIsNotBelieved(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	good := root.issue(t, false, named(productionName()))
	for name, c := range map[string]struct {
		source mtls.Source
		pairs  []string
	}{
		"nginx, failed":            {mtls.FromNginx(proxies...), []string{"X-SSL-Client-Escaped-Cert", escaped(good), "X-SSL-Client-Verify", "FAILED:self-signed certificate"}},
		"nginx, none":              {mtls.FromNginx(proxies...), []string{"X-SSL-Client-Escaped-Cert", escaped(good), "X-SSL-Client-Verify", "NONE"}},
		"nginx, absent":            {mtls.FromNginx(proxies...), []string{"X-SSL-Client-Escaped-Cert", escaped(good)}},
		"nginx, lower case":        {mtls.FromNginx(proxies...), []string{"X-SSL-Client-Escaped-Cert", escaped(good), "X-SSL-Client-Verify", "success"}},
		"nginx, a part":            {mtls.FromNginx(proxies...), []string{"X-SSL-Client-Escaped-Cert", escaped(good), "X-SSL-Client-Verify", "SUCCESS:not"}},
		"haproxy, not used":        {mtls.FromHAProxy(proxies...), []string{"X-SSL-Client-DER", base64DER(good), "X-SSL-Client-Used", "0", "X-SSL-Client-Verify", "0"}},
		"haproxy, used absent":     {mtls.FromHAProxy(proxies...), []string{"X-SSL-Client-DER", base64DER(good), "X-SSL-Client-Verify", "0"}},
		"haproxy, 18":              {mtls.FromHAProxy(proxies...), []string{"X-SSL-Client-DER", base64DER(good), "X-SSL-Client-Used", "1", "X-SSL-Client-Verify", "18"}},
		"cloudflare, revoked":      {mtls.FromCloudflare(proxies...), []string{"Client-Cert", rfc9440(good), "X-Client-Cert-Verified", "true", "X-Client-Cert-Revoked", "true"}},
		"cloudflare, not verified": {mtls.FromCloudflare(proxies...), []string{"Client-Cert", rfc9440(good), "X-Client-Cert-Verified", "false", "X-Client-Cert-Revoked", "false"}},
	} {
		v, err := mtls.New(c.source, mtls.Subjects(pool(root), production), mtls.Config{})
		require.NoError(t, err)
		assert.Equal(t, truhook.UntrustedCertificate, verdict(t, v, from(proxyAddr, c.pairs...)), name)
	}
}

func TestRFC9440IsReadStrictly(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	inter := root.issue(t, true)
	good := inter.issue(t, false, named(productionName()))
	v, err := mtls.New(mtls.FromClientCert(proxies...), mtls.Subjects(pool(root), production), mtls.Config{})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		cert, chain string
		want        truhook.Reason
	}{
		"right":                  {rfc9440(good), rfc9440(inter), ""},
		"two merged by Apache":   {rfc9440(good) + ", " + rfc9440(good), rfc9440(inter), truhook.DuplicateHeader},
		"two in one sequence":    {":" + base64DER(good, inter) + ":", "", truhook.MalformedCertificate},
		"no colons":              {base64DER(good), rfc9440(inter), truhook.MalformedCertificate},
		"a parameter":            {rfc9440(good) + ";a=1", rfc9440(inter), truhook.MalformedCertificate},
		"no padding":             {":" + strings.TrimRight(base64DER(good), "=") + "A:", rfc9440(inter), truhook.MalformedCertificate},
		"the chain is absent":    {rfc9440(good), "", truhook.UntrustedCertificate},
		"the chain is ::":        {rfc9440(good), "::", truhook.UntrustedCertificate},
		"the chain is rubbish":   {rfc9440(good), ":AAAA:", truhook.MalformedCertificate},
		"an empty list member":   {rfc9440(good), rfc9440(inter) + ",", truhook.MalformedCertificate},
		"an inner list":          {rfc9440(good), "(" + rfc9440(inter) + ")", truhook.MalformedCertificate},
		"ten in the chain":       {rfc9440(good), strings.Repeat(rfc9440(inter)+",", 9) + rfc9440(inter), truhook.ChainTooLong},
		"nine in the chain":      {rfc9440(good), strings.Repeat(rfc9440(inter)+",", 8) + rfc9440(inter), ""},
		"eleven in the chain":    {rfc9440(good), strings.Repeat(rfc9440(inter)+",", 10) + rfc9440(inter), truhook.ChainTooLong},
		"a string":               {`"` + base64DER(good) + `"`, rfc9440(inter), truhook.MalformedCertificate},
		"leaf and chain swapped": {rfc9440(inter), rfc9440(good), truhook.WrongSubjectName},
	} {
		assert.Equal(t, c.want, verdict(t, v, from(proxyAddr, "Client-Cert", c.cert, "Client-Cert-Chain", c.chain)), name)
	}
}

// A second line that a proxy on the way merged into the first: the copy of a public certificate that a client sent must
// not count as the leaf, with the client's own as its chain.
func TestAMergedSecondCertificateIsNoChain(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	good := root.issue(t, false, named(productionName()))
	evil := root.issue(t, false, named(rdns("CN", "evil.example")))
	all := allProxies()
	for _, name := range []string{"nginx", "apache", "haproxy", "caddy", "alb", "cloudflare", "rfc 9440"} {
		v, err := mtls.New(all[name].source(proxies...), mtls.Subjects(pool(root), production), mtls.Config{})
		require.NoError(t, err)
		copied, own := all[name].headers(good, root), all[name].headers(evil, root)
		require.NoError(t, v.Precheck(t.Context(), from(proxyAddr, copied...)), name)
		for _, between := range []string{",", ", ", " "} {
			merged := append([]string{}, own...)
			merged[1] = copied[1] + between + own[1]
			got := verdict(t, v, from(proxyAddr, merged...))
			assert.Contains(t, []truhook.Reason{truhook.DuplicateHeader, truhook.MalformedCertificate}, got, "%s, %q", name, between)
		}
	}
}

// The last letter before the padding has four bits that mean nothing: only one of its sixteen spellings is taken.
func TestOnlyOneSpellingOfTheBase64IsTaken(t *testing.T) {
	t.Parallel()
	r := record(t)
	roots := x509.NewCertPool()
	roots.AddCert(certificate(t, r.RootPEM))
	good := base64DER(&authority{cert: certificate(t, r.Cases["prod"].PEM)})
	require.True(t, strings.HasSuffix(good, "w=="))
	v, err := mtls.New(mtls.FromCaddy(proxies...), mtls.Subjects(roots, production),
		mtls.Config{Intermediates: []*x509.Certificate{certificate(t, r.IntermediatePEM)}, Now: recordedAt})
	require.NoError(t, err)
	assert.Equal(t, truhook.Reason(""), verdict(t, v, from(proxyAddr, "X-SSL-Client-DER", good)))
	for _, end := range []string{"x==", "y==", "z==", "0==", "/==", "w=", "w", "w===", "w==A", "w== =", "w==\r", "w==\n"} {
		bad := strings.TrimSuffix(good, "w==") + end
		assert.Equal(t, truhook.MalformedCertificate, verdict(t, v, from(proxyAddr, "X-SSL-Client-DER", bad)), "%q", end)
	}
	for _, inside := range []string{"\r", "\n", " ", "=", "-", "_", "\x00"} {
		bad := good[:40] + inside + good[40:]
		assert.Equal(t, truhook.MalformedCertificate, verdict(t, v, from(proxyAddr, "X-SSL-Client-DER", bad)), "%q", inside)
	}
}

func TestEnvoysHeaderCannotBeInjectedInto(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	good := root.issue(t, false, named(productionName()))
	evil := root.issue(t, false, named(rdns("CN", "evil.example")))
	v, err := mtls.New(mtls.FromEnvoy(proxies...), mtls.Subjects(pool(root), production), mtls.Config{})
	require.NoError(t, err)
	sum := func(a *authority) string { s := sha256.Sum256(a.cert.Raw); return hex.EncodeToString(s[:]) }
	cert := func(a *authority) string { return `;Cert="` + escaped(a) + `"` }
	for name, c := range map[string]struct {
		value string
		want  truhook.Reason
	}{
		"right":                            {xfcc(good), ""},
		"keys in lower case":               {"hash=" + sum(good) + `;cert="` + escaped(good) + `"`, ""},
		"Hash in upper case":               {"Hash=" + strings.ToUpper(sum(good)) + cert(good), ""},
		"an escape inside a subject":       {"Hash=" + sum(good) + cert(good) + `;Subject="O=\"a\\,CN=b"`, ""},
		"names with separators in quotes":  {"Hash=" + sum(good) + cert(good) + `;Subject="a;Hash=x,Cert=y"`, ""},
		"a URI with a Cert":                {xfcc(evil) + ";URI=x" + cert(good), truhook.MalformedCertificate},
		"a URI with a Hash":                {xfcc(evil) + ";Hash=" + sum(good), truhook.MalformedCertificate},
		"a URI with a Hash and a Cert":     {xfcc(evil) + ";URI=x;Hash=" + sum(good) + cert(good), truhook.MalformedCertificate},
		"a URI with a whole element":       {xfcc(evil) + ",Hash=" + sum(good) + cert(good), truhook.DuplicateHeader},
		"an element of the client before":  {xfcc(good) + "," + xfcc(evil), truhook.DuplicateHeader},
		"Cert injected where none is sent": {"Hash=" + sum(evil) + ";URI=x" + cert(good), truhook.MalformedCertificate},
		"Hash of another":                  {"Hash=" + sum(evil) + cert(good), truhook.MalformedCertificate},
		"no Hash":                          {strings.TrimPrefix(cert(good), ";"), truhook.MalformedCertificate},
		"no Cert":                          {"Hash=" + sum(good) + `;Subject="` + production + `"`, truhook.MalformedCertificate},
		"two certificates in Cert":         {"Hash=" + sum(good) + `;Cert="` + escaped(good, root) + `"`, truhook.MalformedCertificate},
		"Chain only":                       {"Hash=" + sum(good) + `;Chain="` + escaped(good) + `"`, ""},
		"Chain only, of another":           {"Hash=" + sum(evil) + `;Chain="` + escaped(good) + `"`, truhook.MalformedCertificate},
		"Chain only, injected by a URI":    {"Hash=" + sum(evil) + `;URI=x;Chain="` + escaped(good, evil) + `"`, truhook.MalformedCertificate},
		"Chain only, no Hash":              {`Chain="` + escaped(good) + `"`, truhook.MalformedCertificate},
		"a broken Chain":                   {"Hash=" + sum(good) + cert(good) + `;Chain="x"`, truhook.MalformedCertificate},
		"an open quote":                    {"Hash=" + sum(good) + `;Cert="` + escaped(good), truhook.MalformedCertificate},
		"a quote that ends in a backslash": {"Hash=" + sum(good) + cert(good) + `;Subject="a\`, truhook.MalformedCertificate},
		"text after a quote":               {"Hash=" + sum(good) + cert(good) + `x`, truhook.MalformedCertificate},
		"text between a quote and a key":   {"Hash=" + sum(good) + cert(good) + `;Subject="a"xURI=b`, truhook.MalformedCertificate},
		"a trailing separator":             {"Hash=" + sum(good) + cert(good) + `;`, truhook.MalformedCertificate},
		"By twice":                         {"By=a;By=b;Hash=" + sum(good) + cert(good), truhook.MalformedCertificate},
		"JSON":                             {`[{"hash":"` + sum(good) + `"}]`, truhook.MalformedCertificate},
	} {
		assert.Equal(t, c.want, verdict(t, v, from(proxyAddr, "X-Forwarded-Client-Cert", c.value)), name)
	}
}

func TestInsecureSubjectTextNeedsTheProxysWord(t *testing.T) {
	t.Parallel()
	source := mtls.FromHeader(proxies, mtls.HeaderForm{
		Certificate: "ssl-client-subject-dn", Encoding: mtls.InsecureSubjectText, Verified: map[string]string{"ssl-client-verify": "SUCCESS"},
	})
	v, err := mtls.New(source, mtls.Subjects(nil, production), mtls.Config{})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		subject, verified string
		want              truhook.Reason
	}{
		"right":                 {production, "SUCCESS", ""},
		"not verified":          {production, "NONE", truhook.UntrustedCertificate},
		"verified is absent":    {production, "", truhook.UntrustedCertificate},
		"another":               {"CN=evil.example", "SUCCESS", truhook.WrongSubjectName},
		"reversed":              {`C=US,ST=Oregon,L=Portland,O=iovation\, Inc.,CN=webhooks.launchkey.com`, "SUCCESS", truhook.WrongSubjectName},
		"the slash form":        {"/C=US/ST=Oregon/L=Portland/O=iovation, Inc./CN=webhooks.launchkey.com", "SUCCESS", truhook.WrongSubjectName},
		"not a name":            {"under", "SUCCESS", truhook.WrongSubjectName},
		"a spelling of the log": {`CN=webhooks.launchkey.com,O=iovation\x5C, Inc.,L=Portland,ST=Oregon,C=US`, "SUCCESS", ""},
		"none":                  {"(null)", "NONE", truhook.NoClientCertificate},
	} {
		d := from(proxyAddr, "Ssl-Client-Subject-Dn", c.subject, "Ssl-Client-Verify", c.verified)
		assert.Equal(t, c.want, verdict(t, v, d), name)
	}
	got, err := v.Verify(t.Context(), from(proxyAddr, "Ssl-Client-Subject-Dn", production, "Ssl-Client-Verify", "SUCCESS"))
	require.NoError(t, err)
	id, ok := truhook.Detail[mtls.Identity](got)
	require.True(t, ok)
	assert.Nil(t, id.Certificate)
}

func TestFormsAreCopied(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	good := root.issue(t, false, named(productionName()))
	verified, trusted := map[string]string{"X-Verify": "yes"}, []netip.Prefix{proxies[0]}
	source := mtls.FromHeader(trusted, mtls.HeaderForm{Certificate: "X-Cert", Encoding: mtls.PEM, Verified: verified})
	verified["X-Verify"], trusted[0] = "no", netip.MustParsePrefix("203.0.113.0/24")
	v, err := mtls.New(source, mtls.Subjects(pool(root), production), mtls.Config{})
	require.NoError(t, err)
	assert.Equal(t, truhook.Reason(""), verdict(t, v, from(proxyAddr, "X-Cert", oneLine(good), "X-Verify", "yes")))
}

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }
