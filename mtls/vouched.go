package mtls

import (
	"bytes"
	"crypto/x509"
	"errors"
	"slices"
	"time"
)

// vouched returns those of above that were signed by a root of the peer, a configured intermediate, or another of them
// that was. crypto/x509 checks signatures from the leaf upwards, with keys that a stranger has chosen for their cost;
// this goes downwards, with keys of ours and of those for whom they stand.
func (v *Verifier) vouched(above []*x509.Certificate, now time.Time) []*x509.Certificate {
	var known, rest []*x509.Certificate
	for _, c := range above {
		if signedBy(c, v.configured) || v.signedByRoot(c, now) {
			known = append(known, c)
		} else {
			rest = append(rest, c)
		}
	}
	for signers := known; len(signers) > 0; {
		var next, others []*x509.Certificate
		for _, c := range rest {
			if signedBy(c, signers) {
				next = append(next, c)
			} else {
				others = append(others, c)
			}
		}
		known, rest, signers = append(known, next...), others, next
	}
	return slices.DeleteFunc(above, func(c *x509.Certificate) bool { return !slices.Contains(known, c) })
}

func signedBy(c *x509.Certificate, signers []*x509.Certificate) bool {
	return slices.ContainsFunc(signers, func(s *x509.Certificate) bool {
		return bytes.Equal(c.RawIssuer, s.RawSubject) && c.CheckSignatureFrom(s) == nil
	})
}

// signedByRoot reports whether a root of the peer has signed c, or is c. Whether they are valid now is for the whole
// chain to say. crypto/x509 lists no certificates of a pool, so it is asked for a chain of these two.
func (v *Verifier) signedByRoot(c *x509.Certificate, now time.Time) bool {
	if now.Before(c.NotBefore) {
		now = c.NotBefore
	} else if now.After(c.NotAfter) {
		now = c.NotAfter
	}
	opts := x509.VerifyOptions{
		Roots: v.peer.roots, Intermediates: x509.NewCertPool(), CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	_, err := c.Verify(opts)
	var invalid x509.CertificateInvalidError
	if err == nil || errors.As(err, &invalid) && invalid.Cert != c {
		return true
	}
	// A pool can have conditions that look at the leaf: then it is not the signature that the error is about. Without
	// one, and without the work of checking it, the error is that of a wrong signature.
	unsigned := *c
	unsigned.Signature = nil
	_, wrong := unsigned.Verify(opts)
	return wrong == nil || err.Error() != wrong.Error()
}
