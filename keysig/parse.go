package keysig

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/truhook/truhook/hmacsig"
)

// NewKey returns the key that text says, written as Form.KeyText describes. PEM holds a public key (PKIX or PKCS #1) or
// a certificate, whose validity becomes that of the key. A private key, a key that the Algorithm cannot use, an RSA key
// under 2048 bits, a curve other than P-256, an Ed25519 point of small order, and what FIPS 140-3 mode refuses are
// errors, which do not repeat the text.
func (s Scheme) NewKey(id, text string) (Key, error) {
	k := Key{ID: strings.Clone(id)}
	fail := func(err error) (Key, error) {
		return Key{}, fmt.Errorf("keysig: key %q: %w", printableID(id), err)
	}
	switch {
	case id == "" || printableID(id) != id:
		return fail(errors.New("the id is empty or no id"))
	case text == "":
		return fail(errors.New("the text is empty"))
	case len(text) > maxKeyText:
		return fail(fmt.Errorf("the text has more than %d bytes", maxKeyText))
	}
	t := s.Form.KeyText
	var err error
	if t.Encoding == hmacsig.KeyRaw || t.Encoding == hmacsig.KeyPEM {
		rest, found := strings.CutPrefix(text, t.Prefix)
		if !found {
			return fail(fmt.Errorf("the key does not begin with %q", t.Prefix))
		}
		err = k.parsePEM(rest)
	} else {
		var der []byte
		if der, err = t.Decode(text); err == nil {
			k.Public, err = parseBytes(s.Algorithm, der)
		}
	}
	if err == nil {
		err = s.Algorithm.checkPublic(k.Public)
	}
	if err != nil {
		return fail(err)
	}
	return k, nil
}

const maxKeyText = 32 << 10

// parsePEM takes one block and nothing beside it but blanks.
func (k *Key) parsePEM(text string) error {
	trimmed := strings.TrimSpace(text)
	block, rest := pem.Decode([]byte(trimmed))
	if block == nil || len(rest) > 0 || !strings.HasPrefix(trimmed, "-----BEGIN ") {
		return errors.New("it is not one PEM block")
	}
	var err error
	switch {
	case strings.Contains(block.Type, "PRIVATE KEY"):
		return errors.New("it is a private key: a receiver holds the public one")
	case block.Type == "CERTIFICATE":
		var c *x509.Certificate
		if c, err = x509.ParseCertificate(block.Bytes); err == nil {
			k.Public, k.NotBefore, k.NotAfter = c.PublicKey, c.NotBefore, c.NotAfter
		}
	case block.Type == "RSA PUBLIC KEY":
		k.Public, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case block.Type == "PUBLIC KEY":
		k.Public, err = x509.ParsePKIXPublicKey(block.Bytes)
	default:
		return errors.New("the PEM block is neither a public key nor a certificate")
	}
	if err != nil {
		return errors.New("the PEM block cannot be parsed")
	}
	return nil
}

// parseBytes takes the 32 bytes of an Ed25519 key, an uncompressed point of P-256 (SEC 1, section 2.3.3), or a
// SubjectPublicKeyInfo.
func parseBytes(a Algorithm, der []byte) (crypto.PublicKey, error) {
	switch {
	case a == Ed25519 && len(der) == ed25519.PublicKeySize:
		return ed25519.PublicKey(der), nil
	case (a == ECDSA || a == ECDSARaw) && len(der) == 65 && der[0] == 4:
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), der)
		if err != nil {
			return nil, errors.New("its point is not on the curve")
		}
		return key, nil
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, errors.New("it is neither a raw key nor a SubjectPublicKeyInfo")
	}
	return key, nil
}
