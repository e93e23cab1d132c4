package jose

import (
	"context"
	"crypto"
	"crypto/rsa"
	"fmt"
	"io"
	"slices"
	"strings"
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

	// NotBefore and NotAfter are the first and the last instant at which the key counts; zero: no bound. What it signed
	// is KeyNotYetValid earlier than 30 s before NotBefore, as clocks differ, and KeyExpired after NotAfter.
	NotBefore, NotAfter time.Time
}

// keyLeeway is how much earlier than NotBefore a key counts: the provider's clock may be ahead of ours.
const keyLeeway = 30 * time.Second

// validate returns an error unless the key can verify something.
func (k PublicKey) validate() error {
	if !validKeyID(k.ID) {
		return configError("a public key without an id of 1 to %d printable characters", maxKeyID)
	}
	if err := vetPublicKey(k.Key); err != nil {
		return configError("public key %q: %w", k.ID, err)
	}
	if k.Algorithm != "" && !keyFits(k.Algorithm, k.Key) {
		return configError("public key %q does not fit its algorithm %q", k.ID, k.Algorithm)
	}
	return nil
}

// window is where an instant lies relative to the validity of a key.
type window uint8

const (
	inside window = iota
	before
	after
)

func (k PublicKey) at(now time.Time) window {
	switch {
	case !k.NotAfter.IsZero() && now.After(k.NotAfter):
		return after
	case !k.NotBefore.IsZero() && now.Add(keyLeeway).Before(k.NotBefore):
		return before
	}
	return inside
}

// same reports whether two are the same key, whatever their validity.
func (k PublicKey) same(other PublicKey) bool {
	return k.ID == other.ID && k.Algorithm == other.Algorithm && sameKey(k.Key, other.Key)
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

// Query is what a [KeySource] is asked with.
type Query struct {
	// KeyID is the kid of a token. It comes from an unauthenticated sender: 1 to 256 printable ASCII characters without
	// spaces.
	KeyID string

	// Missed reports that none of the keys that the source just gave fits the signature. Fetch anew if your own rate limit
	// allows, or return the very same slice, which ends the search: anybody can cause a miss. Return an error if the
	// source is known to fail, as it cannot tell then whether there is another key.
	Missed bool
}

// A KeySource gives the public keys of a key id.
//
// No keys without an error mean that the id is unknown: the delivery is rejected as UnknownKey, 401. An error means
// that the source cannot tell now: KeysUnavailable, 503, or the listed Reason that the error carries. At most four
// keys for one id are tried, and more are KeysUnavailable. The issuer, audience, subject, times, method and path of
// the token were compared before the source is asked, but nothing is proven yet. PublicKeys must be safe for
// concurrent use, end when ctx does, and return a slice that is not changed afterwards: to replace keys, return
// another slice. The operator's log has the text of the error, so it must hold nothing of the delivery.
type KeySource interface {
	PublicKeys(ctx context.Context, q Query) ([]PublicKey, error)
}

// A PrivateKeySource gives your private keys of a key id. None without an error is UnknownDecryptionKey, 503, as only
// genuine deliveries get that far; an error as in [KeySource]. The terms of KeySource hold otherwise too. Keys that
// it gives must be precomputed (rsa.PrivateKey.Precompute; those of [ParsePrivateKey] are), or each delivery costs 1
// ms more.
type PrivateKeySource interface {
	PrivateKeys(ctx context.Context, keyID string) ([]PrivateKey, error)
}

// StaticKeys is a [KeySource] of fixed keys. The constructors of this module check and copy it: an empty list, a key
// without an id, a key that is there twice, more than four keys of one id and a key against the policy are their
// errors. StaticKeys that a KeySource of yours answers from are not checked as a whole, only each key in use.
type StaticKeys []PublicKey

// PublicKeys implements [KeySource]. It never returns an error.
func (s StaticKeys) PublicKeys(_ context.Context, q Query) ([]PublicKey, error) {
	found := ofID(s, q.KeyID)
	if count(s, q.KeyID) > len(found) { // they do not stand together
		return slices.DeleteFunc(slices.Clone(s), func(k PublicKey) bool { return k.ID != q.KeyID }), nil
	}
	return found, nil
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
		if err := k.validate(); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(kept, k.same) {
			return nil, configError("the public key %q is there twice", k.ID)
		}
		k.Key = copyPublicKey(k.Key)
		kept = append(kept, k)
	}
	slices.SortStableFunc(kept, func(a, b PublicKey) int { return strings.Compare(a.ID, b.ID) })
	for _, k := range kept {
		if len(ofID(kept, k.ID)) > maxKeysPerID {
			return nil, configError("more than %d public keys have the id %q", maxKeysPerID, k.ID)
		}
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
			if err := worksHere(&key.PublicKey); err != nil {
				return nil, configError("private key %q: %w", k.ID, err)
			}
			own, err := safely(func() (*rsa.PrivateKey, error) { return copyPrivateKey(key) })
			if err != nil {
				return nil, configError("private key %q is not a valid RSA key", k.ID)
			}
			k.Key = own
		}
		kept = append(kept, k)
	}
	return kept.PrivateKeys, nil
}

// A holder is a source that can say what it holds without asking anybody, or one that embeds such a source.
type holder interface{ atHand() []PublicKey }

func (s StaticKeys) atHand() []PublicKey { return s }

func (c *CachedKeys) atHand() (keys []PublicKey) {
	if c == nil || c.cache == nil {
		return nil
	}
	for _, state := range c.cache.States() {
		if state.Answer != nil {
			keys = append(keys, state.Answer.Keys...)
		}
	}
	return keys
}

func (f *FileKeys) atHand() []PublicKey {
	if f == nil || f.folder == nil {
		return nil
	}
	return f.folder.Known().Entries
}

// ask asks a source for the keys that may verify a token.
func ask(ctx context.Context, source KeySource, q Query) ([]PublicKey, error) {
	keys, err := source.PublicKeys(ctx, q)
	switch {
	case err != nil:
		return nil, unavailable(ctx, err)
	case len(keys) == 0:
		return nil, refuse(truhook.UnknownKey, "no key has the id that the token names")
	case len(keys) > maxKeysPerID:
		return nil, refuse(truhook.KeysUnavailable, "the key source gave too many keys for one id")
	}
	return keys, nil
}
