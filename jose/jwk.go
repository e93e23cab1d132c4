package jose

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	gojose "github.com/go-jose/go-jose/v4"

	"github.com/truhook/truhook/internal/strictjson"
)

const (
	maxModulus  = 1368 // bytes of the n of a JWK: 8192 bits in base64url
	maxEntries  = 1024 // of a JWK Set, whatever they are for
	maxSetDepth = 64   // objects and arrays in one another, in a JWK Set; an entry has maxDepth
)

// An entry is one member of a JWK Set.
type entry struct {
	members map[string]json.RawMessage
	use     string // empty: absent, which is equal to nothing
	kty     string
	key     PublicKey
}

// readJWKS returns the keys of a set that may verify something, and why others were left out.
func readJWKS(data []byte) (keys StaticKeys, dropped []error, err error) {
	set, err := strictjson.Object(data, maxSetDepth)
	if err != nil {
		return nil, nil, configError("the JWK Set is not a JSON object")
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(set["keys"], &raw); err != nil || raw == nil {
		return nil, nil, configError("the JWK Set has no array of keys")
	}
	if len(raw) > maxEntries {
		return nil, nil, configError("the JWK Set has more than %d keys", maxEntries)
	}
	var entries []entry
	var leaked []PublicKey
	for i, one := range raw {
		e, err := readEntry(one)
		switch {
		case errors.Is(err, errNotForVerifying):
		case errors.Is(err, errPrivateJWK):
			leaked = append(leaked, e.key)
			fallthrough
		case err != nil:
			dropped = append(dropped, e.describe(i, err))
		default:
			entries = append(entries, e)
		}
	}
	entries, twins := choose(entries, leaked)
	dropped = append(dropped, twins...)
	for _, e := range entries {
		keys = append(keys, e.key)
	}
	kept, surplus := bounded(keys)
	dropped = append(dropped, surplus...)
	if len(kept) == 0 {
		return nil, dropped, fmt.Errorf("jose: the JWK Set has no key to verify with: %w", errors.Join(dropped...))
	}
	return kept, dropped, nil
}

func (e entry) describe(i int, why error) error {
	if e.key.ID != "" {
		return configError("entry %d of the JWK Set, with the kid %q: %w", i, e.key.ID, why)
	}
	return configError("entry %d of the JWK Set: %w", i, why)
}

var (
	errNotForVerifying = errors.New("it is not for verifying")
	errPrivateJWK      = errors.New("it holds a private key")
	errNoObject        = errors.New("it is not a JSON object of unique members")
	errSymmetric       = errors.New("it is a symmetric key")
	errNoKid           = errors.New("it has no kid of 1 to 256 printable characters")
	errMember          = errors.New("its use, key_ops or kty is not of the form of RFC 7517")
	errJWKAlgorithm    = errors.New("its alg is not one that this package knows for such a key")
	errJWK             = errors.New("it cannot be read as a key of a known kind")
)

// readEntry reads one entry. Beside errPrivateJWK the public half is returned, if there is one.
func readEntry(raw json.RawMessage) (e entry, err error) {
	if e.members, err = strictjson.Object(raw, maxDepth); err != nil {
		return e, errNoObject
	}
	id, _ := strictjson.String(e.members["kid"])
	if validKeyID(id) {
		e.key.ID = id
	}
	for _, secret := range [...]string{"d", "p", "q", "dp", "dq", "qi", "oth", "priv"} {
		if _, there := e.members[secret]; there {
			e.key.Key, _ = e.publicKey()
			return e, errPrivateJWK
		}
	}
	var ok bool
	if e.kty, ok = strictjson.String(e.members["kty"]); !ok {
		return e, errMember
	}
	if _, there := e.members["k"]; there || e.kty == "oct" {
		return e, errSymmetric
	}
	if err := e.purpose(); err != nil {
		return e, err
	}
	if e.key.ID == "" {
		return e, errNoKid
	}
	if raw, there := e.members["alg"]; there {
		e.key.Algorithm, there = strictjson.String(raw)
		if !there || !slices.Contains(signatureAlgorithms(), e.key.Algorithm) {
			return e, errJWKAlgorithm
		}
	}
	if e.key.Key, err = e.publicKey(); err != nil {
		return e, err
	}
	if err := vetPublicKey(e.key.Key); err != nil {
		return e, err
	}
	if e.key.Algorithm != "" && !keyFits(e.key.Algorithm, e.key.Key) {
		return e, errJWKAlgorithm
	}
	return e, nil
}

// purpose looks at what the key is for (RFC 7517, sections 4.2 and 4.3).
func (e *entry) purpose() error {
	if raw, there := e.members["use"]; there {
		if e.use, there = strictjson.String(raw); !there || e.use == "" {
			return errMember
		}
		if e.use != "sig" {
			return errNotForVerifying
		}
	}
	if raw, there := e.members["key_ops"]; there {
		var operations []string
		if json.Unmarshal(raw, &operations) != nil || operations == nil {
			return errMember
		}
		if !slices.Contains(operations, "verify") {
			return errNotForVerifying
		}
	}
	return nil
}

// publicKey reads the key itself, without the certificates and addresses of an entry, which nothing here believes.
func (e *entry) publicKey() (any, error) {
	if len(e.members["n"]) > maxModulus+2 {
		return nil, errKeySize
	}
	bare := map[string]json.RawMessage{}
	for _, name := range [...]string{"kty", "n", "e", "crv", "x", "y"} {
		if raw, there := e.members[name]; there {
			bare[name] = raw
		}
	}
	text, err := json.Marshal(bare)
	if err != nil {
		return nil, errJWK
	}
	parsed, err := safely(func() (*gojose.JSONWebKey, error) {
		var k gojose.JSONWebKey
		err := k.UnmarshalJSON(text)
		return &k, err
	})
	if err != nil {
		return nil, errJWK // err may quote what came
	}
	return parsed.Key, nil
}

// choose leaves out keys whose private half is public, and different keys of one kid, use and kty between which no alg
// decides. Keys without a use are not equal in it: each of them is tried.
func choose(entries []entry, leaked []PublicKey) (kept []entry, dropped []error) {
	reported := map[string]bool{}
	for _, e := range entries {
		twin := slices.ContainsFunc(entries, e.twin)
		known := slices.ContainsFunc(leaked, func(k PublicKey) bool { return sameKey(k.Key, e.key.Key) })
		switch {
		case known:
			dropped = append(dropped, configError("the key %q of the JWK Set stands there with its private half", e.key.ID))
		case twin && !reported[e.key.ID]:
			reported[e.key.ID] = true
			dropped = append(dropped,
				configError("several keys of the JWK Set have the kid %q and the same use and kty", e.key.ID))
		case twin:
		default:
			kept = append(kept, e)
		}
	}
	return kept, dropped
}

func (e entry) twin(other entry) bool {
	sameName := e.key.ID == other.key.ID && e.use != "" && e.use == other.use && e.kty == other.kty
	decided := e.key.Algorithm != "" && other.key.Algorithm != "" && e.key.Algorithm != other.key.Algorithm
	return sameName && !decided && !sameKey(e.key.Key, other.key.Key)
}
