package mtls_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/mtls"
)

// fuzzHeader feeds one header to a verifier. The corpus has the right certificate, so a mutation may well be accepted:
// then it must be that certificate, to the last byte, and no other.
func fuzzHeader(f *testing.F, source mtls.Source, header string, seeds func(good, evil, inter *authority) []string) {
	// Every process of a fuzz run has to see the same certificates, so they are the recorded ones.
	r := record(f)
	recorded := func(pem string) *authority { return &authority{cert: certificate(f, pem)} }
	root, inter := recorded(r.RootPEM), recorded(r.IntermediatePEM)
	good, evil := recorded(r.Cases["prod"].PEM), recorded(r.Cases["dupo"].PEM)
	for _, s := range seeds(good, evil, inter) {
		f.Add(s)
	}
	v, err := mtls.New(source, mtls.Subjects(pool(root), production),
		mtls.Config{Intermediates: []*x509.Certificate{inter.cert}, Now: recordedAt})
	require.NoError(f, err)
	require.NoError(f, v.Precheck(f.Context(), from(proxyAddr, header, seeds(good, evil, inter)[0])))
	f.Fuzz(func(t *testing.T, value string) {
		got, err := v.Verify(t.Context(), from(proxyAddr, header, value))
		require.NotEqual(t, truhook.Internal, truhook.ReasonOf(err))
		if err != nil {
			return
		}
		id, ok := truhook.Detail[mtls.Identity](got)
		require.True(t, ok)
		require.True(t, good.cert.Equal(id.Certificate), "%q", value)
	})
}

func forwarded(form mtls.HeaderForm) mtls.Source {
	return mtls.FromHeader([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, form)
}

func FuzzXFCC(f *testing.F) {
	fuzzHeader(f, mtls.FromEnvoy(proxies...), "X-Forwarded-Client-Cert", func(good, evil, inter *authority) []string {
		return []string{xfcc(good), xfcc(good, inter), xfcc(evil), xfcc(good) + "," + xfcc(evil), `Hash=00;Cert="";Subject="a\"b\\"`, `By=a;By=b`, `"`}
	})
}

func FuzzRFC9440(f *testing.F) {
	fuzzHeader(f, mtls.FromClientCert(proxies...), "Client-Cert", func(good, evil, inter *authority) []string {
		return []string{rfc9440(good), rfc9440(evil), rfc9440(good) + ", " + rfc9440(inter), "::", ":AAAA:;a=1"}
	})
}

func FuzzEscapedPEM(f *testing.F) {
	source := forwarded(mtls.HeaderForm{Certificate: "X-Cert", Encoding: mtls.EscapedPEM})
	fuzzHeader(f, source, "X-Cert", func(good, evil, inter *authority) []string {
		return []string{escaped(good), bare(good, inter), oneLine(good), escaped(evil), "%2D----BEGIN%20CERTIFICATE-----"}
	})
}

func FuzzDER(f *testing.F) {
	source := forwarded(mtls.HeaderForm{Certificate: "X-Cert", Encoding: mtls.DER})
	fuzzHeader(f, source, "X-Cert", func(good, evil, inter *authority) []string {
		return []string{base64DER(good), base64DER(good) + "," + base64DER(inter), base64DER(good, inter), base64DER(evil), ",",
			url.QueryEscape(base64DER(good)), `"` + base64DER(good) + `"`, lines(base64DER(good), 64, "\n"), hexDER(good), base64URL(good)}
	})
}

// BenchmarkVerify is the price of a delivery: ECDSA P-256, one intermediate.
func BenchmarkVerify(b *testing.B) {
	root := newRoot(b)
	inter := root.issue(b, true)
	good := inter.issue(b, false, named(productionName()))
	cfg := mtls.Config{Intermediates: []*x509.Certificate{inter.cert}}
	for name, p := range map[string]struct {
		source mtls.Source
		d      *truhook.Delivery
	}{
		"TLS":       {mtls.FromTLS(), over(good, inter)},
		"nginx":     {mtls.FromNginx(proxies...), from(proxyAddr, allProxies()["nginx"].headers(good, inter)...)},
		"Envoy":     {mtls.FromEnvoy(proxies...), from(proxyAddr, "X-Forwarded-Client-Cert", xfcc(good, inter))},
		"untrusted": {mtls.FromNginx(proxies...), from("192.0.3.1:1", allProxies()["nginx"].headers(good, inter)...)},
		"none":      {mtls.FromTLS(), &truhook.Delivery{TLS: &tls.ConnectionState{HandshakeComplete: true}}},
	} {
		v, err := mtls.New(p.source, mtls.Subjects(pool(root), production), cfg)
		require.NoError(b, err)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = v.Verify(b.Context(), p.d)
			}
		})
	}
}

// FuzzExplain takes any header: no explanation panics, and none proves anything, as no handshake of ours was seen.
func FuzzExplain(f *testing.F) {
	r := record(f)
	root, good := &authority{cert: certificate(f, r.RootPEM)}, &authority{cert: certificate(f, r.Cases["prod"].PEM)}
	f.Add("X-Cert", escaped(good), "SUCCESS")
	f.Add("Client-Cert", rfc9440(good), "FAILED:x")
	f.Add("X-Forwarded-Client-Cert", xfcc(good), "")
	f.Add("x-cert", "CN=webhooks,O=x", "NONE")
	source := forwarded(mtls.HeaderForm{Certificate: "X-Cert", Encoding: mtls.EscapedPEM})
	v, err := mtls.New(source, mtls.Subjects(pool(root), production), mtls.Config{Now: recordedAt})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, name, value, verify string) {
		d := from(proxyAddr, name, value, "X-SSL-Client-Verify", verify)
		e := v.Explain(t.Context(), truhook.ExplainQuery{Delivery: d, Others: []truhook.Verifier{v}})
		for _, finding := range e.Findings {
			require.False(t, finding.Proven, "%v", finding)
			require.NotContains(t, finding.Problem, "\n")
		}
	})
}
