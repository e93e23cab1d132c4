package jose

import (
	"crypto"
	"crypto/rsa"
	"math/big"
)

// vetPublicKey is checkPublicKey with what is too dear to repeat for each delivery.
func vetPublicKey(key crypto.PublicKey) error {
	if err := checkPublicKey(key); err != nil {
		return err
	}
	if k, ok := key.(*rsa.PublicKey); ok && isROCA(k.N) {
		return errKeyForm
	}
	return worksHere(key)
}

// worksHere returns an error if the cryptographic module refuses an RSA key of the policy, as GODEBUG=fips140=only does
// with those whose size is an odd number of bits.
func worksHere(key crypto.PublicKey) error {
	k, ok := key.(*rsa.PublicKey)
	if !ok {
		return nil
	}
	_, err := safely(func() (bool, error) { return verifies("RS256", k, nil, make([]byte, k.Size())) })
	if err != nil {
		return errKeyFIPS
	}
	return nil
}

// isROCA reports whether n looks like a modulus of the Infineon generator of CVE-2017-15361, which can be factored: its
// primes are powers of 65537 modulo each small prime, so n is too. By chance that happens to one key in a hundred
// million.
func isROCA(n *big.Int) bool {
	var rest big.Int
	for p := int64(3); p <= 167; p += 2 {
		if !big.NewInt(p).ProbablyPrime(0) {
			continue
		}
		remainder, power, found := rest.Mod(n, big.NewInt(p)).Int64(), int64(1), false
		for range p {
			if power == remainder {
				found = true
				break
			}
			power = power * 65537 % p
		}
		if !found {
			return false
		}
	}
	return true
}
