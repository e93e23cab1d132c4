package mtls_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// production is the subject that TransUnion's guide documents, in RFC 4514.
const production = `CN=webhooks.launchkey.com,O=iovation\, Inc.,L=Portland,ST=Oregon,C=US`

// productionName is the same in the order in which a certificate encodes it.
func productionName() pkix.RDNSequence {
	return rdns("C", "US", "ST", "Oregon", "L", "Portland", "O", "iovation, Inc.", "CN", "webhooks.launchkey.com")
}

func rdns(pairs ...string) pkix.RDNSequence {
	oids := map[string][]int{"C": {2, 5, 4, 6}, "ST": {2, 5, 4, 8}, "L": {2, 5, 4, 7}, "O": {2, 5, 4, 10}, "OU": {2, 5, 4, 11}, "CN": {2, 5, 4, 3}}
	var name pkix.RDNSequence
	for i := 0; i < len(pairs); i += 2 {
		name = append(name, pkix.RelativeDistinguishedNameSET{{Type: oids[pairs[i]], Value: pairs[i+1]}})
	}
	return name
}

// An authority signs certificates with a key that lives for one test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

type change func(*x509.Certificate)

func named(name pkix.RDNSequence) change {
	return func(c *x509.Certificate) {
		var n pkix.Name
		n.FillFromRDNSequence(&name)
		c.Subject = pkix.Name{ExtraNames: n.Names}
	}
}

func withUsage(u ...x509.ExtKeyUsage) change { return func(c *x509.Certificate) { c.ExtKeyUsage = u } }

func withDNS(names ...string) change { return func(c *x509.Certificate) { c.DNSNames = names } }

func valid(from, to time.Duration) change {
	return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Now().Add(from), time.Now().Add(to) }
}

// issue signs for a fresh key; a nil authority makes the certificate self-signed.
func (a *authority) issue(t testing.TB, ca bool, changes ...change) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	c := &x509.Certificate{
		SerialNumber: serial, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true, IsCA: ca,
		Subject: pkix.Name{CommonName: "Authority " + serial.String()},
	}
	if ca {
		c.KeyUsage = x509.KeyUsageCertSign
	} else {
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	for _, ch := range changes {
		ch(c)
	}
	parent, signer := c, key
	if a != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, signer)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &authority{cert, key}
}

func newRoot(t testing.TB) *authority { return (*authority)(nil).issue(t, true) }

// client returns what a TLS client presents: a followed by chain.
func (a *authority) client(chain ...*authority) tls.Certificate {
	c := tls.Certificate{Certificate: [][]byte{a.cert.Raw}, PrivateKey: a.key}
	for _, above := range chain {
		c.Certificate = append(c.Certificate, above.cert.Raw)
	}
	return c
}

func pool(authorities ...*authority) *x509.CertPool {
	p := x509.NewCertPool()
	for _, a := range authorities {
		p.AddCert(a.cert)
	}
	return p
}

func pemOf(authorities ...*authority) []byte {
	var all []byte
	for _, a := range authorities {
		all = append(all, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})...)
	}
	return all
}

func keyPEM(t testing.TB, a *authority) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(a.key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func mustPin(t testing.TB, pin string) []byte {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(pin)
	require.NoError(t, err)
	return raw
}

func rfc9440(a *authority) string { return ":" + base64.StdEncoding.EncodeToString(a.cert.Raw) + ":" }
