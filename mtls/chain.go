package mtls

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"github.com/truhook/truhook"
)

const (
	// maxSent bounds the certificates of one delivery, before any of them is looked at.
	maxSent = 10

	// maxOfOneName bounds the authorities of one name: an old key and a new one.
	maxOfOneName = 2

	// maxRSABits bounds the work of checking one signature. crypto/tls has this limit too.
	maxRSABits = 8192
)

// chain returns a chain from the first certificate to a root of the peer, or the reason why there is none. The text of
// x509's own errors holds names out of the certificate, so it is not passed on.
func (v *Verifier) chain(sent []*x509.Certificate, now time.Time) ([]*x509.Certificate, error) {
	if len(sent) > maxSent {
		return nil, tooManySent()
	}
	leaf := sent[0]
	if slices.ContainsFunc(sent, tooLong) {
		return nil, refuse(truhook.UntrustedCertificate, "an RSA key is too long")
	}
	opts := x509.VerifyOptions{
		Roots: v.peer.roots, Intermediates: v.intermediates, CurrentTime: now, KeyUsages: v.usages,
	}
	var chains [][]*x509.Certificate
	var err error
	if v.peer.pinned(leaf) {
		// The pin stands for the chain; x509 still judges validity, usage and critical extensions.
		opts.Roots = x509.NewCertPool()
		opts.Roots.AddCert(leaf)
		if chains, err = v.build(leaf, nil, opts); err != nil {
			return nil, chainError(err, now)
		}
	} else {
		if opts.Roots == nil {
			return nil, refuse(truhook.UntrustedCertificate, "the certificate has another key")
		}
		chains, err = v.lead(leaf, sent[1:], opts)
		if err != nil && twins(sent[1:]) { // the first of two was looked at; the other may be the one that counts here
			behind := slices.Clone(sent[1:])
			slices.Reverse(behind)
			if others, failed := v.lead(leaf, behind, opts); failed == nil {
				chains, err = others, nil
			}
		}
		if err != nil {
			return nil, err
		}
	}
	for _, chain := range chains {
		if len(chain) <= v.maxChain {
			return chain, nil
		}
	}
	return nil, refuse(truhook.ChainTooLong, "every chain to a root is longer than allowed")
}

// lead returns the chains from leaf over sent to a root.
func (v *Verifier) lead(leaf *x509.Certificate, sent []*x509.Certificate, opts x509.VerifyOptions) ([][]*x509.Certificate, error) {
	above, more, err := linked(leaf, sent, v.maxChain)
	if err != nil {
		return nil, err
	}
	chains, err := v.build(leaf, v.vouched(above, opts.CurrentTime), opts)
	if err == nil {
		return chains, nil
	}
	var unknown x509.UnknownAuthorityError
	if more && errors.As(err, &unknown) {
		return nil, refuse(truhook.ChainTooLong, "the chain that was sent is longer than allowed")
	}
	return nil, chainError(err, opts.CurrentTime)
}

// twins reports whether an authority was sent twice: its one key, vouched for by two others.
func twins(sent []*x509.Certificate) bool {
	for i, c := range sent {
		if slices.ContainsFunc(sent[i+1:], func(other *x509.Certificate) bool { return same(c, other) && !c.Equal(other) }) {
			return true
		}
	}
	return false
}

// same reports whether two certificates are about one name and key.
func same(c, other *x509.Certificate) bool {
	return bytes.Equal(other.RawSubject, c.RawSubject) &&
		bytes.Equal(other.RawSubjectPublicKeyInfo, c.RawSubjectPublicKeyInfo)
}

// build lets crypto/x509 look for chains from leaf over above and the configured intermediates to a root.
func build(leaf *x509.Certificate, above []*x509.Certificate, opts x509.VerifyOptions) ([][]*x509.Certificate, error) {
	if len(above) > 0 {
		opts.Intermediates = opts.Intermediates.Clone()
		for _, c := range above {
			opts.Intermediates.AddCert(c)
		}
	}
	return leaf.Verify(opts)
}

// linked returns those of sent that can stand above leaf in a chain of maxChain certificates, going by their names
// alone, and whether more would follow. A certificate to which no name leads is left out, and so is a second one of the
// same name and key. No signature is checked before this, as the number of candidates decides how many x509 has to
// check.
func linked(leaf *x509.Certificate, sent []*x509.Certificate, maxChain int) (above []*x509.Certificate, more bool, err error) {
	taken := []*x509.Certificate{leaf}
	level := taken
	for range maxChain - 1 {
		level = issuers(level, sent, taken)
		if taken = append(taken, level...); len(taken) > maxChain {
			return nil, false, refuse(truhook.ChainTooLong, "more certificates were sent than a chain may have")
		}
	}
	above = taken[1:]
	for _, c := range above {
		sameName := 0
		for _, other := range above {
			if bytes.Equal(c.RawSubject, other.RawSubject) {
				sameName++
			}
		}
		if sameName > maxOfOneName {
			return nil, false, refuse(truhook.ChainTooLong, "too many certificates of one name were sent")
		}
	}
	return above, len(issuers(level, sent, taken)) > 0, nil
}

// issuers returns the certificates of sent that bear the name of an issuer of level and are not known yet.
func issuers(level, sent, known []*x509.Certificate) (found []*x509.Certificate) {
	for _, c := range sent {
		names := func(child *x509.Certificate) bool { return bytes.Equal(child.RawIssuer, c.RawSubject) }
		again := func(other *x509.Certificate) bool { return same(c, other) }
		if slices.ContainsFunc(level, names) && !slices.ContainsFunc(known, again) && !slices.ContainsFunc(found, again) {
			found = append(found, c)
		}
	}
	return found
}

func tooLong(c *x509.Certificate) bool {
	key, ok := c.PublicKey.(*rsa.PublicKey)
	return ok && key.N.BitLen() > maxRSABits
}

func tooManySent() error { return refuse(truhook.ChainTooLong, "too many certificates were sent") }

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
