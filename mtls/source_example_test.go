package mtls_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"log"
	"math/big"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/mtls"
)

// theProxy is the address of the proxy in the examples.
func theProxy() netip.Prefix { return netip.MustParsePrefix("10.0.0.7/32") }

// sender is a certificate for clients, made for the examples, and the pool that it leads to.
func sender() (*x509.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "webhooks", Organization: []string{"Acme, Inc."}},
		DNSNames:  []string{"webhooks.acme.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: template.NotBefore, NotAfter: template.NotAfter, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, authority, authority, &key.PublicKey, key)
	if err != nil {
		log.Fatal(err)
	}
	if authority, err = x509.ParseCertificate(der); err != nil {
		log.Fatal(err)
	}
	if der, err = x509.CreateCertificate(rand.Reader, template, authority, &key.PublicKey, key); err != nil {
		log.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		log.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(authority)
	return leaf, roots
}

// show verifies a delivery from the proxy with the headers that it writes, and one of a stranger's with the same.
func show(source mtls.Source, headers func(c *x509.Certificate) map[string]string) {
	leaf, roots := sender()
	v, err := mtls.New(source, mtls.DNSNames(roots, "webhooks.acme.example"), mtls.Config{})
	if err != nil {
		log.Fatal(err)
	}
	h := http.Header{}
	for name, value := range headers(leaf) {
		h.Set(name, value)
	}
	for _, peer := range []string{"10.0.0.7:40000", "192.0.2.9:40000"} {
		verified, err := v.Verify(context.Background(), &truhook.Delivery{RemoteAddr: peer, Header: h})
		if err != nil {
			fmt.Println(truhook.ReasonOf(err))
			continue
		}
		fmt.Println("from", verified.Proofs[0].KeyID)
	}
}

func inPEM(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}
func escapedPEM(c *x509.Certificate) string { return url.PathEscape(inPEM(c)) }
func inDER(c *x509.Certificate) string      { return base64.StdEncoding.EncodeToString(c.Raw) }

func ExampleFromNginx() {
	show(mtls.FromNginx(theProxy()), func(c *x509.Certificate) map[string]string {
		return map[string]string{"X-SSL-Client-Verify": "SUCCESS", "X-SSL-Client-Escaped-Cert": escapedPEM(c)}
	})
	// Output:
	// from webhooks.acme.example
	// untrusted-proxy
}

func ExampleFromApache() {
	show(mtls.FromApache(theProxy()), func(c *x509.Certificate) map[string]string {
		return map[string]string{"X-SSL-Client-Verify": "SUCCESS", "X-SSL-Client-Cert": strings.ReplaceAll(inPEM(c), "\n", " ")}
	})
	// Output:
	// from webhooks.acme.example
	// untrusted-proxy
}

func ExampleFromHAProxy() {
	show(mtls.FromHAProxy(theProxy()), func(c *x509.Certificate) map[string]string {
		return map[string]string{"X-SSL-Client-Used": "1", "X-SSL-Client-Verify": "0", "X-SSL-Client-DER": inDER(c)}
	})
	// Output:
	// from webhooks.acme.example
	// untrusted-proxy
}

func ExampleFromEnvoy() {
	show(mtls.FromEnvoy(theProxy()), func(c *x509.Certificate) map[string]string {
		sum := sha256.Sum256(c.Raw)
		return map[string]string{"X-Forwarded-Client-Cert": fmt.Sprintf(`Hash=%x;Cert="%s"`, sum, escapedPEM(c))}
	})
	// Output:
	// from webhooks.acme.example
	// untrusted-proxy
}

func ExampleFromTraefik() {
	show(mtls.FromTraefik(theProxy()), func(c *x509.Certificate) map[string]string {
		return map[string]string{"X-Forwarded-Tls-Client-Cert": inDER(c)}
	})
	// Output:
	// from webhooks.acme.example
	// untrusted-proxy
}

func ExampleFromCaddy() {
	show(mtls.FromCaddy(theProxy()), func(c *x509.Certificate) map[string]string {
		return map[string]string{"X-SSL-Client-DER": inDER(c)}
	})
	// Output:
	// from webhooks.acme.example
	// untrusted-proxy
}

func ExampleFromALB() {
	show(mtls.FromALB(theProxy()), func(c *x509.Certificate) map[string]string {
		return map[string]string{"X-Amzn-Mtls-Clientcert-Leaf": escapedPEM(c)}
	})
	// Output:
	// from webhooks.acme.example
	// untrusted-proxy
}

func ExampleFromALBPassthrough() {
	show(mtls.FromALBPassthrough(theProxy()), func(c *x509.Certificate) map[string]string {
		return map[string]string{"X-Amzn-Mtls-Clientcert": escapedPEM(c)}
	})
	// Output:
	// from webhooks.acme.example
	// untrusted-proxy
}

func ExampleFromCloudflare() {
	show(mtls.FromCloudflare(theProxy()), func(c *x509.Certificate) map[string]string {
		return map[string]string{
			"Client-Cert": ":" + inDER(c) + ":", "X-Client-Cert-Verified": "true", "X-Client-Cert-Revoked": "false",
		}
	})
	// Output:
	// from webhooks.acme.example
	// untrusted-proxy
}

// RFC 9440.
func ExampleFromClientCert() {
	show(mtls.FromClientCert(theProxy()), func(c *x509.Certificate) map[string]string {
		return map[string]string{"Client-Cert": ":" + inDER(c) + ":"}
	})
	// Output:
	// from webhooks.acme.example
	// untrusted-proxy
}

// A proxy that nobody has described: the header and the encoding, and what it says when it has verified.
func ExampleFromHeader() {
	source := mtls.FromHeader([]netip.Prefix{theProxy()}, mtls.HeaderForm{
		Certificate: "X-Edge-Cert", Encoding: mtls.PEM, Verified: map[string]string{"X-Edge-Verified": "yes"},
	})
	show(source, func(c *x509.Certificate) map[string]string {
		return map[string]string{"X-Edge-Cert": strings.ReplaceAll(inPEM(c), "\n", " "), "X-Edge-Verified": "yes"}
	})
	// Output:
	// from webhooks.acme.example
	// untrusted-proxy
}

// TLS ends in the service itself.
func ExampleFromTLS() {
	leaf, roots := sender()
	v, err := mtls.New(mtls.FromTLS(), mtls.DNSNames(roots, "webhooks.acme.example"), mtls.Config{})
	if err != nil {
		log.Fatal(err)
	}
	for _, state := range []*tls.ConnectionState{
		{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{leaf}}, {HandshakeComplete: true}, nil,
	} {
		_, err := v.Verify(context.Background(), &truhook.Delivery{TLS: state})
		fmt.Printf("%q\n", truhook.ReasonOf(err))
	}
	// Output:
	// ""
	// "no-client-certificate"
	// "no-client-certificate"
}
