package keysig

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
)

// Key is a public key. The zero Key is an error wherever keys are given. It may be copied and is safe for concurrent use.
type Key struct {
	ID     string           // a label that proofs and metrics show, or what the header Scheme.KeyID says
	Public crypto.PublicKey // ed25519.PublicKey, *ecdsa.PublicKey over P-256, or *rsa.PublicKey of 2048 to 8192 bits

	// NotBefore and NotAfter are the validity, both inclusive. Zero: open. A key is accepted 30 s before NotBefore: a
	// provider's clock may be ahead of ours.
	NotBefore, NotAfter time.Time
}

// clone returns k with memory of its own.
func (k Key) clone() Key {
	k.ID = strings.Clone(k.ID)
	switch p := k.Public.(type) {
	case ed25519.PublicKey:
		k.Public = slices.Clone(p)
	case *ecdsa.PublicKey:
		if p != nil {
			c := *p
			k.Public = &c
		}
	case *rsa.PublicKey:
		if p != nil && p.N != nil {
			k.Public = &rsa.PublicKey{N: new(big.Int).Set(p.N), E: p.E}
		}
	}
	return k
}

const leeway = 30 * time.Second

type window uint8

const (
	inside window = iota
	before
	after
)

func (k *Key) at(now time.Time) window {
	switch {
	case !k.NotBefore.IsZero() && now.Before(k.NotBefore.Add(-leeway)):
		return before
	case !k.NotAfter.IsZero() && (now.After(k.NotAfter) || k.NotAfter.Before(k.NotBefore)):
		return after
	}
	return inside
}

// check returns what keeps k from verifying signatures of this algorithm, in FIPS 140-3 mode too.
func (a Algorithm) check(k *Key) error {
	if err := a.checkPublic(k.Public); err != nil {
		return fmt.Errorf("key %q: %w", printableID(k.ID), err)
	}
	return nil
}

func printableID(id string) string {
	if len(id) > 100 || strings.Contains(id, "-----BEGIN") {
		return "(not an id)"
	}
	return id
}

// checkPublic is checkKind with what costs a verification.
func (a Algorithm) checkPublic(public crypto.PublicKey) error {
	if err := a.checkKind(public); err != nil {
		return err
	}
	if key, ok := public.(*ecdsa.PublicKey); ok {
		if _, err := key.ECDH(); err != nil {
			return errors.New("its point is not on the curve")
		}
	}
	return a.probe(public)
}

// checkKind returns what keeps a key from verifying, as far as a look at it tells.
func (a Algorithm) checkKind(public crypto.PublicKey) error {
	other := func(kind string) error { return fmt.Errorf("it is an %s key, and the scheme signs with %v", kind, a) }
	switch key := public.(type) {
	case nil:
		return errors.New("there is no public key")
	case ed25519.PublicKey:
		if a != Ed25519 {
			return other("Ed25519")
		}
		return checkEd25519(key)
	case *ecdsa.PublicKey:
		switch {
		case a != ECDSA && a != ECDSARaw:
			return other("ECDSA")
		case key == nil || key.Curve != elliptic.P256():
			return errors.New("its curve is not P-256")
		}
		return nil
	case *rsa.PublicKey:
		if a != RSAPKCS1v15 && a != RSAPSS {
			return other("RSA")
		}
		return checkRSA(key)
	case ed25519.PrivateKey, *ecdsa.PrivateKey, *rsa.PrivateKey:
		return errors.New("it is a private key: a receiver holds the public one")
	case []byte, string:
		return errors.New("it is a secret, not a public key: signatures by HMAC are package hmacsig's")
	}
	return fmt.Errorf("a key of type %T cannot verify", public)
}

// probe verifies a signature of zeros, which shows what FIPS 140-3 mode makes of the algorithm and the key.
func (a Algorithm) probe(public crypto.PublicKey) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("it cannot verify: the cryptographic module refuses it")
		}
	}()
	size, _ := a.sizes()
	if key, ok := public.(*rsa.PublicKey); ok {
		size = key.Size()
	}
	c := &content{}
	c.prepare(a)
	switch err := a.verify(public, c, make([]byte, size)); {
	case err == nil:
		return errors.New("it verifies a signature of zeros")
	case !errors.Is(err, errSignature):
		return fmt.Errorf("it cannot verify: %w", err)
	}
	return nil
}

func checkRSA(key *rsa.PublicKey) error {
	switch {
	case key == nil || key.N == nil || key.N.Sign() <= 0:
		return errors.New("it has no modulus")
	case key.N.BitLen() < minRSABits:
		return fmt.Errorf("it has %d bits, and fewer than %d can be factored", key.N.BitLen(), minRSABits)
	case key.N.BitLen() > maxRSABits:
		return fmt.Errorf("it has %d bits, more than %d", key.N.BitLen(), maxRSABits)
	case key.N.Bit(0) == 0:
		return errors.New("its modulus is even")
	case key.E < 3 || key.E&1 == 0:
		return errors.New("its exponent is not an odd number from 3 on")
	}
	return nil
}

// smallOrder are the encodings of y of the points of small order on edwards25519, without the sign. Under such a key one
// signature fits many contents ("Taming the many EdDSAs", Chalkias, Garillot and Nikolaenko, 2020, section 2).
var smallOrder = [][32]byte{
	{},
	{0: 1},
	{
		0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
		0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
	},
	{
		0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
		0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
	},
	{
		0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
	},
}

func checkEd25519(key ed25519.PublicKey) error {
	if len(key) != ed25519.PublicKeySize {
		return fmt.Errorf("an Ed25519 key has %d bytes, not %d", ed25519.PublicKeySize, len(key))
	}
	y := [32]byte(key)
	y[31] &= 0x7f
	if slices.Contains(smallOrder, y) {
		return errors.New("it is a point of small order: anybody could sign for it")
	}
	if y[31] == 0x7f && y[0] >= 0xed && bytes.Count(y[1:31], []byte{0xff}) == 30 {
		return errors.New("it is not written canonically")
	}
	return nil
}
