package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
)

// A sender is the other side: it has a key of its own, which never leaves it.
type sender struct {
	name string
	key  crypto.Signer
}

func newSender(name string) (*sender, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return &sender{name, key}, err
}

func (s *sender) signingRequest() ([]byte, error) {
	return x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: s.name}}, s.key)
}

// selfSigned stands for a certificate that the sender has from elsewhere.
func (s *sender) selfSigned(now time.Time) (*x509.Certificate, error) {
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: s.name}, DNSNames: []string{s.name, truvName},
		NotBefore: now.Add(-time.Minute), NotAfter: now.AddDate(1, 0, 0),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, s.key.Public(), s.key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func (s *sender) certificate(c *x509.Certificate) *tls.Certificate {
	return &tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: s.key}
}

type delivery struct {
	name        string
	certificate *tls.Certificate
	secret      string
	verifier    truhook.Verifier
	want        string
}

type answer struct {
	status         int
	reason, proofs string
}

// send starts a receiver on loopback and posts one delivery to it. The server asks for a certificate and leaves the
// judgement to the verifier, so that a refusal is answered and seen; see Verifier.TLSConfig for the other way.
func (d delivery) send() (answer, error) {
	var got answer
	verify := truhook.NewMiddleware(d.verifier, truhook.Config{
		Logger:  slog.New(slog.DiscardHandler), // main prints what is seen
		Observe: func(_ context.Context, o truhook.Observation) { got.reason = string(truhook.ReasonOf(o.Err)) },
	})
	server := httptest.NewUnstartedServer(verify.Wrap(http.HandlerFunc(received)))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	defer server.Close()

	body := []byte(`{"webhook_id":"7e57","event_type":"task-status-updated"}`)
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, server.URL, bytes.NewReader(body))
	if err != nil {
		return got, err
	}
	key, err := hmacsig.NewKey("sender", d.secret)
	if err != nil {
		return got, err
	}
	if err := truv.Scheme().Sign(request.Header, key, hmacsig.Message{Body: body}); err != nil {
		return got, err
	}
	client := server.Client()
	if d.certificate != nil {
		client.Transport.(*http.Transport).TLSClientConfig.Certificates = []tls.Certificate{*d.certificate}
	}
	response, err := client.Do(request)
	if err != nil {
		return got, err
	}
	got.status, got.proofs = response.StatusCode, strings.Join(response.Header.Values("X-Proof"), ", ")
	return got, response.Body.Close()
}
