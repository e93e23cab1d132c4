package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/http"
	"net/netip"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/mtls"
)

// truvName is the name in the certificate that Truv gets from this service's own authority.
const truvName = "truv.webhook-clients.example"

// newLayeredReceiver asks for three things in one verdict: the source address, a client certificate that roots issued
// to Truv, and Truv's signature.
func newLayeredReceiver(w *witness, roots *x509.CertPool) (http.Handler, error) {
	peer, err := mtls.New(mtls.FromTLS(), mtls.DNSNames(roots, truvName), mtls.Config{Now: time.Now})
	if err != nil {
		return nil, err
	}
	signature, err := truv.New(truvSecret)
	if err != nil {
		return nil, err
	}
	v := truhook.Require(truhook.AllOf(peer, signature), truhook.RemoteAddrIn(netip.MustParsePrefix("127.0.0.0/8")))
	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/truv", truhook.NewMiddleware(v, truhook.Config{Observe: w.observe, Logger: quiet}).Wrap(http.HandlerFunc(received)))
	return mux, nil
}

// certificates are made anew for each run: one of the server, one that the authority issued to Truv, and a stranger's
// of the same name.
type certificates struct {
	roots                  *x509.CertPool
	server, truv, stranger tls.Certificate
}

func newCertificates() (c certificates, err error) {
	authority, err := issue("authority.example", nil)
	if err != nil {
		return c, err
	}
	if c.server, err = issue("localhost", nil); err != nil {
		return c, err
	}
	if c.stranger, err = issue(truvName, nil); err != nil {
		return c, err
	}
	c.truv, err = issue(truvName, &authority)
	c.roots = x509.NewCertPool()
	c.roots.AddCert(authority.Leaf)
	return c, err
}

// issue makes a certificate by authority, or one that signs itself. examples/mtls-truv shows it with a signing request.
func issue(name string, authority *tls.Certificate) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	parent, signer := template, any(key)
	if authority != nil {
		parent, signer = authority.Leaf, authority.PrivateKey
	} else {
		template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, template.KeyUsage|x509.KeyUsageCertSign
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return tls.Certificate{}, err
	}
	leaf, err := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}
