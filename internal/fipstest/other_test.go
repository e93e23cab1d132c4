package fipstest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
	"github.com/truhook/truhook/mtls"
	"github.com/truhook/truhook/recorded"
	"github.com/truhook/truhook/recorded/deliveries"
)

func otherTrials(t *testing.T) []trial {
	t.Helper()
	transUnion := func(what, name string) trial {
		var m made
		var d *truhook.Delivery
		return trial{
			area: "TransUnion", what: what,
			construct: func() (err error) {
				var cfg transunion.Config
				cfg, d = transUnionConfig(t, name)
				return m.from(transunion.New(cfg))
			},
			deliver: func() error { return judged(t, m.v, d) },
		}
	}
	all := []trial{
		transUnion("a body encrypted with RSA-OAEP-256", "event-authorization-response"),
		transUnion("a body encrypted with RSA-OAEP (SHA-1)", "algorithms-rsa-oaep-sha1"),
		{area: "TransUnion", what: "`NewPlatformKeys`, whose key ids are MD5", construct: func() error {
			_, err := transunion.NewPlatformKeys("https://platform.example", nil, jose.CacheConfig{})
			return err
		}},
		{
			area: "checks", what: "`HeaderEquals`", construct: func() error { return nil },
			deliver: func() error {
				d := &truhook.Delivery{Header: http.Header{"X-Token": {secretText}}}
				return truhook.HeaderEquals("X-Token", secretText).Run(t.Context(), d)
			},
		},
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	number, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return append(all, certificateTrial(t, "ECDSA over P-256", curve, curve.Public()), certificateTrial(t, "RSA, 2048 bits", number, number.Public()))
}

// transUnionConfig is for a recorded delivery. The ids of the keys are those that it names, as they cannot be computed.
func transUnionConfig(t *testing.T, name string) (transunion.Config, *truhook.Delivery) {
	t.Helper()
	files := deliveries.FS()
	read := func(name string) []byte {
		text, err := fs.ReadFile(files, "transunion/"+name)
		require.NoError(t, err)
		return text
	}
	file, err := recorded.Read(strings.NewReader(string(read(name + ".http"))))
	require.NoError(t, err)
	d, err := file.Delivery()
	require.NoError(t, err)
	public, err := jose.ParsePublicKey(read("platform-public.pem"))
	require.NoError(t, err)
	private, err := jose.ParsePrivateKey(read("service-current.pem"))
	require.NoError(t, err)
	return transunion.Config{
		Entity:      file.Entity,
		Keys:        jose.StaticKeys{{ID: keyID(t, d.Header.Get("X-IOV-JWT")), Key: public}},
		PrivateKeys: jose.StaticPrivateKeys{{ID: keyID(t, string(d.Body)), Key: private}},
	}, d
}

func keyID(t *testing.T, token string) string {
	t.Helper()
	first, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(first)
	require.NoError(t, err)
	var header struct{ Kid string }
	require.NoError(t, json.Unmarshal(text, &header))
	require.NotEmpty(t, header.Kid)
	return header.Kid
}

func certificateTrial(t *testing.T, what string, private, public any) trial {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "client.example"}, NotBefore: at.Add(-time.Hour), NotAfter: at.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	var v *mtls.Verifier
	return trial{
		area: "client certificate", what: what,
		construct: func() (err error) {
			v, err = mtls.New(mtls.FromTLS(), mtls.Subjects(roots, "CN=client.example"), mtls.Config{})
			return err
		},
		deliver: func() error {
			_, err := v.Verify(t.Context(), &truhook.Delivery{Received: at, TLS: &tls.ConnectionState{
				HandshakeComplete: true, PeerCertificates: []*x509.Certificate{certificate},
			}})
			return err
		},
	}
}
