package mtls

import (
	"crypto/x509"
	"errors"
	"time"

	"github.com/truhook/truhook"
)

// chain returns a chain from the first certificate to a root of the peer, or the reason why there is none. The text of
// x509's own errors holds names out of the certificate, so it is not passed on.
func (v *Verifier) chain(sent []*x509.Certificate, now time.Time) ([]*x509.Certificate, error) {
	leaf := sent[0]
	opts := x509.VerifyOptions{
		Roots: v.peer.roots, Intermediates: v.intermediates, CurrentTime: now, KeyUsages: v.usages,
	}
	if v.peer.pinned(leaf) {
		// The pin stands for the chain; x509 still judges validity, usage and critical extensions.
		opts.Roots = x509.NewCertPool()
		opts.Roots.AddCert(leaf)
	}
	if opts.Roots == nil {
		return nil, refuse(truhook.UntrustedCertificate, "the certificate has another key")
	}
	if len(sent) > 1 {
		opts.Intermediates = v.intermediates.Clone()
		for _, c := range sent[1:] {
			opts.Intermediates.AddCert(c)
		}
	}
	chains, err := leaf.Verify(opts)
	if err != nil {
		return nil, chainError(err, now)
	}
	for _, chain := range chains {
		if len(chain) <= v.maxChain {
			return chain, nil
		}
	}
	return nil, refuse(truhook.ChainTooLong, "every chain to a root is longer than allowed")
}

func chainError(err error, now time.Time) error {
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) {
		switch invalid.Reason {
		case x509.Expired:
			if now.Before(invalid.Cert.NotBefore) {
				return refuse(truhook.CertificateNotYetValid, "the certificate, or one in its chain, is not valid yet")
			}
			return refuse(truhook.CertificateExpired, "the certificate, or one in its chain, has expired")
		case x509.IncompatibleUsage:
			return refuse(truhook.WrongCertificateUsage, "the certificate is not meant for client authentication")
		case x509.TooManyIntermediates:
			return refuse(truhook.ChainTooLong, "an authority of the chain forbids so many intermediates")
		}
	}
	return refuse(truhook.UntrustedCertificate, "no chain leads to a trusted root")
}
