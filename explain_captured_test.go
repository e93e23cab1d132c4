package truhook_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/catalog"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/mtls"
	"github.com/truhook/truhook/recorded"
)

const (
	hereSecret  = "prod-0123456789abcdef0123456789abcdef01234567"
	thereSecret = "sandbox-89abcdef0123456789abcdef0123456789abcdef"
)

func signedDelivery(t testing.TB, s hmacsig.Scheme, secret string, body []byte) *truhook.Delivery {
	t.Helper()
	key, err := s.NewKey("sender", secret)
	require.NoError(t, err)
	d := &truhook.Delivery{Method: http.MethodPost, RequestURI: "/in", Header: http.Header{}, Body: body}
	require.NoError(t, s.Sign(d.Header, key, hmacsig.Message{Time: time.Now(), Body: body}))
	return d
}

// clientCertificate is a self-made authority's certificate for a client, as a finished handshake shows it.
func clientCertificate(t testing.TB) (roots *x509.CertPool, state *tls.ConnectionState) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	issue := func(c, parent *x509.Certificate, of crypto.PublicKey) *x509.Certificate {
		c.NotBefore, c.NotAfter, c.BasicConstraintsValid = time.Now().Add(-time.Hour), time.Now().Add(time.Hour), true
		der, err := x509.CreateCertificate(rand.Reader, c, parent, of, key)
		require.NoError(t, err)
		made, err := x509.ParseCertificate(der)
		require.NoError(t, err)
		return made
	}
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Authority of tests"}, IsCA: true}
	root := issue(authority, authority, key.Public())
	leaf := issue(&x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: []string{"sender.example"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, root, key.Public())
	roots = x509.NewCertPool()
	roots.AddCert(root)
	return roots, &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{leaf}}
}

// What a composition refuses is explained by the one in it that knows why, from the file of a capture too.
func TestExplain_CompositionsFromACapturedDelivery(t *testing.T) {
	t.Parallel()
	body := []byte(`{"event_id":"e","updated_at":"2026-03-02T09:29:59Z"}`)
	here, err := truv.New(hereSecret)
	require.NoError(t, err)
	there, err := truv.New(thereSecret)
	require.NoError(t, err)
	other, err := truval.New("whsec_0123456789abcdef0123456789abcdef")
	require.NoError(t, err)
	stripe, err := catalog.New("stripe", "whsec_fedcba9876543210fedcba9876543210")
	require.NoError(t, err)
	roots, state := clientCertificate(t)
	certificate, err := mtls.New(mtls.FromTLS(), mtls.DNSNames(roots, "sender.example"), mtls.Config{})
	require.NoError(t, err)
	another, err := mtls.New(mtls.FromTLS(), mtls.DNSNames(roots, "another.example"), mtls.Config{})
	require.NoError(t, err)
	agreed := truhook.HeaderEquals("X-Agreed", "a-value-that-was-agreed")
	longer := func(d *truhook.Delivery) { d.Body = append(bytes.Clone(d.Body), '\n') }
	withHeader := func(d *truhook.Delivery) { longer(d); d.Header.Set("X-Agreed", "a-value-that-was-agreed") }
	withCertificate := func(d *truhook.Delivery) { longer(d); d.TLS = state }
	stripeRow, _ := catalog.Lookup("stripe")
	for name, c := range map[string]struct {
		v      truhook.Verifier
		scheme hmacsig.Scheme
		secret string
		change func(d *truhook.Delivery)
		others []truhook.Verifier
		reason truhook.Reason
		want   string
	}{
		"AnyOf, two environments":           {truhook.AnyOf(here, there), truv.Scheme(), thereSecret, longer, nil, truhook.SignatureMismatch, "body-text-changed"},
		"AnyOf, three providers":            {truhook.AnyOf(other, stripe, here), truv.Scheme(), hereSecret, longer, nil, "", "body-text-changed"},
		"AnyOf, the last provider's":        {truhook.AnyOf(here, other, stripe), stripeRow.Scheme, "whsec_fedcba9876543210fedcba9876543210", longer, nil, "", "body-text-changed"},
		"AnyOf, of another environment":     {truhook.AnyOf(here, other), truv.Scheme(), thereSecret, func(*truhook.Delivery) {}, []truhook.Verifier{there}, "", "key-of-other-environment"},
		"AllOf, a certificate and a secret": {truhook.AllOf(certificate, here), truv.Scheme(), hereSecret, withCertificate, nil, truhook.SignatureMismatch, "body-text-changed"},
		"AllOf, the certificate of another": {truhook.AllOf(another, here), truv.Scheme(), hereSecret, func(d *truhook.Delivery) { d.TLS = state },
			[]truhook.Verifier{truhook.Require(certificate, agreed)}, truhook.WrongSubjectName, "key-of-other-environment"},
		"Require, the check passes":         {truhook.Require(here, agreed), truv.Scheme(), hereSecret, withHeader, nil, truhook.SignatureMismatch, "body-text-changed"},
		"Require, the check refuses":        {truhook.Require(here, agreed), truv.Scheme(), hereSecret, longer, nil, truhook.CheckFailed, ""},
		"Require around AnyOf around AllOf": {truhook.Require(truhook.AnyOf(stripe, truhook.AllOf(certificate, here)), agreed), truv.Scheme(), hereSecret, func(d *truhook.Delivery) { withHeader(d); d.TLS = state }, nil, "", "body-text-changed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent := signedDelivery(t, c.scheme, c.secret, body)
			c.change(sent)
			dir := t.TempDir()
			capture, err := recorded.Refused(dir, recorded.RefusedConfig{})
			require.NoError(t, err)
			m := truhook.NewMiddleware(c.v, truhook.Config{Logger: slog.New(slog.DiscardHandler), Capture: capture.Capture})
			r := httptest.NewRequest(sent.Method, sent.RequestURI, bytes.NewReader(sent.Body))
			r.Header, r.TLS = sent.Header, sent.TLS
			m.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("accepted") })).ServeHTTP(httptest.NewRecorder(), r)
			require.NoError(t, capture.Wait(t.Context()))
			files, err := filepath.Glob(filepath.Join(dir, "refused-*.http"))
			require.NoError(t, err)
			require.Len(t, files, 1)
			file, err := recorded.ReadFile(files[0])
			require.NoError(t, err)
			d, err := file.Delivery()
			require.NoError(t, err)
			e := truhook.Explain(t.Context(), c.v, d, truhook.ExplainConfig{Others: c.others, Timeout: time.Minute})
			if c.reason != "" {
				assert.Equal(t, c.reason, e.Reason)
			}
			if c.want == "" {
				assert.Empty(t, e.Findings)
				return
			}
			require.NotEmpty(t, e.Findings)
			assert.Equal(t, c.want, e.Findings[0].Name, "%+v", e)
			assert.True(t, e.Findings[0].Proven)
		})
	}
}
