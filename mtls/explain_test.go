package mtls_test

import (
	"crypto/x509"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/mtls"
	"github.com/truhook/truhook/recorded"
)

func TestExplain_NamesTheCause(t *testing.T) {
	t.Parallel()
	root, otherRoot := newRoot(t), newRoot(t)
	inter := root.issue(t, true)
	good := inter.issue(t, false, named(productionName()))
	ci := inter.issue(t, false, named(rdns("CN", "ci.example")))
	alien := otherRoot.issue(t, false, named(productionName()))
	subjects := mtls.Subjects(pool(root), production)
	withInter := mtls.Config{Intermediates: []*x509.Certificate{inter.cert}}
	verifier := func(s mtls.Source, p mtls.Peer, cfg mtls.Config) *mtls.Verifier {
		v, err := mtls.New(s, p, cfg)
		require.NoError(t, err)
		return v
	}
	elsewhere := truhook.AllOf(truhook.Require(verifier(mtls.FromTLS(), mtls.Subjects(pool(root), "CN=ci.example"), withInter),
		truhook.HeadCheck("none", func(*truhook.Delivery) error { return nil })))
	nginx := func(cert, verify string) *truhook.Delivery {
		return from(proxyAddr, "X-SSL-Client-Escaped-Cert", cert, "X-SSL-Client-Verify", verify)
	}
	for name, c := range map[string]struct {
		v      *mtls.Verifier
		d      *truhook.Delivery
		reason truhook.Reason
		cause  string // "": the Reason says it all
		proven bool
		says   string
	}{
		"accepted":                 {verifier(mtls.FromTLS(), subjects, withInter), over(good), "", "", false, ""},
		"another environment's":    {verifier(mtls.FromTLS(), subjects, withInter), over(ci), truhook.WrongSubjectName, "key-of-other-environment", true, "another"},
		"the same behind nginx":    {verifier(mtls.FromNginx(proxies...), subjects, withInter), nginx(escaped(ci), "SUCCESS"), truhook.WrongSubjectName, "key-of-other-environment", false, "another"},
		"nobody's":                 {verifier(mtls.FromTLS(), subjects, withInter), over(inter.issue(t, false)), truhook.WrongSubjectName, "", false, ""},
		"the intermediate missing": {verifier(mtls.FromTLS(), subjects, mtls.Config{}), over(good), truhook.UntrustedCertificate, "intermediate-missing", false, "issuer"},
		"another authority of it":  {verifier(mtls.FromTLS(), subjects, mtls.Config{}), over(alien, otherRoot), truhook.UntrustedCertificate, "", false, ""},
		"an unverified one": {verifier(mtls.FromNginx(proxies...), subjects, withInter), nginx(escaped(good), "FAILED:unable to get issuer certificate"),
			truhook.UntrustedCertificate, "proxy-did-not-verify", false, "X-Ssl-Client-Verify"},
		"another header": {verifier(mtls.FromNginx(proxies...), subjects, withInter), from(proxyAddr, "X-Client-Cert", escaped(good), "X-SSL-Client-Verify", "SUCCESS"),
			truhook.NoClientCertificate, "header-similar-name", false, "X-Client-Cert"},
		"a header of any name": {verifier(mtls.FromNginx(proxies...), subjects, withInter), from(proxyAddr, "X-"+strings.Repeat("Y", 30<<10), escaped(good)),
			truhook.NoClientCertificate, "header-similar-name", false, "another header"},
		"a header, not the connection": {verifier(mtls.FromTLS(), subjects, withInter), from(proxyAddr, "client-cert", rfc9440(good)),
			truhook.NoClientCertificate, "header-similar-name", false, "connection"},
		"a stranger's in another header": {verifier(mtls.FromTLS(), subjects, withInter), from(proxyAddr, "Client-Cert", rfc9440(alien)),
			truhook.NoClientCertificate, "", false, ""},
		"another form": {verifier(mtls.FromClientCert(proxies...), subjects, withInter), from(proxyAddr, "Client-Cert", base64DER(good)),
			truhook.MalformedCertificate, "signature-form", false, "Encoding"},
		"a subject": {verifier(mtls.FromCaddy(proxies...), subjects, withInter), from(proxyAddr, "X-SSL-Client-DER", production),
			truhook.MalformedCertificate, "signature-form", false, "subject"},
		"past the proxy": {verifier(mtls.FromNginx(proxies...), subjects, withInter), from("203.0.113.9:1", "X-SSL-Client-Escaped-Cert", escaped(good)),
			truhook.UntrustedProxy, "", false, ""},
		"no delivery": {verifier(mtls.FromTLS(), subjects, withInter), nil, truhook.NoClientCertificate, "", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			deliveries := map[string]*truhook.Delivery{"as it came": c.d}
			if c.d != nil && c.reason != "" {
				deliveries["from the file of a capture"] = captured(t, c.v, c.d)
			}
			for how, d := range deliveries {
				e := c.v.Explain(t.Context(), truhook.ExplainQuery{Delivery: d, Others: []truhook.Verifier{c.v, nil, elsewhere}})
				assert.Equal(t, c.reason, e.Reason, how)
				assert.True(t, e.Complete, how)
				if c.cause == "" {
					assert.Empty(t, e.Findings, how)
					continue
				}
				require.NotEmpty(t, e.Findings, how)
				assert.Equal(t, c.cause, e.Findings[0].Name, how)
				assert.Equal(t, c.proven, e.Findings[0].Proven, how)
				assert.Contains(t, e.Findings[0].String(), c.says, how)
			}
		})
	}
}

// captured has a receiver refuse what comes and keep it, and returns the delivery of the file.
func captured(t *testing.T, v truhook.Verifier, sent *truhook.Delivery) *truhook.Delivery {
	t.Helper()
	dir := t.TempDir()
	capture, err := recorded.Refused(dir, recorded.RefusedConfig{})
	require.NoError(t, err)
	m := truhook.NewMiddleware(v, truhook.Config{Logger: slog.New(slog.DiscardHandler), Capture: capture.Capture})
	r := httptest.NewRequest(http.MethodPost, "/hook", strings.NewReader("{}"))
	r.TLS, r.RemoteAddr = sent.TLS, sent.RemoteAddr
	for name, lines := range sent.Header {
		r.Header[name] = lines
	}
	w := httptest.NewRecorder()
	m.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("accepted") })).ServeHTTP(w, r)
	require.Equal(t, http.StatusForbidden, w.Code)
	require.NoError(t, capture.Wait(t.Context()))
	files, err := filepath.Glob(filepath.Join(dir, "refused-*.http"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	file, err := recorded.ReadFile(files[0])
	require.NoError(t, err)
	d, err := file.Delivery()
	require.NoError(t, err)
	return d
}

// Findings are logged: nothing out of a certificate for which nobody vouches stands in them.
func TestExplain_RepeatsNoWordOfAStranger(t *testing.T) {
	t.Parallel()
	const canary = "canary-7e57"
	root := newRoot(t)
	stranger := newRoot(t).issue(t, false, named(rdns("CN", canary, "O", canary)), withDNS(canary+".example"))
	for name, p := range allProxies() {
		v, err := mtls.New(p.source(proxies...), mtls.Subjects(pool(root), production), mtls.Config{})
		require.NoError(t, err)
		whole := from(proxyAddr, p.headers(stranger, stranger)...)
		cut := from(proxyAddr, p.headers(stranger, stranger)...)
		for header := range cut.Header {
			cut.Header[header] = []string{canary + cut.Header[header][0]}
		}
		moved := &truhook.Delivery{RemoteAddr: proxyAddr, Header: http.Header{"X-Other": {base64DER(stranger)}}}
		for _, d := range []*truhook.Delivery{whole, cut, moved} {
			text, err := json.Marshal(truhook.Explain(t.Context(), v, d, truhook.ExplainConfig{}).Findings)
			require.NoError(t, err)
			assert.NotContains(t, string(text), canary, name)
			assert.NotContains(t, string(text), base64DER(stranger)[:12], name)
		}
	}
}

func TestExplain_IsBounded(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	v, err := mtls.New(mtls.FromTLS(), mtls.Subjects(pool(root), production), mtls.Config{})
	require.NoError(t, err)
	work := mtls.CountWork(v)
	stranger := newRoot(t).issue(t, false)
	d := &truhook.Delivery{Header: http.Header{}}
	for n := range 1000 {
		d.Header["X-"+strings.Repeat("a", n+1)] = []string{base64DER(stranger)}
	}
	e := v.Explain(t.Context(), truhook.ExplainQuery{Delivery: d})
	assert.Equal(t, truhook.NoClientCertificate, e.Reason)
	assert.LessOrEqual(t, work.Chains.Load(), int64(64))
}
