package jose

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"

	"github.com/truhook/truhook"
)

const maxKeysPerID = 4 // keys tried for one id

// A PublicKey is a provider's key to verify tokens with. The zero PublicKey is refused everywhere.
type PublicKey struct {
	ID  string           // the kid of the tokens that it signed; compared byte by byte, and the KeyID of proofs
	Key crypto.PublicKey // *rsa.PublicKey of 2048 to 8192 bits, *ecdsa.PublicKey or ed25519.PublicKey

	// Algorithm is the one algorithm that this key is for, such as "RS256". Empty: each on the allow-list that its type
	// serves.
	Algorithm string

	// NotAfter is the instant after which the key no longer counts: what it signed is then KeyExpired. Zero: never.
	NotAfter time.Time
}

// A PrivateKey is one of yours, to decrypt with. It prints as its id, under every verb and in slog and JSON. The zero
// PrivateKey is refused everywhere.
type PrivateKey struct {
	ID string // the kid of what is encrypted to it; compared byte by byte

	// Key is an *rsa.PrivateKey of 2048 to 8192 bits, or a crypto.Decrypter with such a public key (a key in an HSM),
	// which must be safe for concurrent use, and should give its outages a Reason (see Decrypter.Decrypt).
	Key crypto.PrivateKey

	// NotAfter is the instant after which the key counts as if it were not there. Zero: for ever, as TransUnion asks:
	// a webhook may be encrypted to a key that was retired after the request that led to it ("Webhooks", Hint).
	NotAfter time.Time
}

// Format implements fmt.Formatter so that no verb prints the key.
func (k PrivateKey) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "jose.PrivateKey("+k.ID+")")
}

// MarshalText implements encoding.TextMarshaler so that neither JSON nor slog prints the key.
func (k PrivateKey) MarshalText() ([]byte, error) {
	return []byte("jose.PrivateKey(" + k.ID + ")"), nil
}

// A KeySource gives the public keys of a key id.
//
// None without an error means that the id is unknown: the delivery is refused as UnknownKey, 401. An error means that
// the set cannot tell now: KeysUnavailable, 503, or the listed Reason that the error carries. At most four keys for
// one id are tried, and more are KeysUnavailable. keyID comes from an unauthenticated sender; it is 1 to 256 printable
// ASCII characters without spaces. PublicKeys must be safe for concurrent use, end when ctx does, and give a slice that
// is not changed afterwards: to replace keys, give another slice.
type KeySource interface {
	PublicKeys(ctx context.Context, keyID string) ([]PublicKey, error)
}

// A PrivateKeySource gives your private keys of a key id. None without an error is UnknownDecryptionKey, 503, as only
// genuine deliveries get that far; an error as in [KeySource]. The terms of KeySource hold otherwise too. Keys that it gives
// must be precomputed (rsa.PrivateKey.Precompute; those of [ParsePrivateKey] are), or each delivery costs 1 ms more.
type PrivateKeySource interface {
	PrivateKeys(ctx context.Context, keyID string) ([]PrivateKey, error)
}

// StaticKeys is a [KeySource] of fixed keys. The constructors of this module check and copy it: an empty set, a key
// without an id, an id that comes twice and a key against the policy are their errors. A StaticKeys that a KeySource of
// yours answers from is not checked as a whole, only each key in use.
type StaticKeys []PublicKey

// PublicKeys implements [KeySource]. It never returns an error.
func (s StaticKeys) PublicKeys(_ context.Context, keyID string) ([]PublicKey, error) {
	for i := range s {
		if s[i].ID == keyID {
			return s[i : i+1 : i+1], nil
		}
	}
	return nil, nil
}

// StaticPrivateKeys is a [PrivateKeySource] of fixed keys, current and retired. It is checked and copied like
// [StaticKeys], and the keys are precomputed then.
type StaticPrivateKeys []PrivateKey

// PrivateKeys implements [PrivateKeySource]. It never returns an error.
func (s StaticPrivateKeys) PrivateKeys(_ context.Context, keyID string) ([]PrivateKey, error) {
	for i := range s {
		if s[i].ID == keyID {
			return s[i : i+1 : i+1], nil
		}
	}
	return nil, nil
}

// fixed returns what a constructor keeps of a key set: a static one is checked and copied.
func fixed(set KeySource) (KeySource, error) {
	static, ok := set.(StaticKeys)
	if !ok {
		if set == nil {
			return nil, configError("no KeySource is given")
		}
		return set, nil
	}
	if len(static) == 0 {
		return nil, configError("the key set is empty")
	}
	kept := make(StaticKeys, 0, len(static))
	for _, k := range static {
		if !validKeyID(k.ID) {
			return nil, configError("a public key without an id of 1 to %d printable characters", maxKeyID)
		}
		if got, _ := kept.PublicKeys(context.Background(), k.ID); len(got) > 0 {
			return nil, configError("the public key id %q comes twice", k.ID)
		}
		if err := vetPublicKey(k.Key); err != nil {
			return nil, configError("public key %q: %w", k.ID, err)
		}
		if k.Algorithm != "" && !keyFits(k.Algorithm, k.Key) {
			return nil, configError("public key %q does not fit its algorithm %q", k.ID, k.Algorithm)
		}
		k.Key = copyPublicKey(k.Key)
		kept = append(kept, k)
	}
	return kept, nil
}

// fixedPrivate is fixed for private keys. It returns a func, as fmt prints what stands behind pointers.
func fixedPrivate(set PrivateKeySource) (func(context.Context, string) ([]PrivateKey, error), error) {
	static, ok := set.(StaticPrivateKeys)
	if !ok {
		if set == nil {
			return nil, configError("no PrivateKeySource is given")
		}
		return set.PrivateKeys, nil
	}
	if len(static) == 0 {
		return nil, configError("the set of private keys is empty")
	}
	kept := make(StaticPrivateKeys, 0, len(static))
	for _, k := range static {
		if !validKeyID(k.ID) {
			return nil, configError("a private key without an id of 1 to %d printable characters", maxKeyID)
		}
		if got, _ := kept.PrivateKeys(context.Background(), k.ID); len(got) > 0 {
			return nil, configError("the private key id %q comes twice", k.ID)
		}
		if _, err := decrypter(k.Key); err != nil {
			return nil, configError("private key %q: %w", k.ID, err)
		}
		if key, ok := k.Key.(*rsa.PrivateKey); ok {
			own, err := contained(func() (*rsa.PrivateKey, error) { return copyPrivateKey(key) })
			if err != nil {
				return nil, configError("private key %q is not a valid RSA key", k.ID)
			}
			k.Key = own
		}
		kept = append(kept, k)
	}
	return kept.PrivateKeys, nil
}

// publicKeys asks a set for the keys that may verify a token.
func publicKeys(ctx context.Context, set KeySource, h head) ([]PublicKey, error) {
	keys, err := set.PublicKeys(ctx, h.keyID)
	switch {
	case err != nil:
		return nil, unavailable(ctx, err)
	case len(keys) == 0:
		return nil, refuse(truhook.UnknownKey, "no key has the id that the token names")
	case len(keys) > maxKeysPerID:
		return nil, refuse(truhook.KeysUnavailable, "the key set gave too many keys for one id")
	}
	return keys, nil
}

var (
	errKeyType = errors.New("the type of the key is not supported")
	errKeySize = errors.New("RSA keys must have 2048 to 8192 bits")
	errKeyForm = errors.New("the key is not a safe one")
)

// checkPublicKey enforces the key policy (facts in RFC 7518, sections 3.3 and 3.4, and NIST SP 800-131A).
func checkPublicKey(key crypto.PublicKey) error {
	switch k := key.(type) {
	case *rsa.PublicKey:
		if k == nil || k.N == nil {
			return errKeyType
		}
		if bits := k.N.BitLen(); bits < 2048 || bits > 8192 {
			return errKeySize
		}
		if k.N.Bit(0) == 0 || k.E < 65537 || k.E&1 == 0 {
			return errKeyForm
		}
		return nil
	case *ecdsa.PublicKey:
		if k == nil || k.Curve == nil || curveAlgorithm(k.Curve) == "" {
			return errKeyType
		}
		if _, err := contained(k.ECDH); err != nil { // refuses a point that is not on the curve
			return errKeyForm
		}
		return nil
	case ed25519.PublicKey:
		if len(k) != ed25519.PublicKeySize {
			return errKeyForm
		}
		return nil
	}
	return errKeyType
}

func curveAlgorithm(c elliptic.Curve) string {
	switch c {
	case elliptic.P256():
		return "ES256"
	case elliptic.P384():
		return "ES384"
	case elliptic.P521():
		return "ES512"
	}
	return ""
}

// keyFits reports whether an algorithm of signatureAlgorithms is one for this type of key.
func keyFits(algorithm string, key crypto.PublicKey) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return len(algorithm) == 5 && (algorithm[:2] == "RS" || algorithm[:2] == "PS")
	case *ecdsa.PublicKey:
		return algorithm == curveAlgorithm(k.Curve)
	case ed25519.PublicKey:
		return algorithm == "EdDSA"
	}
	return false
}

// decrypter returns the means to decrypt with key, if it meets the policy.
func decrypter(key crypto.PrivateKey) (crypto.Decrypter, error) {
	if k, ok := key.(*rsa.PrivateKey); ok && (k == nil || k.D == nil) {
		return nil, errKeyType
	}
	d, ok := key.(crypto.Decrypter)
	if !ok {
		return nil, errKeyType
	}
	public, ok := d.Public().(*rsa.PublicKey)
	if !ok {
		return nil, errKeyType
	}
	return d, checkPublicKey(public)
}

func copyPublicKey(key crypto.PublicKey) crypto.PublicKey {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return &rsa.PublicKey{N: new(big.Int).Set(k.N), E: k.E}
	case *ecdsa.PublicKey:
		return &ecdsa.PublicKey{Curve: k.Curve, X: new(big.Int).Set(k.X), Y: new(big.Int).Set(k.Y)}
	case ed25519.PublicKey:
		return append(ed25519.PublicKey(nil), k...)
	}
	return nil
}

// copyPrivateKey also checks and precomputes: without the precomputed values each decryption costs 1 ms more.
func copyPrivateKey(k *rsa.PrivateKey) (*rsa.PrivateKey, error) {
	own := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Set(k.N), E: k.E}, D: new(big.Int).Set(k.D)}
	for _, p := range k.Primes {
		own.Primes = append(own.Primes, new(big.Int).Set(p))
	}
	own.Precompute()
	return own, own.Validate()
}
