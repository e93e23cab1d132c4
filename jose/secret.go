package jose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/secrettext"
)

// A Secret is a key of HS256, HS384 or HS512 that is shared with a provider. It prints as its id, under every verb
// and in slog and JSON. The zero Secret is rejected everywhere. A Secret may be copied and is safe for concurrent
// use.
type Secret struct {
	id   string
	open func() []byte // a func value, as fmt prints what pointers point to under a verb that does not fit
}

// NewSecret returns the secret whose bytes are those of text, exactly as they stand: nothing is trimmed or decoded.
// id is a label of yours that proofs and metrics show.
//
// These are errors, and none of them repeats the secret: an empty text; one that begins or ends with a line break,
// begins with a byte order mark or is written as UTF-16, which is an accident of whatever wrote it; a public key (PEM,
// DER, JWK, OpenSSH), which is no secret; an id that is not 1 to 256 printable ASCII characters without spaces, or that
// looks like a secret, as the two were given the wrong way round.
func NewSecret(id, text string) (Secret, error) {
	switch {
	case !validKeyID(id):
		return Secret{}, configError("the id of a secret is not one of 1 to %d printable characters", maxKeyID)
	case secrettext.LooksSecret(id):
		return Secret{}, configError("the id of a secret looks like one: the id is a label and comes first, the secret second")
	}
	if err := secrettext.Check(text); err != nil {
		return Secret{}, configError("secret %q: %w", id, err)
	}
	own := []byte(text)
	s := Secret{id: id, open: func() []byte { return own }}
	_, err := safely(func() (int, error) { return authenticates("HS256", own, nil, nil), nil })
	if err != nil { // as crypto/hmac does under GODEBUG=fips140=only
		return Secret{}, configError("secret %q: %d bytes are not allowed in FIPS 140-3 mode", id, len(own))
	}
	return s, nil
}

// ID returns the label that was given to NewSecret. That of the zero Secret is empty.
func (s Secret) ID() string { return s.id }

// Format implements fmt.Formatter so that no verb prints the secret.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "jose.Secret("+s.id+")") }

// MarshalText implements encoding.TextMarshaler so that neither JSON nor slog prints the secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte("jose.Secret(" + s.id + ")"), nil }

// A SecretSource gives the secrets that a token may be signed with, current and retired ones. The terms of [KeySource]
// hold, but for this: the KeyID of the Query may be empty, as such tokens often name none, and no secrets without an
// error are NoKey, 503. At most four are tried.
type SecretSource interface {
	Secrets(ctx context.Context, q Query) ([]Secret, error)
}

// StaticSecrets is a [SecretSource] of fixed secrets, the current one first. The constructors of this module check and
// copy it: an empty list, a zero Secret, an id that is there twice and more than four are their errors.
type StaticSecrets []Secret

// Secrets implements [SecretSource]. It returns all of them and no error.
func (s StaticSecrets) Secrets(context.Context, Query) ([]Secret, error) { return s, nil }

// fixedSecrets returns what a constructor keeps of a source: a static one is checked and copied.
func fixedSecrets(source SecretSource) (SecretSource, error) {
	static, ok := source.(StaticSecrets)
	if !ok {
		return source, nil
	}
	if len(static) == 0 {
		return nil, configError("the list of secrets is empty")
	}
	return slices.Clone(static), vetSecrets(static)
}

func vetSecrets(secrets []Secret) error {
	if len(secrets) > maxKeysPerID {
		return errors.New("jose: more than four secrets")
	}
	for i, s := range secrets {
		if s.open == nil {
			return errors.New("jose: a zero Secret")
		}
		if slices.ContainsFunc(secrets[:i], func(o Secret) bool { return o.id == s.id }) {
			return configError("the secret %q is there twice", s.id)
		}
	}
	return nil
}

// askSecrets asks a source for the secrets that may have signed a token.
func askSecrets(ctx context.Context, source SecretSource, q Query) ([]Secret, error) {
	secrets, err := source.Secrets(ctx, q)
	if err == nil && len(secrets) > 0 {
		if err := vetSecrets(secrets); err != nil {
			return nil, &truhook.Error{Reason: truhook.KeysUnavailable, Err: err}
		}
		return secrets, nil
	}
	if err != nil {
		return nil, unavailable(ctx, err)
	}
	return nil, refuse(truhook.NoKey, "there is no secret")
}
