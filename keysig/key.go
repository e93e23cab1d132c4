package keysig

import (
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

	"github.com/truhook/truhook/internal/ed25519key"
)

// Key is a public key. The zero Key is an error wherever keys are given. It may be copied and is safe for concurrent
// use.
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
		return ed25519key.Check(key)
	case *ecdsa.PublicKey:
		switch {
		case a != ECDSA && a != ECDSARaw:
			return other("ECDSA")
		case key == nil || key.Curve != elliptic.P256():
			return errors.New("its curve is not P-256")
		case key.X == nil || key.Y == nil:
			return errors.New("it has no point")
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
