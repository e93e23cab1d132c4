package keysig

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/truhook/truhook/internal/keycache"
)

// maxJWKs bounds the entries of a JWK Set.
const maxJWKs = 64

// jwk has the members of RFC 7517 and RFC 8037 that matter for a public key that verifies.
type jwk struct {
	Type   string   `json:"kty"`
	ID     string   `json:"kid"`
	Use    string   `json:"use"`
	Ops    []string `json:"key_ops"`
	Curve  string   `json:"crv"`
	X      string   `json:"x"`
	Y      string   `json:"y"`
	N      string   `json:"n"`
	E      string   `json:"e"`
	Secret any      `json:"d"`
	Key    any      `json:"k"`
}

// parseJWKS returns the keys of a set that can verify. An odd entry costs itself only; two of one id and type are both
// dropped, as nobody can say which is right.
func parseJWKS(data []byte) ([]Key, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil || set.Keys == nil {
		return nil, errors.New("it is no JWK Set")
	}
	if len(set.Keys) > maxJWKs {
		return nil, fmt.Errorf("the JWK Set has more than %d entries", maxJWKs)
	}
	var keys []Key
	var dropped []error
	seen := map[string]int{}
	for i, raw := range set.Keys {
		key, kind, err := parseJWK(raw)
		if err != nil {
			dropped = append(dropped, fmt.Errorf("keysig: entry %d of the JWK Set: %w", i+1, err))
			continue
		}
		if kind == "" {
			continue // for encryption
		}
		seen[key.ID+" "+kind]++
		keys = append(keys, key)
	}
	keys = slices.DeleteFunc(keys, func(k Key) bool {
		twice := seen[k.ID+" "+kindOf(k.Public)] > 1
		if twice {
			dropped = append(dropped, fmt.Errorf("keysig: key %q: the JWK Set has it twice", printableID(k.ID)))
		}
		return twice
	})
	return keys, keycache.Drop(dropped...)
}

func kindOf(public crypto.PublicKey) string {
	switch public.(type) {
	case *ecdsa.PublicKey:
		return "EC"
	case *rsa.PublicKey:
		return "RSA"
	}
	return "OKP"
}

func parseJWK(raw json.RawMessage) (k Key, kind string, err error) {
	var j jwk
	if err := json.Unmarshal(raw, &j); err != nil || string(raw) == "null" {
		return k, "", errors.New("it is no JWK")
	}
	switch {
	case j.Use == "enc" || j.Use == "" && len(j.Ops) > 0 && !slices.Contains(j.Ops, "verify"):
		return k, "", nil
	case j.ID == "" || printableID(j.ID) != j.ID:
		return k, "", errors.New("it has no kid")
	case j.Secret != nil || j.Key != nil:
		return k, "", errors.New("it holds a private or a symmetric key")
	}
	k.ID = j.ID
	switch j.Type {
	case "OKP":
		x, ok := decodeMember(j.X)
		if !ok || j.Curve != "Ed25519" {
			return k, "", errors.New("its curve is not Ed25519")
		}
		k.Public = ed25519.PublicKey(x)
	case "EC":
		x, okX := decodeMember(j.X)
		y, okY := decodeMember(j.Y)
		if !okX || !okY || j.Curve != "P-256" || len(x) != 32 || len(y) != 32 {
			return k, "", errors.New("its curve is not P-256")
		}
		k.Public, err = ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
	case "RSA":
		n, okN := decodeMember(j.N)
		e, okE := decodeMember(j.E)
		if !okN || !okE || len(e) > 4 || len(n) > maxRSABits/8+1 {
			return k, "", errors.New("its modulus or exponent is not sound")
		}
		k.Public = &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
	default:
		return k, "", errors.New("its kty is none of OKP, EC and RSA")
	}
	if err == nil {
		err = algorithmOf(k.Public).checkPublic(k.Public)
	}
	return k, j.Type, err
}

func decodeMember(text string) ([]byte, bool) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return data, err == nil && len(data) > 0
}
