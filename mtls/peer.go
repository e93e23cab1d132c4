package mtls

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/truhook/truhook"
)

// A Peer says whose certificate is accepted. It is made by [Subjects], [DNSNames] or [Pinned]; what is wrong with
// their arguments is the error of [New], and so is a zero Peer.
type Peer struct {
	roots    *x509.CertPool // nil under Pinned, and where rootless
	pins     [][sha256.Size]byte
	rootless bool                                                                // Subjects without roots, for InsecureSubjectText alone
	match    func(leaf *x509.Certificate, text Subject) (name string, err error) // leaf is nil where rootless
	err      error
}

// Subjects returns the peer whose certificate leads to one of roots and has one of the subjects, each a text for
// [ParseSubject]. A subject is only as good as those who vouch for it, so give the authority that issues to this
// provider and not the system's roots. roots is copied.
func Subjects(roots *x509.CertPool, subjects ...string) Peer {
	if len(subjects) == 0 {
		return Peer{err: errors.New("mtls: Subjects: no subject is given")}
	}
	wanted := make([]Subject, 0, len(subjects))
	for _, text := range subjects {
		s, err := ParseSubject(text)
		if err != nil {
			return Peer{err: err}
		}
		wanted = append(wanted, s)
	}
	p := withRoots("Subjects", roots)
	if roots == nil {
		p = Peer{rootless: true}
	}
	p.match = func(leaf *x509.Certificate, got Subject) (string, error) {
		if leaf != nil {
			var err error
			if got, err = SubjectOf(leaf); err != nil {
				return "", &truhook.Error{Scheme: scheme, Reason: truhook.WrongSubjectName, Err: err}
			}
		}
		if got == (Subject{}) || !slices.Contains(wanted, got) {
			return "", refuse(truhook.WrongSubjectName, fmt.Sprintf("the subject is %.300q", got))
		}
		return got.String(), nil
	}
	return p
}

// DNSNames returns the peer whose certificate leads to one of roots and has one of the names among its DNS names (the
// subjectAltName of RFC 5280, section 4.2.1.6; the common name does not count). Letter case is ignored. A wildcard in
// the certificate matches only the same wildcard in names. roots is copied.
//
// Truv publishes no subject. Trust the authority with which you signed Truv's request and the name that you put into
// the certificate, or see [Pinned] for Truv's own certificate.
func DNSNames(roots *x509.CertPool, names ...string) Peer {
	wanted := make([]string, 0, len(names))
	for _, n := range names {
		if n == "" || strings.ContainsFunc(n, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return Peer{err: fmt.Errorf("mtls: DNSNames: %q is not a DNS name", n)}
		}
		wanted = append(wanted, lowerASCII(n))
	}
	if len(wanted) == 0 {
		return Peer{err: errors.New("mtls: DNSNames: no name is given")}
	}
	p := withRoots("DNSNames", roots)
	p.match = func(leaf *x509.Certificate, _ Subject) (string, error) {
		for _, n := range leaf.DNSNames {
			if n = lowerASCII(n); slices.Contains(wanted, n) {
				return n, nil
			}
		}
		return "", refuse(truhook.WrongSubjectName, "none of the certificate's DNS names is expected")
	}
	return p
}

// Pinned returns the peer whose certificate has one of the keys, whoever issued it: each is a [Pin], in base64 or in
// hexadecimal. It serves a provider that hands out its certificate instead of an authority, as Truv does with that of
// mtls-prod.truv.com ("mTLS", section "mTLS for webhooks"). Validity and usage are still checked. Pin the next key
// before the provider changes to it.
func Pinned(pins ...string) Peer {
	var p Peer
	for _, text := range pins {
		raw, err := base64.StdEncoding.Strict().DecodeString(text)
		if len(text) == hex.EncodedLen(sha256.Size) {
			raw, err = hex.DecodeString(text)
		}
		if err != nil || len(raw) != sha256.Size {
			return Peer{err: fmt.Errorf("mtls: Pinned: %q is not a SHA-256 in base64 or hexadecimal", text)}
		}
		p.pins = append(p.pins, [sha256.Size]byte(raw))
	}
	if len(p.pins) == 0 {
		return Peer{err: errors.New("mtls: Pinned: no pin is given")}
	}
	p.match = func(leaf *x509.Certificate, _ Subject) (string, error) { return Pin(leaf), nil }
	return p
}

// Pin returns the SHA-256 of the certificate's public key (its SubjectPublicKeyInfo) in base64, as in RFC 7469, section
// 2.4. It panics if c is nil.
func Pin(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}

func (p Peer) pinned(c *x509.Certificate) bool {
	return len(p.pins) > 0 && slices.Contains(p.pins, sha256.Sum256(c.RawSubjectPublicKeyInfo))
}

func withRoots(caller string, roots *x509.CertPool) Peer {
	if roots == nil || roots.Equal(x509.NewCertPool()) {
		return Peer{err: fmt.Errorf("mtls: %s: there are no roots", caller)}
	}
	return Peer{roots: roots.Clone()}
}

// lowerASCII leaves every other letter alone: strings.ToLower maps the Kelvin sign to k.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
