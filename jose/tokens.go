package jose

import (
	"context"
	"crypto/subtle"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/truhook/truhook"
)

// tokens verifies tokens, bound to a request or not. It has keys or secrets.
type tokens struct {
	expectation
	keys       KeySource
	secrets    SecretSource
	algorithms []string
	now        func() time.Time

	lastKeys    atomic.Pointer[[]PublicKey] // that a source of another package gave, for explanations
	lastSecrets atomic.Pointer[[]Secret]
}

func newTokens(
	keys KeySource, secrets SecretSource, algorithms []string, x expectation, now func() time.Time,
) (t *tokens, err error) {
	t = &tokens{algorithms: slices.Clone(algorithms), now: now}
	known := signatureAlgorithms()
	switch {
	case keys != nil && secrets != nil:
		return nil, configError("both Keys and Secrets are given")
	case secrets != nil:
		known = secretAlgorithms()
		t.secrets, err = fixedSecrets(secrets)
	default:
		t.keys, err = fixed(keys)
	}
	if err != nil {
		return nil, err
	}
	if t.expectation, err = newExpectation(x); err != nil {
		return nil, err
	}
	if len(algorithms) == 0 {
		return nil, configError("no Algorithms are given")
	}
	for _, a := range algorithms {
		if !slices.Contains(known, a) {
			return nil, configError("the algorithm %q is not one that can be allowed", a)
		}
	}
	return t, nil
}

// A token is one that was taken apart. Nothing in it is proven before prove returned.
type token struct {
	head
	input, signature string // what is signed, and its signature in base64url
	claims           Claims
	set              boundSet
}

// read takes a token apart and compares what needs no key: its form, then its claims. They may refuse and never accept.
func (t *tokens) read(text string, at time.Time) (*token, error) {
	h, err := parseForm(text, t.algorithms)
	if err != nil {
		return nil, err
	}
	if t.secrets == nil || h.keyID != "" {
		if err := checkKeyID(h.keyID, truhook.MalformedToken); err != nil {
			return nil, err
		}
	}
	last := strings.LastIndexByte(text, '.')
	k := &token{head: h, input: text[:last], signature: text[last+1:]}
	payload, ok := decode(k.input[strings.IndexByte(k.input, '.')+1:])
	if !ok {
		return nil, refuse(truhook.MalformedToken, "not strict base64url")
	}
	k.claims, k.set.claims, err = t.check(payload, at)
	if err != nil {
		return nil, err
	}
	return k, nil
}

// prove returns the id of the key that signed k. The claims were decoded from the very text that is verified here, and
// compared for the same instant, so they are proven with it.
func (t *tokens) prove(ctx context.Context, k *token, at time.Time) (keyID string, err error) {
	if t.secrets != nil {
		return t.proveBySecret(ctx, k)
	}
	keys, err := ask(ctx, t.keys, Query{KeyID: k.keyID})
	if err != nil {
		return "", err
	}
	t.remember(keys)
	err = k.signedBy(keys, at)
	switch truhook.ReasonOf(err) {
	case truhook.SignatureMismatch, truhook.KeyExpired, truhook.KeyNotYetValid, truhook.AlgorithmNotAllowed:
	default:
		return k.keyID, err
	}
	// Anybody can get here, so the second question is the source's to refuse: the same slice again ends the search.
	again, missed := ask(ctx, t.keys, Query{KeyID: k.keyID, Missed: true})
	if missed != nil {
		return "", missed
	}
	if len(again) != len(keys) || &again[0] != &keys[0] {
		err = k.signedBy(again, at)
	}
	return k.keyID, err
}

// remember keeps the keys of a source that cannot say what it holds.
func (t *tokens) remember(keys []PublicKey) {
	if _, ok := t.keys.(holder); ok {
		return
	}
	if last := t.lastKeys.Load(); last == nil || len(*last) != len(keys) || &(*last)[0] != &keys[0] {
		kept := keys // a variable of its own, so that nothing is allocated where nothing changed
		t.lastKeys.Store(&kept)
	}
}

// keysAtHand returns the keys that are known without asking anybody. It is read-only.
func (t *tokens) keysAtHand() []PublicKey {
	if h, ok := t.keys.(holder); ok {
		keys := h.atHand()
		return keys[:min(len(keys), maxAtHand)]
	}
	if last := t.lastKeys.Load(); last != nil {
		return *last
	}
	return nil
}

const maxAtHand = 64 // keys that one explanation tries

// secretsAtHand is keysAtHand for secrets.
func (t *tokens) secretsAtHand() []Secret {
	if static, ok := t.secrets.(StaticSecrets); ok {
		return static
	}
	if last := t.lastSecrets.Load(); last != nil {
		return *last
	}
	return nil
}

// signedBy returns nil if one of the keys signed the token. A stranger's token costs one verification a key.
func (k *token) signedBy(keys []PublicKey, at time.Time) error {
	signature, _ := decode(k.signature) // parseForm has looked at its form
	input := []byte(k.input)
	fits, broken, outside := false, false, inside
	for i := range keys {
		if checkPublicKey(keys[i].Key) != nil {
			return refuse(truhook.KeysUnavailable, "the key source gave a key against the policy")
		}
		if !keyFits(k.algorithm, keys[i].Key) || keys[i].Algorithm != "" && keys[i].Algorithm != k.algorithm {
			continue
		}
		fits = true
		good, err := safely(func() (bool, error) { return verifies(k.algorithm, keys[i].Key, input, signature) })
		if err != nil {
			broken = true
		}
		if err != nil || !good {
			continue
		}
		if outside = keys[i].at(at); outside == inside {
			return nil
		}
	}
	switch {
	case outside == after:
		return refuse(truhook.KeyExpired, "the public key is past its NotAfter")
	case outside == before:
		return refuse(truhook.KeyNotYetValid, "the public key is before its NotBefore")
	case broken:
		return refuse(truhook.KeysUnavailable, "a key of the key source does not work here")
	case !fits:
		return refuse(truhook.AlgorithmNotAllowed, "the key is for another algorithm")
	}
	return refuse(truhook.SignatureMismatch, "token")
}

func (t *tokens) proveBySecret(ctx context.Context, k *token) (keyID string, err error) {
	secrets, err := askSecrets(ctx, t.secrets, Query{KeyID: k.keyID})
	if err != nil {
		return "", err
	}
	if last := t.lastSecrets.Load(); last == nil || len(*last) != len(secrets) || &(*last)[0] != &secrets[0] {
		kept := secrets
		t.lastSecrets.Store(&kept)
	}
	keyID, err = k.authenticatedBy(secrets)
	if !errors.Is(err, truhook.SignatureMismatch) {
		return keyID, err
	}
	again, missed := askSecrets(ctx, t.secrets, Query{KeyID: k.keyID, Missed: true})
	if missed != nil {
		return "", missed
	}
	if len(again) != len(secrets) || &again[0] != &secrets[0] {
		return k.authenticatedBy(again)
	}
	return "", err
}

// authenticatedBy returns the id of the secret that signed the token. Each is tried, whichever fits.
func (k *token) authenticatedBy(secrets []Secret) (id string, err error) {
	signature, _ := decode(k.signature)
	input := []byte(k.input)
	which := -1
	for i := len(secrets) - 1; i >= 0; i-- { // each is tried, and the first that fits selected without a branch
		good, panicked := safely(func() (int, error) {
			return authenticates(k.algorithm, secrets[i].open(), input, signature), nil
		})
		if panicked != nil {
			return "", &truhook.Error{Reason: truhook.Internal, Err: errors.New("HMAC does not work here")}
		}
		which = subtle.ConstantTimeSelect(good, i, which)
	}
	if which < 0 {
		return "", refuse(truhook.SignatureMismatch, "token")
	}
	return secrets[which].id, nil
}
