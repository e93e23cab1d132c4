package hmacsig

import (
	"crypto"
	"crypto/hmac"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Key is a secret that is ready for use: HMAC is keyed once, not on every delivery. It prints as its id under every
// verb, and the secret is not reachable by printing whatever holds a Key.
//
// The zero Key is rejected wherever keys are given. A Key may be copied and is safe for concurrent use. Keep it for as
// long as its secret lasts: a Key made anew on each delivery costs what it is there to save.
type Key struct {
	id   string
	open func() *secret // a func value, as fmt prints what pointers point to under a verb that does not fit

	// NotBefore and NotAfter are the first and the last instant at which the key is valid. A zero time leaves that side
	// open. The key is accepted from 30 s before NotBefore on, as clocks differ, and for the Grace of a [Config] after
	// NotAfter. A window that ends before it begins holds no instant. Set them before the key is given away.
	NotBefore, NotAfter time.Time
}

// NewKey returns the key whose bytes are those of secretText, exactly as they stand: nothing is trimmed or decoded.
// Where a provider hands out an encoded secret, as Standard Webhooks does with base64, [Scheme.NewKey] decodes it. id
// is a label of yours that proofs and metrics show; it must not be empty or secret.
//
// These are errors, and none of them repeats the secret: an empty secret; one that begins or ends with a line break
// or begins with a byte order mark, which is an accident of whatever wrote it; a public key (PEM, DER, JWK, OpenSSH),
// which is no secret; one that FIPS 140-3 mode rejects (GODEBUG=fips140=only: under 14 bytes); an id that
// looks like a secret, as the two were given the wrong way round. A key is valid for ever until NotBefore and NotAfter
// say otherwise.
func NewKey(id, secretText string) (Key, error) {
	return Scheme{}.NewKey(id, secretText)
}

func newKey(id string, secretBytes []byte) (Key, error) {
	if err := checkID(id, len(secretBytes)); err != nil {
		return Key{}, err
	}
	s := &secret{bytes: secretBytes}
	if err := s.probe(crypto.SHA256); err != nil {
		return Key{}, keyError(id, string(secretBytes), err)
	}
	return Key{id: strings.Clone(id), open: func() *secret { return s }}, nil
}

// keyError names the key, unless its id looks like the secret of it.
func keyError(id, text string, err error) error {
	if problem := checkID(id, len(strings.TrimSpace(text))); problem != nil {
		return problem
	}
	return fmt.Errorf("hmacsig: key %q: %w", id, err)
}

// NewKeys returns the keys of one secret and of those that are being rotated out, for providers that hand out secrets
// without ids. Their ids are "current", "previous-1", "previous-2" and so on. Errors are those of [NewKey].
func NewKeys(current string, previous ...string) ([]Key, error) {
	return newKeys(NewKey, current, previous)
}

func newKeys(make1 func(id, text string) (Key, error), current string, previous []string) ([]Key, error) {
	keys := make([]Key, 0, 1+len(previous))
	for i, secretText := range append([]string{current}, previous...) {
		id := "current"
		if i > 0 {
			id = fmt.Sprintf("previous-%d", i)
		}
		key, err := make1(id, secretText)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// ID returns the label that was given to NewKey. That of the zero Key is empty.
func (k Key) ID() string { return k.id }

// String returns the id.
func (k Key) String() string { return k.id }

// Format prints the id, whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.id) }

// LogValue returns the id.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.id) }

// MarshalText returns the id; JSON shows it too. There is no way back.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.id), nil }

// window is where an instant lies relative to the validity of a key.
type window uint8

const (
	inside window = iota
	before
	after
)

// leeway is how much earlier than NotBefore a key is accepted: a provider's clock may be ahead of ours.
const leeway = 30 * time.Second

// at uses NotBefore <= now <= NotAfter.
func (k *Key) at(now time.Time, grace time.Duration) window {
	switch {
	case !k.NotBefore.IsZero() && now.Before(k.NotBefore.Add(-leeway)):
		return before
	case k.NotAfter.IsZero():
		return inside
	case now.After(k.NotAfter.Add(grace)), k.NotAfter.Before(k.NotBefore):
		return after
	}
	return inside
}

// secret holds the key bytes and, for each hash in use, HMACs that are keyed already.
type secret struct {
	bytes []byte
	pools [4]sync.Pool
}

// mac is one keyed HMAC and the room it works in.
type mac struct {
	hash.Hash
	sum  [64]byte
	text []byte // ids and timestamps, as hash.Hash takes bytes only
}

func (s *secret) pool(h crypto.Hash) *sync.Pool {
	switch h {
	case crypto.SHA1:
		return &s.pools[0]
	case crypto.SHA384:
		return &s.pools[1]
	case crypto.SHA512:
		return &s.pools[2]
	}
	return &s.pools[3]
}

// get returns an HMAC that nothing was written to. Give it back by put.
func (s *secret) get(h crypto.Hash) *mac {
	if m, ok := s.pool(h).Get().(*mac); ok {
		return m
	}
	m := &mac{Hash: hmac.New(h.New, s.bytes)}
	m.Reset() // saves the keyed state, so that later resets cost nothing
	return m
}

func (s *secret) put(h crypto.Hash, m *mac) {
	clear(m.sum[:])
	m.Reset()
	s.pool(h).Put(m)
}

// probe finds out now whether HMAC panics with this key and hash, as it does in FIPS mode.
func (s *secret) probe(h crypto.Hash) (err error) {
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("a secret of %d bytes with %v is not allowed in FIPS 140-3 mode", len(s.bytes), h)
		}
	}()
	s.put(h, s.get(h))
	return nil
}
