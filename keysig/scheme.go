package keysig

import (
	"crypto"
	"errors"
	"fmt"
	"strings"

	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/internal/form"
)

// Scheme describes how a provider signs: comparable data, no code. Form is required. The zero Scheme is rejected by
// [New]. It is safe for concurrent use.
type Scheme struct {
	// Form says where signature, id and time stand, what is signed, and how keys are written, in the words of package
	// hmacsig. Its Hash is zero or SHA256. Its KeyText is how a public key is written: KeyRaw and KeyPEM mean PEM (RFC
	// 7468), KeyHex and KeyBase64 the 32 bytes of an Ed25519 key (RFC 8032) or a SubjectPublicKeyInfo in DER (RFC 5280).
	Form hmacsig.Scheme

	// Algorithm is how the content is signed. The zero value is Ed25519.
	Algorithm Algorithm

	// KeyID names the header that says which key signed. Empty: the delivery does not say, and each key is tried. With it
	// only keys of that id are tried, and a delivery without it is rejected with MissingKeyID.
	KeyID string
}

// format is a Scheme that was found to be sound, ready for use.
type format struct {
	*form.Format
	algorithm Algorithm
	keyID     string
	name      string
}

func (s Scheme) compile(url string) (*format, error) {
	f := s.Form
	switch {
	case f.Name == "":
		return nil, errors.New("keysig: the scheme has no Name")
	case f.Hash != 0 && f.Hash != crypto.SHA256:
		return nil, s.unsound(fmt.Errorf("the Hash %v is not SHA256", f.Hash))
	case s.Algorithm >= algorithms:
		return nil, s.unsound(fmt.Errorf("Algorithm %d is not one of those that there are", s.Algorithm))
	case strings.ContainsAny(s.KeyID, " \t\r\n,#:"):
		return nil, s.unsound(errors.New("KeyID is not the name of one header"))
	}
	shortest, longest := s.Algorithm.sizes()
	compiled, err := form.Compile(form.Spec{
		Name: f.Name, Header: f.Header, Prefix: f.Prefix, Separator: f.Separator, Groups: f.Groups,
		Encoding: form.Encoding(f.Encoding), Content: f.Content, ID: f.ID, IDLength: f.IDLength,
		Timestamp: f.Timestamp, TimeFormat: form.TimeFormat(f.TimeFormat), Tolerance: f.Tolerance,
		URL: url, MinSignature: shortest, MaxSignature: longest,
	})
	if err != nil {
		return nil, s.unsound(err)
	}
	return &format{Format: compiled, algorithm: s.Algorithm, keyID: s.KeyID, name: f.Name}, nil
}

func (s Scheme) unsound(err error) error {
	return fmt.Errorf("keysig: scheme %q: %w", s.Form.Name, err)
}
