package main

import (
	"crypto/x509"
	"net/http"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/mtls"
)

// truvName is the name that you put into the certificate that you issue to Truv.
const truvName = "truv.webhook-clients.example.com"

// issuedByYou accepts deliveries over the certificate that your own authority issued to Truv, and signed by Truv.
func issuedByYou(ours *x509.CertPool) (truhook.Verifier, error) {
	peer, err := mtls.New(mtls.FromTLS(), mtls.DNSNames(ours, truvName), mtls.Config{})
	if err != nil {
		return nil, err
	}
	return withSignature(peer)
}

// certificateOfTruv accepts deliveries over the certificate that Truv shows at mtls-prod.truv.com, and signed by Truv.
// It is pinned by its key. That it allows client authentication is not documented: should it be for servers only, the
// reason is wrong-certificate-usage, and mtls.Config{AllowServerUsage: true} takes it.
func certificateOfTruv(certificate *x509.Certificate) (truhook.Verifier, error) {
	peer, err := mtls.New(mtls.FromTLS(), mtls.Pinned(mtls.Pin(certificate)), mtls.Config{})
	if err != nil {
		return nil, err
	}
	return withSignature(peer)
}

// withSignature puts the certificate, which needs no body, before the signature.
func withSignature(peer truhook.Verifier) (truhook.Verifier, error) {
	signature, err := truv.New(secret)
	if err != nil {
		return nil, err
	}
	return truhook.AllOf(peer, signature), nil
}

// received is the handler that a service has already.
func received(w http.ResponseWriter, r *http.Request) {
	v, _ := truhook.FromContext(r.Context())
	for _, p := range v.Proofs {
		w.Header().Add("X-Proof", p.Scheme+" "+p.KeyID)
	}
	w.WriteHeader(http.StatusOK)
}
