package mtls_test

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/mtls"
)

func spellings() map[string]func(string) string {
	return map[string]func(string) string{"canonical": http.CanonicalHeaderKey, "lower case": strings.ToLower, "upper case": strings.ToUpper}
}

func quoted(s string) string { return `"` + s + `"` }

// lines breaks text into lines of n characters.
func lines(text string, n int, end string) string {
	var all []string
	for ; len(text) > n; text = text[n:] {
		all = append(all, text[:n])
	}
	return strings.Join(append(all, text), end)
}

func hexDER(a *authority) string { return hex.EncodeToString(a.cert.Raw) }

func base64URL(a *authority) string { return base64.RawURLEncoding.EncodeToString(a.cert.Raw) }

// What versions and settings of proxies make of a certificate is read, under every encoding that no standard fixes.
func TestEncoding_SpellingsOfProxiesAreRead(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	inter := root.issue(t, true)
	good := inter.issue(t, false, named(productionName()))
	plain := base64DER(good)
	for len(plain)%64 == 0 || !strings.ContainsAny(plain, "+/") || !strings.ContainsAny(base64URL(good), "-_") {
		good = inter.issue(t, false, named(productionName()))
		plain = base64DER(good)
	}
	values := map[string]string{
		"base64":                                   plain,
		"Traefik before 2.9.4":                     url.QueryEscape(plain),
		"HAProxy's quotes":                         quoted(plain),
		"HAProxy's base64url":                      base64URL(good),
		"HAProxy's hexadecimal":                    strings.ToUpper(hexDER(good)),
		"hexadecimal in lower case":                hexDER(good),
		"lines of 64, joined by blanks":            lines(plain, 64, " "),
		"lines of 64, folded":                      lines(plain, 64, "\n\t"),
		"lines of 76":                              lines(plain, 76, "\r\n"),
		"lines of 64 with their last end":          lines(plain, 64, "\n") + "\n",
		"lines of 64, their ends spelled":          lines(plain, 64, `\n`),
		"lines of 64, escaped":                     url.QueryEscape(lines(plain, 64, "\n")),
		"lines of 64 in quotes":                    quoted(lines(plain, 64, " ")),
		"PEM in one line":                          oneLine(good),
		"PEM in quotes":                            quoted(oneLine(good)),
		"PEM with tabs":                            strings.ReplaceAll(string(pemOf(good)), "\n", "\n\t"),
		"PEM with spelled line ends":               strings.ReplaceAll(string(pemOf(good)), "\n", `\n`),
		"PEM without any line ends":                "-----BEGIN CERTIFICATE-----" + plain + "-----END CERTIFICATE-----",
		"PEM, percent-encoded":                     escaped(good),
		"PEM, percent-encoded, bare":               bare(good),
		"PEM, percent-encoded, lower case":         strings.ReplaceAll(strings.ToLower(url.PathEscape("\n")), "%0a", "%0a") + bare(good),
		"PEM, escaped as a query":                  url.QueryEscape(string(pemOf(good))),
		"PEM, percent-encoded by a second hop too": url.PathEscape(escaped(good)),
		"PEM, percent-encoded, in quotes":          quoted(escaped(good)),
	}
	for _, encoding := range []mtls.Encoding{mtls.EscapedPEM, mtls.PEM, mtls.DER} {
		v, err := mtls.New(forwarded(mtls.HeaderForm{Certificate: "X-Cert", Encoding: encoding, Chain: "X-Chain"}),
			mtls.Subjects(pool(root), production), mtls.Config{Intermediates: []*x509.Certificate{inter.cert}})
		require.NoError(t, err)
		for name, value := range values {
			assert.Equal(t, truhook.Reason(""), verdict(t, v, from(proxyAddr, "X-Cert", value)), "%s as %v", name, encoding)
		}
		without, err := mtls.New(forwarded(mtls.HeaderForm{Certificate: "X-Cert", Encoding: encoding, Chain: "X-Chain"}),
			mtls.Subjects(pool(root), production), mtls.Config{})
		require.NoError(t, err)
		for name, chain := range map[string]string{
			"base64": base64DER(inter), "quoted": quoted(base64DER(inter)), "a list, escaped as a query": url.QueryEscape(base64DER(inter) + "," + base64DER(root)),
			"PEM": oneLine(inter), "escaped PEM": escaped(inter, root),
		} {
			assert.Equal(t, truhook.Reason(""), verdict(t, without, from(proxyAddr, "X-Cert", plain, "X-Chain", chain)), "a chain as %s", name)
		}
	}
}

func TestEncoding_EnvoysOwnSettingsAreRead(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	inter := root.issue(t, true)
	good := inter.issue(t, false, named(productionName()))
	v, err := mtls.New(mtls.FromEnvoy(proxies...), mtls.Subjects(pool(root), production), mtls.Config{})
	require.NoError(t, err)
	whole := xfcc(good, inter)
	_, chain, _ := strings.Cut(whole, ";Chain=")
	hash, _, _ := strings.Cut(whole, ";Cert=")
	for name, value := range map[string]string{
		"Cert and Chain": whole, "Chain alone": hash + ";Chain=" + chain,
	} {
		assert.Equal(t, truhook.Reason(""), verdict(t, v, from(proxyAddr, "X-Forwarded-Client-Cert", value)), name)
	}
}

// Two indicators of HAProxy, quoted as the certificate is.
func TestSource_IndicatorsMayBeQuoted(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	good := root.issue(t, false, named(productionName()))
	v, err := mtls.New(mtls.FromHAProxy(proxies...), mtls.Subjects(pool(root), production), mtls.Config{})
	require.NoError(t, err)
	with := func(used, verify string) *truhook.Delivery {
		return from(proxyAddr, "X-SSL-Client-DER", quoted(base64DER(good)), "X-SSL-Client-Used", used, "X-SSL-Client-Verify", verify)
	}
	assert.Equal(t, truhook.Reason(""), verdict(t, v, with(`"1"`, `"0"`)))
	for _, wrong := range [][2]string{{`"0"`, `"0"`}, {`"1`, `"0"`}, {`""1""`, `"0"`}, {`"1"`, `"18"`}, {`"1","1"`, `"0"`}} {
		assert.Equal(t, truhook.UntrustedCertificate, verdict(t, v, with(wrong[0], wrong[1])), "%v", wrong)
	}
	for _, none := range []string{`""`, `"(null)"`} {
		assert.Equal(t, truhook.NoClientCertificate, verdict(t, v, from(proxyAddr, "X-SSL-Client-DER", none)), none)
	}
}

// Where a doubt is left, the error says which setting to change.
func TestEncoding_WhatIsNotReadNamesTheSettingToChange(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	good := root.issue(t, false, named(productionName()))
	plain := base64DER(good)
	for name, c := range map[string]struct {
		encoding mtls.Encoding
		value    string
		says     string
	}{
		"a subject":             {mtls.DER, production, "forward the certificate"},
		"a subject in slashes":  {mtls.EscapedPEM, "/C=US/CN=x", "forward the certificate"},
		"Traefik's Info":        {mtls.DER, url.QueryEscape(`Subject="C=US,CN=x"`), "forward the certificate"},
		"Envoy's header":        {mtls.DER, xfcc(good), "FromEnvoy"},
		"RFC 9440":              {mtls.DER, ":" + plain + ":", "RFC9440"},
		"JSON":                  {mtls.PEM, `{"cert":"x"}`, "JSON"},
		"cut by a buffer":       {mtls.DER, plain[:len(plain)-3], "buffers"},
		"lines of any length":   {mtls.DER, lines(plain, 60, " "), "buffers"},
		"a blank in the middle": {mtls.DER, plain[:64] + " " + plain[64:], "buffers"},
		"base64 for RFC 9440":   {mtls.RFC9440, plain, "DER"},
		"PEM for RFC 9440":      {mtls.RFC9440, oneLine(good), "PEM"},
		"nothing for Envoy":     {mtls.XFCC, "Hash=" + strings.Repeat("0", 64), "set_current_client_cert_details"},
	} {
		v, err := mtls.New(forwarded(mtls.HeaderForm{Certificate: "X-Cert", Encoding: c.encoding}),
			mtls.Subjects(pool(root), production), mtls.Config{})
		require.NoError(t, err)
		err = v.Precheck(t.Context(), from(proxyAddr, "X-Cert", c.value))
		assert.Equal(t, truhook.MalformedCertificate, truhook.ReasonOf(err), name)
		assert.ErrorContains(t, err, c.says, name)
		assert.NotContains(t, err.Error(), plain[:16], name)
	}
}

// negative returns a certificate as no authority should issue it and old ones did: crypto/x509 reads no negative serial
// number.
func negative(t testing.TB, a *authority) *authority {
	t.Helper()
	der := bytes.Clone(a.cert.Raw)
	serial := a.cert.SerialNumber.Bytes()
	at := bytes.Index(der, serial)
	require.Positive(t, at)
	der[at] |= 0x80
	_, err := x509.ParseCertificate(der)
	require.Error(t, err)
	return &authority{&x509.Certificate{Raw: der}, nil}
}

// A client may send its root, which nobody needs and which may be old.
func TestEncoding_OneOddCertificateOfAChainCostsThatOne(t *testing.T) {
	t.Parallel()
	serial := func(c *x509.Certificate) { c.SerialNumber = big.NewInt(0x1122334455667788) }
	root := (*authority)(nil).issue(t, true, serial)
	inter := root.issue(t, true, serial)
	good := inter.issue(t, false, named(productionName()), serial)
	oddRoot, oddInter, oddLeaf := negative(t, root), negative(t, inter), negative(t, good)
	for name, c := range map[string]struct {
		source mtls.Source
		head   func(chain ...*authority) []string // the client's own first
	}{
		"HAProxy": {mtls.FromHAProxy(proxies...), func(chain ...*authority) []string {
			return []string{"X-SSL-Client-DER", base64DER(chain[0]), "X-SSL-Client-Chain-DER", base64DER(chain[1:]...), "X-SSL-Client-Used", "1", "X-SSL-Client-Verify", "0"}
		}},
		"RFC 9440": {mtls.FromClientCert(proxies...), func(chain ...*authority) []string {
			var list []string
			for _, a := range chain[1:] {
				list = append(list, rfc9440(a))
			}
			return []string{"Client-Cert", rfc9440(chain[0]), "Client-Cert-Chain", strings.Join(list, ", ")}
		}},
		"Traefik": {mtls.FromTraefik(proxies...), func(chain ...*authority) []string {
			var list []string
			for _, a := range chain {
				list = append(list, base64DER(a))
			}
			return []string{"X-Forwarded-Tls-Client-Cert", strings.Join(list, ",")}
		}},
		"ALB": {mtls.FromALBPassthrough(proxies...), func(chain ...*authority) []string { return []string{"X-Amzn-Mtls-Clientcert", escaped(chain...)} }},
		"Envoy": {mtls.FromEnvoy(proxies...), func(chain ...*authority) []string {
			return []string{"X-Forwarded-Client-Cert", xfcc(chain[0], chain[1:]...)}
		}},
	} {
		v, err := mtls.New(c.source, mtls.Subjects(pool(root), production), mtls.Config{})
		require.NoError(t, err)
		for _, test := range []struct {
			chain []*authority
			want  truhook.Reason
		}{
			{[]*authority{good, inter, root}, ""},
			{[]*authority{good, inter, oddRoot}, ""},
			{[]*authority{good, oddRoot, inter}, ""},
			{[]*authority{good, oddInter, root}, truhook.MalformedCertificate},
			{[]*authority{oddLeaf, inter, root}, truhook.MalformedCertificate},
			{[]*authority{oddLeaf, good, inter}, truhook.MalformedCertificate},
			{append([]*authority{good, inter}, slices.Repeat([]*authority{oddRoot}, 10)...), truhook.ChainTooLong},
		} {
			d := from(proxyAddr, c.head(test.chain...)...)
			assert.Equal(t, test.want, verdict(t, v, d), "%s, %d certificates", name, len(test.chain))
			_ = truhook.Explain(t.Context(), v, d, truhook.ExplainConfig{})
		}
	}
}

// A header of many parts costs memory in proportion to its bytes: a list of the parts is never made. It is not
// parallel, as it counts what all goroutines allocate.
func TestEncoding_ManyPartsCostNoMoreThanTheirBytes(t *testing.T) {
	fill := func(one string) string { return strings.Repeat(one, 32<<10/len(one)) }
	line := strings.Repeat("A", 64) + " "
	for name, value := range map[string]string{
		"commas": fill(","), "base64 with commas": fill("AAAA,"), "blanks": fill("A "), "blanks behind a line": fill(line)[:6500] + fill("A ")[:25000],
		"lines": fill(line), "line ends": fill(`\n`), "sequences": fill("::,"), "longer sequences": fill(":AAAA:,"),
	} {
		for _, encoding := range []mtls.Encoding{mtls.EscapedPEM, mtls.PEM, mtls.DER, mtls.RFC9440} {
			v, err := mtls.New(forwarded(mtls.HeaderForm{Certificate: "X-Cert", Encoding: mtls.DER, Chain: "X-Chain", ChainEncoding: encoding}),
				mtls.Pinned(strings.Repeat("0", 64)), mtls.Config{})
			require.NoError(t, err)
			good := base64DER(newRoot(t))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got := verdict(t, v, from(proxyAddr, "X-Cert", good, "X-Chain", value))
			runtime.ReadMemStats(&after)
			assert.Contains(t, []truhook.Reason{truhook.MalformedCertificate, truhook.ChainTooLong}, got, "%s as %v", name, encoding)
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(6*32<<10), "%s as %v", name, encoding)
		}
	}
}
