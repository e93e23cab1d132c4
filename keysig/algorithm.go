package keysig

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
)

// Algorithm is how content is signed. The zero value is Ed25519.
type Algorithm uint8

// The algorithms. All but Ed25519 sign the SHA-256 digest of the content.
const (
	Ed25519     Algorithm = iota // RFC 8032, 64 bytes
	ECDSA                        // FIPS 186-5 over P-256, in DER (RFC 3279, section 2.2.3)
	ECDSARaw                     // the same, as r and s of 32 bytes each (RFC 7518, section 3.4)
	RSAPKCS1v15                  // RFC 8017, section 8.2
	RSAPSS                       // RFC 8017, section 8.1, MGF1 with SHA-256, a salt of any length
	algorithms
)

const (
	minRSABits = 2048
	maxRSABits = 8192 // a larger modulus costs the receiver more than any provider asks for
)

// sizes returns the bytes of the shortest and of the longest signature.
func (a Algorithm) sizes() (shortest, longest int) {
	switch a {
	case ECDSA:
		return 8, 72
	case RSAPKCS1v15, RSAPSS:
		return minRSABits / 8, maxRSABits / 8
	}
	return 64, 64
}

// String returns the name of the algorithm.
func (a Algorithm) String() string {
	switch a {
	case Ed25519:
		return "Ed25519"
	case ECDSA, ECDSARaw:
		return "ECDSA over P-256"
	}
	return "RSA"
}

// content is what is signed, in two halves around the body, and its digest where the algorithm wants one.
type content struct {
	before, body, after []byte
	digest              [sha256.Size]byte
	whole               []byte // for Ed25519
}

func (c *content) prepare(a Algorithm) {
	if a == Ed25519 {
		c.whole = c.body
		if len(c.before)+len(c.after) > 0 {
			c.whole = make([]byte, 0, len(c.before)+len(c.body)+len(c.after))
			c.whole = append(append(append(c.whole, c.before...), c.body...), c.after...)
		}
		return
	}
	h := sha256.New()
	h.Write(c.before)
	h.Write(c.body)
	h.Write(c.after)
	h.Sum(c.digest[:0])
}

// derOf returns a signature of two halves as DER.
func derOf(raw []byte) ([]byte, error) {
	if len(raw) != 64 {
		return nil, errSignature
	}
	return asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])})
}

// fits reports whether signature is that of c under key.
func (a Algorithm) fits(key crypto.PublicKey, c *content, signature []byte) (fits bool) {
	return a.verify(key, c, signature) == nil
}

var errSignature = errors.New("the signature does not fit")

// verify returns nil if signature fits, errSignature if it does not, and anything else if the key cannot be used at
// all.
func (a Algorithm) verify(key crypto.PublicKey, c *content, signature []byte) error {
	switch k := key.(type) {
	case ed25519.PublicKey:
		if a == Ed25519 {
			return verdict(ed25519.Verify(k, c.whole, signature))
		}
	case *ecdsa.PublicKey:
		switch a {
		case ECDSA:
			return verdict(ecdsa.VerifyASN1(k, c.digest[:], signature))
		case ECDSARaw:
			der, err := derOf(signature)
			return verdict(err == nil && ecdsa.VerifyASN1(k, c.digest[:], der))
		}
	case *rsa.PublicKey:
		var err error
		switch a {
		case RSAPKCS1v15:
			err = rsa.VerifyPKCS1v15(k, crypto.SHA256, c.digest[:], signature)
		case RSAPSS:
			err = rsa.VerifyPSS(k, crypto.SHA256, c.digest[:], signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto})
		default:
			return fmt.Errorf("an RSA key cannot verify %v", a)
		}
		if errors.Is(err, rsa.ErrVerification) {
			return errSignature
		}
		return err
	}
	return fmt.Errorf("a key of type %T cannot verify %v", key, a)
}

func verdict(fits bool) error {
	if fits {
		return nil
	}
	return errSignature
}
