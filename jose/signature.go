package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	_ "crypto/sha256" // body hashes and signatures
	_ "crypto/sha512"
	"crypto/subtle"
	"errors"
	"math/big"
)

// signatureAlgorithms lists what may be allowed with public keys (RFC 7518, section 3.1; RFC 8037, section 3.1).
func signatureAlgorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// secretAlgorithms lists what may be allowed with secrets (RFC 7518, section 3.2).
func secretAlgorithms() []string { return []string{"HS256", "HS384", "HS512"} }

// hashOf returns the hash of an algorithm of one of these lists; zero for EdDSA.
func hashOf(algorithm string) crypto.Hash {
	switch algorithm[2:] {
	case "256":
		return crypto.SHA256
	case "384":
		return crypto.SHA384
	case "512":
		return crypto.SHA512
	}
	return 0
}

// verifies reports whether signature is that of input under key. The caller has checked that keyFits. An error is ours:
// the key does not work here, as some do not under GODEBUG=fips140=only.
func verifies(algorithm string, key crypto.PublicKey, input, signature []byte) (bool, error) {
	if k, ok := key.(ed25519.PublicKey); ok {
		return ed25519.Verify(k, input, signature), nil
	}
	hash := hashOf(algorithm)
	h := hash.New()
	h.Write(input)
	sum := h.Sum(make([]byte, 0, 64))
	switch k := key.(type) {
	case *rsa.PublicKey:
		if algorithm[0] == 'P' { // RFC 7518, section 3.5: the salt is as long as the hash
			options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
			return verdict(rsa.VerifyPSS(k, hash, sum, signature, options))
		}
		return verdict(rsa.VerifyPKCS1v15(k, hash, sum, signature))
	case *ecdsa.PublicKey:
		half := (k.Curve.Params().BitSize + 7) / 8
		if len(signature) != 2*half { // RFC 7518, section 3.4: both numbers in full length
			return false, nil
		}
		r, s := new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:])
		return ecdsa.Verify(k, sum, r, s), nil
	}
	return false, nil
}

// verdict tells a signature that does not fit from a key that does not work.
func verdict(err error) (bool, error) {
	if errors.Is(err, rsa.ErrVerification) {
		return false, nil
	}
	return err == nil, err
}

// authenticates returns 1 if signature is the MAC of input under secret, else 0.
func authenticates(algorithm string, secret, input, signature []byte) int {
	m := hmac.New(hashOf(algorithm).New, secret)
	m.Write(input)
	return subtle.ConstantTimeCompare(m.Sum(make([]byte, 0, 64)), signature)
}
