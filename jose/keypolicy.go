package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"math/big"

	"github.com/truhook/truhook/internal/ed25519key"
)

var (
	errKeyType = errors.New("the type of the key is not supported")
	errKeySize = errors.New("RSA keys must have 2048 to 8192 bits")
	errKeyForm = errors.New("the key is not a safe one")
	errKeyFIPS = errors.New("the key does not work in FIPS 140-3 mode")
)

// checkPublicKey enforces the key policy (facts in RFC 7518, sections 3.3 and 3.4, and NIST SP 800-131A).
func checkPublicKey(key crypto.PublicKey) error {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if k == nil || k.N == nil {
			return errKeyType
		}
		if bits := k.N.BitLen(); bits < 2048 || bits > 8192 {
			return errKeySize
		}
		if k.N.Bit(0) == 0 || k.E < 65537 || k.E&1 == 0 {
			return errKeyForm
		}
		return nil
	case *ecdsa.PublicKey:
		if k == nil || k.Curve == nil || curveAlgorithm(k.Curve) == "" {
			return errKeyType
		}
		if _, err := safely(k.ECDH); err != nil { // refuses a point that is not on the curve
			return errKeyForm
		}
		return nil
	case ed25519.PublicKey:
		if ed25519key.Check(k) != nil {
			return errKeyForm
		}
		return nil
	}
	return errKeyType
}

func curveAlgorithm(c elliptic.Curve) string {
	switch c {
	case elliptic.P256():
		return "ES256"
	case elliptic.P384():
		return "ES384"
	case elliptic.P521():
		return "ES512"
	}
	return ""
}

// keyFits reports whether an algorithm of signatureAlgorithms is one for this type of key.
func keyFits(algorithm string, key crypto.PublicKey) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return len(algorithm) == 5 && (algorithm[:2] == "RS" || algorithm[:2] == "PS")
	case *ecdsa.PublicKey:
		return algorithm == curveAlgorithm(k.Curve)
	case ed25519.PublicKey:
		return algorithm == "EdDSA"
	}
	return false
}

// decrypter returns the means to decrypt with key, if it meets the policy.
func decrypter(key crypto.PrivateKey) (crypto.Decrypter, error) {
	if k, ok := key.(*rsa.PrivateKey); ok && (k == nil || k.D == nil) {
		return nil, errKeyType
	}
	d, ok := key.(crypto.Decrypter)
	if !ok {
		return nil, errKeyType
	}
	public, ok := d.Public().(*rsa.PublicKey)
	if !ok {
		return nil, errKeyType
	}
	return d, checkPublicKey(public)
}

func copyPublicKey(key crypto.PublicKey) crypto.PublicKey {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return &rsa.PublicKey{N: new(big.Int).Set(k.N), E: k.E}
	case *ecdsa.PublicKey:
		return &ecdsa.PublicKey{Curve: k.Curve, X: new(big.Int).Set(k.X), Y: new(big.Int).Set(k.Y)}
	case ed25519.PublicKey:
		return append(ed25519.PublicKey(nil), k...)
	}
	return nil
}

// copyPrivateKey also checks and precomputes: without the precomputed values each decryption costs 1 ms more.
func copyPrivateKey(k *rsa.PrivateKey) (*rsa.PrivateKey, error) {
	own := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Set(k.N), E: k.E}, D: new(big.Int).Set(k.D)}
	for _, p := range k.Primes {
		own.Primes = append(own.Primes, new(big.Int).Set(p))
	}
	own.Precompute()
	return own, own.Validate()
}
