package mtls_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/mtls"
)

// A recording has the headers that real proxies forwarded for certificates with plain and with hostile subjects.
// Certificate headers were kept for a few of them only; the tests put the others' back in the proxy's own form.
type recording struct {
	Cases map[string]struct {
		What, PEM string
	}
	Proxies map[string]struct {
		Requests map[string][]field
	}
	Forwarding      map[string][]field
	ApacheExpr      map[string][]field `json:"apache_expr"`
	Resumed         map[string][]field
	IntermediatePEM string `json:"intermediate_pem"`
	RootPEM         string `json:"root_pem"`
}

type field struct {
	Name  string
	Value string
	Raw   string `json:"value_base64"`
}

func record(t testing.TB) recording {
	t.Helper()
	raw, err := os.ReadFile("testdata/recorded.json")
	require.NoError(t, err)
	var r recording
	require.NoError(t, json.Unmarshal(raw, &r))
	return r
}

// recordedAt is an instant at which the recorded certificates are valid.
func recordedAt() time.Time { return time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC) }

// asReceived is what net/http makes of the recorded lines.
func asReceived(t testing.TB, fields []field) http.Header {
	t.Helper()
	h := http.Header{}
	for _, f := range fields {
		value := f.Value
		if f.Raw != "" {
			raw, err := base64.StdEncoding.DecodeString(f.Raw)
			require.NoError(t, err)
			value = string(raw)
		}
		value = strings.NewReplacer("\r\n\t", " ", "\n\t", " ").Replace(value) // folded lines
		h.Add(textproto.CanonicalMIMEHeaderKey(f.Name), value)
	}
	return h
}

func certificate(t testing.TB, text string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	require.NotNil(t, block)
	c, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	return c
}

// wanted is the verdict on each recorded case; every other one is WrongSubjectName.
func wanted(name string) truhook.Reason {
	switch name {
	case "prod", "printable": // one name in two string types
		return ""
	case "rogue":
		return truhook.UntrustedCertificate
	case "serveronly":
		return truhook.WrongCertificateUsage
	case "uni": // crypto/x509 does not read it
		return truhook.MalformedCertificate
	case "nocert":
		return truhook.NoClientCertificate
	}
	return truhook.WrongSubjectName
}

func TestTheCasesThatMustBeRefusedAreRecorded(t *testing.T) {
	t.Parallel()
	r := record(t)
	for _, name := range []string{"dupo", "slash", "inject", "inject2", "reversed", "multi", "nul", "case", "emptyval", "rogue", "serveronly"} {
		assert.Contains(t, r.Cases, name)
		assert.NotEmpty(t, wanted(name), name)
	}
	assert.Contains(t, r.Cases, "prod")
	assert.Contains(t, r.Cases, "printable")
}

func TestRecordedProxyRequestsGetTheirVerdict(t *testing.T) {
	t.Parallel()
	r := record(t)
	root, inter := certificate(t, r.RootPEM), certificate(t, r.IntermediatePEM)
	roots := x509.NewCertPool()
	roots.AddCert(root)
	cfg := mtls.Config{Intermediates: []*x509.Certificate{inter}, Now: recordedAt}

	spaced := func(text string) string { return strings.ReplaceAll(text, "\n", " ") }
	raw := func(text string) string {
		block, _ := pem.Decode([]byte(text))
		return base64.StdEncoding.EncodeToString(block.Bytes)
	}
	for _, p := range []struct {
		name   string // in the recording
		source mtls.Source
		header string
		form   func(pem string) string
	}{
		{"nginx", mtls.FromNginx(proxies...), "X-Ssl-Client-Escaped-Cert", url.PathEscape},
		{"nginx-optional_no_ca", mtls.FromNginx(proxies...), "X-Ssl-Client-Escaped-Cert", url.PathEscape},
		{"apache", mtls.FromApache(proxies...), "X-Ssl-Client-Cert", spaced},
		{"apache-legacy", mtls.FromApache(proxies...), "X-Ssl-Client-Cert", spaced},
		{"apache-optional_no_ca", mtls.FromApache(proxies...), "X-Ssl-Client-Cert", spaced},
		{"haproxy", mtls.FromHAProxy(proxies...), "X-Ssl-Client-Der", raw},
		{"haproxy-ignore-err", mtls.FromHAProxy(proxies...), "X-Ssl-Client-Der", raw},
		{"haproxy", mtls.FromClientCert(proxies...), "Client-Cert", func(s string) string { return ":" + raw(s) + ":" }},
		{"caddy-2.6.2", mtls.FromCaddy(proxies...), "X-Ssl-Client-Der", raw},
		{"caddy-2.11.9", mtls.FromCaddy(proxies...), "X-Ssl-Client-Der", raw},
		{"traefik-passtlsclientcert", mtls.FromTraefik(proxies...), "X-Forwarded-Tls-Client-Cert", raw},
	} {
		strict, err := mtls.New(p.source, mtls.Subjects(roots, production), cfg)
		require.NoError(t, err)
		withServer := cfg
		withServer.AllowServerUsage = true
		lenient, err := mtls.New(p.source, mtls.Subjects(roots, production), withServer)
		require.NoError(t, err)
		require.NotEmpty(t, r.Proxies[p.name].Requests, p.name)
		for name, fields := range r.Proxies[p.name].Requests {
			h := asReceived(t, fields)
			kept := h.Get(p.header)
			if kept == "" && r.Cases[name].PEM != "" {
				h.Set(p.header, p.form(r.Cases[name].PEM))
			}
			want := wanted(name)
			if name == "nocert" && kept == "spoof" {
				want = truhook.MalformedCertificate // Traefik's middleware leaves the client's own header in place
			}
			d := &truhook.Delivery{RemoteAddr: proxyAddr, Header: h}
			assert.Equal(t, want, verdict(t, strict, d), "%s through %s", name, p.name)
			if name == "serveronly" {
				want = truhook.UntrustedCertificate // HAProxy itself has judged it 26
			}
			assert.Equal(t, want, verdict(t, lenient, d), "%s through %s", name, p.name)
			d.RemoteAddr = "198.51.100.1:1"
			assert.Equal(t, truhook.UntrustedProxy, verdict(t, strict, d), "%s through %s", name, p.name)
		}
	}
}

// Every recorded certificate, by itself: what the proxies' differences do not hide.
func TestRecordedCertificatesGetTheirVerdict(t *testing.T) {
	t.Parallel()
	r := record(t)
	roots := x509.NewCertPool()
	roots.AddCert(certificate(t, r.RootPEM))
	for name, c := range r.Cases {
		if c.PEM == "" {
			continue
		}
		d := from(proxyAddr, "X-Cert", url.PathEscape(c.PEM+r.IntermediatePEM))
		source := mtls.FromHeader(proxies, mtls.HeaderForm{Certificate: "X-Cert", Encoding: mtls.EscapedPEM})
		v, err := mtls.New(source, mtls.Subjects(roots, production), mtls.Config{Now: recordedAt})
		require.NoError(t, err)
		assert.Equal(t, wanted(name), verdict(t, v, d), name)
		v, err = mtls.New(source, mtls.Subjects(roots, production), mtls.Config{Now: recordedAt, AllowServerUsage: true})
		require.NoError(t, err)
		if want := wanted(name); name == "serveronly" {
			assert.Equal(t, truhook.Reason(""), verdict(t, v, d))
		} else {
			assert.Equal(t, want, verdict(t, v, d), name)
		}
	}
}

// What nginx, Apache and HAProxy print as RFC 4514 is, read again, what the certificate says: OpenSSL as the oracle.
func TestRecordedSubjectTextsReadAsTheCertificatesSubject(t *testing.T) {
	t.Parallel()
	r := record(t)
	unreadable := []string{"ctl", "nul", "t61", "uni", "empty", "ev", "nocert"}
	compared := 0
	for _, p := range [][2]string{{"nginx", "X-Ssl-Client-S-Dn"}, {"apache", "X-Ssl-Client-S-Dn"}, {"haproxy", "X-Ssl-Client-S-Dn-2253"}} {
		for name, fields := range r.Proxies[p[0]].Requests {
			if slices.Contains(unreadable, name) {
				continue
			}
			want, err := mtls.SubjectOf(certificate(t, r.Cases[name].PEM))
			require.NoError(t, err, name)
			text := asReceived(t, fields).Get(p[1])
			got, err := mtls.ParseSubject(text)
			require.NoError(t, err, "%s: %q", name, text)
			assert.Equal(t, want, got, "%s through %s: %q", name, p[0], text)
			compared++
		}
	}
	assert.Greater(t, compared, 40)
	for _, name := range []string{"ctl", "nul"} {
		_, err := mtls.ParseSubject(asReceived(t, r.Proxies["nginx"].Requests[name]).Get("X-Ssl-Client-S-Dn"))
		assert.Error(t, err, name)
		_, err = mtls.SubjectOf(certificate(t, r.Cases[name].PEM))
		assert.Error(t, err, name)
	}
	_, err := mtls.SubjectOf(certificate(t, r.Cases["t61"].PEM))
	assert.Error(t, err)
}

// The slash form is for configuration; as a recorded text it must never turn another name into the expected one.
func TestRecordedSlashFormsNeverReadAsTheExpectedNameUnlessTheyAreIt(t *testing.T) {
	t.Parallel()
	r := record(t)
	want := mustParse(t, production)
	for proxy, header := range map[string]string{"nginx": "X-Ssl-Client-S-Dn-Legacy", "apache-legacy": "X-Ssl-Client-S-Dn"} {
		for name, fields := range r.Proxies[proxy].Requests {
			got, err := mtls.ParseSubject(asReceived(t, fields).Get(header))
			if wanted(name) == "" {
				require.NoError(t, err, name)
				assert.Equal(t, want, got, name)
			} else {
				assert.NotEqual(t, want, got, "%s through %s", name, proxy)
			}
		}
	}
}

func TestRecordedSubjectTextsUnderInsecureSubjectText(t *testing.T) {
	t.Parallel()
	r := record(t)
	for proxy, c := range map[string]struct {
		header   string
		verified map[string]string
		slash    bool
	}{
		"nginx":                 {"X-SSL-Client-S-DN", map[string]string{"X-SSL-Client-Verify": "SUCCESS"}, false},
		"nginx-optional_no_ca":  {"X-SSL-Client-S-DN", map[string]string{"X-SSL-Client-Verify": "SUCCESS"}, false},
		"apache":                {"X-SSL-Client-S-DN-Expr", map[string]string{"X-SSL-Client-Verify": "SUCCESS"}, false},
		"apache-optional_no_ca": {"X-SSL-Client-S-DN-Expr", map[string]string{"X-SSL-Client-Verify": "SUCCESS"}, false},
		"apache-legacy":         {"X-SSL-Client-S-DN-E", map[string]string{"X-SSL-Client-Verify": "SUCCESS"}, true},
		"haproxy":               {"X-SSL-Client-S-DN-2253", map[string]string{"X-SSL-Client-Verify": "0", "X-SSL-Client-Used": "1"}, false},
		"haproxy-ignore-err":    {"X-SSL-Client-S-DN-2253", map[string]string{"X-SSL-Client-Verify": "0", "X-SSL-Client-Used": "1"}, false},
	} {
		v, err := mtls.New(mtls.FromHeader(proxies, mtls.HeaderForm{
			Certificate: c.header, Encoding: mtls.InsecureSubjectText, Verified: c.verified,
		}), mtls.Subjects(nil, production), mtls.Config{})
		require.NoError(t, err)
		for name, fields := range r.Proxies[proxy].Requests {
			got := verdict(t, v, &truhook.Delivery{RemoteAddr: proxyAddr, Header: asReceived(t, fields)})
			switch {
			case name == "uni" && !c.slash: // OpenSSL decodes it, and it is the expected name
				assert.Equal(t, truhook.Reason(""), got, "%s through %s", name, proxy)
			case wanted(name) == "" && !c.slash:
				assert.Equal(t, truhook.Reason(""), got, "%s through %s", name, proxy)
			default:
				assert.NotEqual(t, truhook.Reason(""), got, "%s through %s", name, proxy)
			}
		}
	}
}

// A subject as text that cannot be told from another is refused in its entirety.
func TestTheSlashFormOfHAProxyIsRefused(t *testing.T) {
	t.Parallel()
	r := record(t)
	v, err := mtls.New(mtls.FromHeader(proxies, mtls.HeaderForm{
		Certificate: "X-SSL-Client-S-DN", Encoding: mtls.InsecureSubjectText, Verified: map[string]string{"X-SSL-Client-Used": "1"},
	}), mtls.Subjects(nil, production), mtls.Config{})
	require.NoError(t, err)
	for name, fields := range r.Proxies["haproxy"].Requests {
		got := verdict(t, v, &truhook.Delivery{RemoteAddr: proxyAddr, Header: asReceived(t, fields)})
		assert.NotEqual(t, truhook.Reason(""), got, name)
	}
}

func TestApachesOtherEscapingOfTheCertificateIsRead(t *testing.T) {
	t.Parallel()
	r := record(t)
	roots := x509.NewCertPool()
	roots.AddCert(certificate(t, r.RootPEM))
	v, err := mtls.New(mtls.FromHeader(proxies, mtls.HeaderForm{Certificate: "X-Escaped", Encoding: mtls.EscapedPEM}), mtls.Subjects(roots, production),
		mtls.Config{Intermediates: []*x509.Certificate{certificate(t, r.IntermediatePEM)}, Now: recordedAt})
	require.NoError(t, err)
	assert.Equal(t, truhook.Reason(""), verdict(t, v, &truhook.Delivery{RemoteAddr: proxyAddr, Header: asReceived(t, r.ApacheExpr["prod"])}))
	assert.Equal(t, truhook.WrongSubjectName, verdict(t, v, &truhook.Delivery{RemoteAddr: proxyAddr, Header: asReceived(t, r.ApacheExpr["utf8raw"])}))
}

// Two Client-Cert lines of the client's own, and what each proxy made of them.
func TestRecordedSmuggledClientCertsAreRefused(t *testing.T) {
	t.Parallel()
	r := record(t)
	roots := x509.NewCertPool()
	roots.AddCert(certificate(t, r.RootPEM))
	v, err := mtls.New(mtls.FromClientCert(proxies...), mtls.Subjects(roots, production), mtls.Config{Now: recordedAt})
	require.NoError(t, err)
	for proxy, fields := range r.Forwarding {
		want := truhook.DuplicateHeader
		if proxy == "haproxy" {
			want = truhook.UntrustedCertificate // it replaced both, and sends no chain
		}
		assert.Equal(t, want, verdict(t, v, &truhook.Delivery{RemoteAddr: proxyAddr, Header: asReceived(t, fields)}), proxy)
	}
}

// The client claimed 198.51.100.1, 203.0.113.7 and 192.0.2.9, and was 127.0.0.1.
func TestRecordedForwardedForIsReadFromTheRight(t *testing.T) {
	t.Parallel()
	r := record(t)
	for proxy, fields := range r.Forwarding {
		d := &truhook.Delivery{RemoteAddr: proxyAddr, Header: asReceived(t, fields)}
		for addr, want := range map[string]truhook.Reason{
			"127.0.0.1/32": "", "198.51.100.1/32": truhook.SourceNotAllowed, "203.0.113.7/32": truhook.SourceNotAllowed,
			"192.0.2.9/32": truhook.SourceNotAllowed, "9.9.9.9/32": truhook.SourceNotAllowed,
		} {
			err := truhook.ClientAddrIn(proxies, prefix(addr)).Run(t.Context(), d)
			assert.Equal(t, want, truhook.ReasonOf(err), "%s through %s", addr, proxy)
		}
	}
}
