package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
	"github.com/truhook/truhook/keysig"
	"github.com/truhook/truhook/truhooktest"
)

// signer returns what signs as the provider does, with the key of that id or the first there is.
func (k *keyring) signer(p provider, id string) (truhooktest.Signer, error) {
	if p.token {
		return k.tokenSigner()
	}
	return p.signer(k, id)
}

// wrongSigner returns what signs under a key that nobody gave: text for an HMAC, a new key for a key pair.
func (k *keyring) wrongSigner(p provider, text string) (truhooktest.Signer, error) {
	wrong := keyring{dir: k.dir, entity: k.entity, single: text}
	switch {
	case p.token:
		cfg, err := k.tokenConfig()
		if err != nil {
			return nil, err
		}
		cfg.Platform.Key, err = rsa.GenerateKey(rand.Reader, 2048)
		return truhooktest.TransUnion(cfg), err
	case p.asymmetric():
		key, err := newPrivateKey(p.row.PublicKeyScheme.Algorithm)
		if err != nil {
			return nil, err
		}
		return truhooktest.PublicKey(p.row.PublicKeyScheme, key), nil
	}
	written, err := p.written(text)
	if err != nil {
		return nil, err
	}
	wrong.single = written
	return p.signer(&wrong, "")
}

func newPrivateKey(a keysig.Algorithm) (crypto.Signer, error) {
	switch a {
	case keysig.ECDSA, keysig.ECDSARaw:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case keysig.RSAPKCS1v15, keysig.RSAPSS:
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}

// written returns text as the provider writes a secret whose bytes are those of text.
func (p provider) written(text string) (string, error) {
	t := p.scheme.KeyText
	switch t.Encoding {
	case hmacsig.KeyHex:
		text = hex.EncodeToString([]byte(text))
	case hmacsig.KeyBase64:
		text = base64.StdEncoding.EncodeToString([]byte(text))
	case hmacsig.KeyPEM:
		return "", errors.New("the provider writes no secrets")
	}
	return t.Prefix + text, nil
}

// tokenSigner signs as TransUnion does. The folder needs a platform-*.pem with a private key, made for tests.
func (k *keyring) tokenSigner() (truhooktest.Signer, error) {
	cfg, err := k.tokenConfig()
	if err != nil {
		return nil, err
	}
	return truhooktest.TransUnion(cfg), nil
}

func (k *keyring) tokenConfig() (cfg truhooktest.TransUnionConfig, err error) {
	if k.dir == "" || k.entity == "" {
		return cfg, usagef("to send as transunion give -keys DIR and -entity ID; DIR has a platform-*.pem with a private key made for tests and a service-*.pem")
	}
	cfg.Entity = k.entity
	err = eachPEM(k.dir, "platform-*.pem", func(pem []byte) error {
		key, err := jose.ParsePrivateKey(pem)
		if err != nil || cfg.Platform.Key != nil {
			return nil //nolint:nilerr // a public key: it verifies and does not sign
		}
		id, err := transunion.Fingerprint(key)
		cfg.Platform = jose.PrivateKey{ID: id, Key: key}
		return err
	})
	if err != nil {
		return cfg, err
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
		return cfg, err
	case cfg.Platform.Key == nil:
		return cfg, fmt.Errorf("%w: %s has no platform-*.pem with a private key: TransUnion publishes none, so make one for tests", errNoKey, k.dir)
	case cfg.Service.Key == nil:
		return cfg, fmt.Errorf("%w: %s has no service-*.pem", errNoKey, k.dir)
	}
	return cfg, nil
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
