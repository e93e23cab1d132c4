package keysig

import (
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

const (
	maxJWKs    = 1024 // entries of a JWK Set, whatever they are for
	maxSetKeys = 64   // of them that can verify
)

// jwk has the members of RFC 7517 and RFC 8037 that matter for a public key that verifies.
type jwk struct {
	Type   string   `json:"kty"`
	ID     string   `json:"kid"`
	Alg    string   `json:"alg"`
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

// An entry is one key of a set, with what tells it from others of its id.
type entry struct {
	key            Key
	kind, use, alg string
}

// parseJWKS returns the keys of a set that can verify, those of one id beside each other. An odd entry costs itself
// only, and a key that is there several times is one key. Different keys of one id, type and use between which no alg
// decides are left out, as nobody can say which is right; those that name no use are each tried. A key whose private
// half is in the set is nobody's any more.
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
	var entries, leaked []entry
	var dropped []error
	for i, raw := range set.Keys {
		e, err := parseJWK(raw)
		switch {
		case errors.Is(err, errNotForVerifying):
			continue
		case errors.Is(err, errPrivateJWK):
			leaked = append(leaked, e)
		case err == nil && !slices.ContainsFunc(entries, e.same):
			entries = append(entries, e)
		}
		if err != nil {
			dropped = append(dropped, fmt.Errorf("keysig: entry %d of the JWK Set: %w", i+1, err))
		}
	}
	var keys []Key
	for _, e := range entries {
		switch {
		case slices.ContainsFunc(leaked, e.samePublic):
			dropped = append(dropped, fmt.Errorf("keysig: key %q: the JWK Set has its private half", printableID(e.key.ID)))
		case slices.ContainsFunc(entries, e.twin):
			dropped = append(dropped, fmt.Errorf("keysig: key %q: the JWK Set has another one of its id, type and use", printableID(e.key.ID)))
		case !slices.ContainsFunc(keys, func(k Key) bool { return sameKey(k, e.key) }):
			keys = append(keys, e.key)
		}
	}
	return grouped(keys), keycache.Drop(dropped...)
}

// twin reports whether other is a different key that bears the same names as e.
func (e entry) twin(other entry) bool {
	sameNames := e.key.ID == other.key.ID && e.kind == other.kind && e.use != "" && e.use == other.use
	decided := e.alg != "" && other.alg != "" && e.alg != other.alg
	return sameNames && !decided && !e.samePublic(other)
}

// same reports whether other says nothing that e does not.
func (e entry) same(other entry) bool {
	sameNames := e.key.ID == other.key.ID && e.kind == other.kind && e.use == other.use && e.alg == other.alg
	return sameNames && e.samePublic(other)
}

func (e entry) samePublic(other entry) bool { return samePublic(e.key.Public, other.key.Public) }

// grouped returns keys with those of one id beside each other, in the order in which the ids come first.
func grouped(keys []Key) []Key {
	first := map[string]int{}
	for i, k := range keys {
		if _, known := first[k.ID]; !known {
			first[k.ID] = i
		}
	}
	slices.SortStableFunc(keys, func(a, b Key) int { return first[a.ID] - first[b.ID] })
	return keys
}

// ofID returns the keys of an id, always the same slice if they are beside each other.
func ofID(keys []Key, id string) []Key {
	has := func(k Key) bool { return k.ID == id }
	begin := slices.IndexFunc(keys, has)
	if begin < 0 {
		return nil
	}
	end := begin + 1
	for end < len(keys) && has(keys[end]) {
		end++
	}
	if !slices.ContainsFunc(keys[end:], has) {
		return keys[begin:end:end]
	}
	return slices.DeleteFunc(slices.Clone(keys), func(k Key) bool { return !has(k) }) // a retained one stands at the end
}

var (
	errNotForVerifying = errors.New("it is not for verifying")
	errPrivateJWK      = errors.New("it holds a private or a symmetric key")
)

// parseJWK reads one entry. Beside errPrivateJWK the public half is returned, if there is one.
func parseJWK(raw json.RawMessage) (e entry, err error) {
	var j jwk
	if err := json.Unmarshal(raw, &j); err != nil || string(raw) == "null" {
		return e, errors.New("it is no JWK")
	}
	switch {
	case j.Secret != nil || j.Key != nil:
		e.key, _ = j.public()
		return e, errPrivateJWK
	case j.Use == "enc" || j.Use == "" && len(j.Ops) > 0 && !slices.Contains(j.Ops, "verify"):
		return e, errNotForVerifying
	case j.ID == "" || printableID(j.ID) != j.ID:
		return e, errors.New("it has no kid")
	}
	e = entry{kind: j.Type, use: j.Use, alg: j.Alg}
	e.key, err = j.public()
	return e, err
}

func (j *jwk) public() (k Key, err error) {
	k.ID = j.ID
	switch j.Type {
	case "OKP":
		x, ok := decodeMember(j.X)
		if !ok || j.Curve != "Ed25519" {
			return k, errors.New("its curve is not Ed25519")
		}
		k.Public = ed25519.PublicKey(x)
	case "EC":
		x, okX := decodeMember(j.X)
		y, okY := decodeMember(j.Y)
		if !okX || !okY || j.Curve != "P-256" || len(x) != 32 || len(y) != 32 {
			return k, errors.New("its curve is not P-256")
		}
		k.Public, err = ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, x, y))
	case "RSA":
		n, okN := decodeMember(j.N)
		e, okE := decodeMember(j.E)
		if !okN || !okE || len(e) > 4 || len(n) > maxRSABits/8+1 {
			return k, errors.New("its modulus or exponent is not sound")
		}
		k.Public = &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}
	default:
		return k, errors.New("its kty is none of OKP, EC and RSA")
	}
	if err == nil {
		err = algorithmOf(k.Public).checkPublic(k.Public)
	}
	return k, err
}

func decodeMember(text string) ([]byte, bool) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return data, err == nil && len(data) > 0
}
