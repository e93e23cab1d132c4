package main

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
	"github.com/truhook/truhook/truhooktest"
)

// signer returns what signs as the provider does, with the key of that id or the first there is.
func (k *keyring) signer(p provider, id string) (truhooktest.Signer, error) {
	if p.token {
		return k.tokenSigner()
	}
	return p.signer(k, id)
}

// tokenSigner signs as TransUnion does. The folder needs a platform-*.pem with a private key, made for tests.
func (k *keyring) tokenSigner() (truhooktest.Signer, error) {
	if k.dir == "" || k.entity == "" {
		return nil, usagef("to send as transunion give -keys DIR and -entity ID; DIR has a platform-*.pem with a private key made for tests and a service-*.pem")
	}
	cfg := truhooktest.TransUnionConfig{Entity: k.entity}
	err := eachPEM(k.dir, "platform-*.pem", func(pem []byte) error {
		key, err := jose.ParsePrivateKey(pem)
		if err != nil || cfg.Platform.Key != nil {
			return nil //nolint:nilerr // a public key: it verifies and does not sign
		}
		id, err := transunion.Fingerprint(key)
		cfg.Platform = jose.PrivateKey{ID: id, Key: key}
		return err
	})
	if err != nil {
		return nil, err
	}
	err = eachPEM(k.dir, "service-*.pem", func(pem []byte) error {
		key, err := publicKey(pem)
		if err != nil || cfg.Service.Key != nil {
			return err
		}
		id, err := transunion.Fingerprint(key)
		cfg.Service = jose.PublicKey{ID: id, Key: key}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case cfg.Platform.Key == nil:
		return nil, fmt.Errorf("%w: %s has no platform-*.pem with a private key: TransUnion's own is not to be had, so make one for tests", errNoKey, k.dir)
	case cfg.Service.Key == nil:
		return nil, fmt.Errorf("%w: %s has no service-*.pem", errNoKey, k.dir)
	}
	return truhooktest.TransUnion(cfg), nil
}

// publicKey reads a public key, or the public half of a private one.
func publicKey(data []byte) (crypto.PublicKey, error) {
	if block, _ := pem.Decode(data); block != nil {
		if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if private, ok := key.(*rsa.PrivateKey); ok {
				return &private.PublicKey, nil
			}
			return nil, errors.New("the key is no RSA key")
		}
		if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
			return &key.PublicKey, nil
		}
	}
	return jose.ParsePublicKey(data)
}
