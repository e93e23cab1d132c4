package hmacsig

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// KeyEncoding is how the bytes of a key are written. The zero value is KeyRaw.
type KeyEncoding uint8

const (
	KeyRaw    KeyEncoding = iota // the bytes of the text itself
	KeyHex                       // RFC 4648, section 8, digits in either case
	KeyBase64                    // RFC 4648, section 4, with or without padding
	KeyPEM                       // RFC 7468, one block: for public keys, and an error in this package
)

// KeyText is how a provider writes its keys: comparable data. The zero KeyText is a text whose bytes are the key.
type KeyText struct {
	// Encoding is how the key is written behind the Prefix.
	Encoding KeyEncoding

	// Prefix stands before the encoded key and is no part of it, such as the "whsec_" of Standard Webhooks. It is
	// demanded, and taken off once. A key that still begins with it was not decoded, and is rejected by [New]. Where a
	// prefix is part of the key, as Stripe's "whsec_" is, this is empty.
	Prefix string

	// Kept are prefixes that are part of the key, with blanks between, such as those by which a provider tells its
	// environments apart: "sandbox- dev- prod-". They are not demanded. Audit warns of keys with two of them side by side,
	// and of one that has none where there are several.
	Kept string

	// OtherKeys are the prefixes of what is no webhook secret of this provider, such as its API keys, with blanks between.
	// Audit warns of a key that begins with one.
	OtherKeys string
}

// Decode returns the bytes of the key that text says. A text that is not of the form is an error, which does not
// repeat it.
func (t KeyText) Decode(text string) ([]byte, error) {
	rest, found := strings.CutPrefix(text, t.Prefix)
	if !found {
		return nil, fmt.Errorf("the key does not begin with %q, as the provider writes it", t.Prefix)
	}
	if t.Prefix != "" && strings.HasPrefix(rest, t.Prefix) {
		return nil, fmt.Errorf("the key begins with %q twice", t.Prefix)
	}
	var decoded []byte
	var err error
	switch t.Encoding {
	case KeyRaw:
		decoded = []byte(rest)
	case KeyHex:
		decoded, err = hex.DecodeString(rest)
	case KeyBase64:
		decoded, err = decodeKeyBase64(rest)
	case KeyPEM:
		block, after := pem.Decode([]byte(rest))
		if block == nil || strings.TrimSpace(string(after)) != "" || !strings.HasPrefix(strings.TrimSpace(rest), "-----BEGIN ") {
			return nil, errors.New("the key is not one PEM block")
		}
		decoded = block.Bytes
	default:
		return nil, fmt.Errorf("KeyEncoding %d is not one of those that there are", t.Encoding)
	}
	switch {
	case err != nil: // err can hold a part of the text
		return nil, fmt.Errorf("the key is not written in %s, as the provider writes it", keyEncodings[t.Encoding])
	case len(decoded) == 0:
		return nil, errors.New("the key is empty")
	}
	return decoded, nil
}

var keyEncodings = [...]string{KeyRaw: "raw text", KeyHex: "hex", KeyBase64: "base64", KeyPEM: "PEM"}

func decodeKeyBase64(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") { // which the decoder would pass over
		return nil, errors.New("a line break")
	}
	if strings.HasSuffix(text, "=") {
		return base64.StdEncoding.Strict().DecodeString(text)
	}
	return base64.RawStdEncoding.Strict().DecodeString(text)
}

// check returns what keeps t from describing secrets of HMACs.
func (t KeyText) check() error {
	switch {
	case t.Encoding == KeyPEM:
		return errors.New("KeyText is PEM, in which public keys are written: signatures by public key are package keysig's")
	case t.Encoding > KeyPEM:
		return fmt.Errorf("KeyEncoding %d is not one of those that there are", t.Encoding)
	case strings.ContainsAny(t.Prefix, " \t\r\n"):
		return errors.New("the Prefix of KeyText holds a blank")
	}
	return nil
}

// undecoded reports whether the bytes of a key still bear the prefix that they are written with.
func (t KeyText) undecoded(key []byte) bool {
	return t.Prefix != "" && strings.HasPrefix(string(key), t.Prefix)
}
