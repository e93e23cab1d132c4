package jose

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
)

const maxPEM = 32 << 10 // bytes; a private key of 8192 bits takes 7 KiB

var (
	errPEM       = errors.New("jose: not exactly one key in one PEM block, 32 KiB at most")
	errEncrypted = errors.New("jose: the private key is encrypted; decrypt it first")
	errPublic    = errors.New("jose: not a public key in SPKI or PKCS#1 form")
	errPrivate   = errors.New("jose: not an RSA private key in PKCS#8 or PKCS#1 form")
)

// ParsePublicKey reads the public key in a PEM file: SubjectPublicKeyInfo (RFC 5280) or PKCS#1 (RFC 8017), by what the
// bytes are, not by what the label says. Text before the block is skipped. A private key, a second block, an RSA key
// outside 2048 to 8192 bits and whatever else the key policy refuses are errors; none of them holds key material.
func ParsePublicKey(data []byte) (crypto.PublicKey, error) {
	der, err := onlyBlock(data)
	if err != nil {
		return nil, err
	}
	key, err := safely(func() (crypto.PublicKey, error) {
		if key, err := x509.ParsePKIXPublicKey(der); err == nil {
			return key, nil
		}
		return x509.ParsePKCS1PublicKey(der)
	})
	if err != nil {
		return nil, errPublic
	}
	if err := vetPublicKey(key); err != nil {
		return nil, configError("public key: %w", err)
	}
	return key, nil
}

// ParsePrivateKey reads the RSA private key in a PEM file: PKCS#8 (RFC 5958) or PKCS#1 (RFC 8017), by what the bytes
// are, not by what the label says: TransUnion's own SDK has PKCS#8 under "RSA PRIVATE KEY". It is precomputed. An
// encrypted or a public key, a second block, and a key outside 2048 to 8192 bits are errors; none holds key material.
func ParsePrivateKey(data []byte) (crypto.PrivateKey, error) {
	der, err := onlyBlock(data)
	if err != nil {
		return nil, err
	}
	key, err := safely(func() (any, error) {
		if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
			return key, nil
		}
		return x509.ParsePKCS1PrivateKey(der)
	})
	private, ok := key.(*rsa.PrivateKey)
	if err != nil || !ok {
		return nil, errPrivate
	}
	for _, check := range []func(crypto.PublicKey) error{checkPublicKey, worksHere} {
		if err := check(&private.PublicKey); err != nil {
			return nil, configError("private key: %w", err)
		}
	}
	return private, nil
}

func onlyBlock(data []byte) ([]byte, error) {
	if len(data) > maxPEM {
		return nil, errPEM
	}
	block, rest := pem.Decode(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))) // a mark that editors write
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errPEM
	}
	if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
		return nil, errEncrypted
	}
	var whole asn1.RawValue // crypto/x509 lets bytes follow a PKCS#8 key
	if rest, err := asn1.Unmarshal(block.Bytes, &whole); err != nil || len(rest) > 0 {
		return nil, errPEM
	}
	return block.Bytes, nil
}
