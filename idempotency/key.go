package idempotency

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/truhook/truhook/internal/dedupe"
)

// MaxKeyBytes is the longest Scope, and the longest ID, that a [Store] has to keep.
const MaxKeyBytes = 255

// A Key names one event: whose it is, and which. Two keys are the same if both fields are, byte for byte; what joins
// the two fields into one string must not let ("a", "bc") meet ("ab", "c"). Make one with [NewKey].
type Key struct {
	// Scope separates providers, environments, endpoints and tenants, for example "truv/prod". It comes from your
	// configuration, never from the wire.
	Scope string

	// ID is the provider's id of the event, out of verified bytes.
	ID string
}

// hashed marks an ID that stands for one that a store could not keep as it is.
const hashed = "sha256:"

// NewKey returns the key for id in scope.
//
// An id that is longer than [MaxKeyBytes], not UTF-8, or holds a NUL (the text of PostgreSQL cannot) is replaced by its
// SHA-256, never cut: no two ids become one. An empty scope or id, and a scope that is too long, not UTF-8, or holds a
// NUL are errors.
func NewKey(scope, id string) (Key, error) {
	switch {
	case scope == "":
		return Key{}, errors.New("idempotency: the scope is empty")
	case len(scope) > MaxKeyBytes || !utf8.ValidString(scope) || strings.IndexByte(scope, 0) >= 0:
		return Key{}, fmt.Errorf("idempotency: the scope is longer than %d bytes, not UTF-8, or holds a NUL", MaxKeyBytes)
	case id == "":
		return Key{}, dedupe.Words("idempotency: the id is empty")
	}
	// An id that looks like a hash is hashed too, or it could be chosen to meet another one.
	if len(id) > MaxKeyBytes || strings.HasPrefix(id, hashed) || !utf8.ValidString(id) || strings.IndexByte(id, 0) >= 0 {
		sum := sha256.Sum256([]byte(id))
		id = hashed + hex.EncodeToString(sum[:])
	}
	return Key{Scope: scope, ID: id}, nil
}

// IdempotencyKey returns 32 hex digits that are the same for every delivery of the event and differ between events: a
// value to pass on as the Idempotency-Key of the APIs that a handler calls. It is a hash and tells neither field.
func (k Key) IdempotencyKey() string {
	sum := k.sum('i')
	return hex.EncodeToString(sum[:])
}

// sum returns the first half of SHA-256 over what the hash is for, the length of the scope, the scope and the id.
func (k Key) sum(use byte) (out [16]byte) {
	var space [2 * (MaxKeyBytes + 9)]byte // on the stack, so that a claim does not allocate
	b := append(space[:0], use, byte(len(k.Scope)), byte(len(k.Scope)>>8), byte(len(k.Scope)>>16), byte(len(k.Scope)>>24))
	b = append(b, k.Scope...)
	b = append(b, k.ID...)
	full := sha256.Sum256(b)
	copy(out[:], full[:])
	return out
}

// A Token shows who owns a record. It is random, made once a delivery, and the same on every repetition of a call to
// the store.
type Token [16]byte

// NewToken returns a new random token.
func NewToken() (t Token) {
	_, _ = rand.Read(t[:]) // crypto/rand.Read never returns an error
	return t
}

// A Fingerprint is the first half of SHA-256 over what makes two deliveries of one event equal. The zero Fingerprint
// is compared with nothing.
type Fingerprint [16]byte

// NewFingerprint returns the fingerprint of content.
func NewFingerprint(content []byte) (f Fingerprint) {
	sum := sha256.Sum256(content)
	copy(f[:], sum[:])
	return f
}
