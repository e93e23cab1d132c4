package hmacsig

import (
	"crypto"
	"crypto/hmac"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"sync"
	"time"
)

// Key is a secret that is ready for use: HMAC is keyed once, not on every delivery. It prints as its id under every
// verb, and the secret is not reachable by printing whatever holds a Key.
//
// The zero Key is refused wherever keys are given. A Key may be copied and is safe for concurrent use. Keep it for as
// long as its secret lasts: a Key made anew on each delivery costs what it is there to save.
type Key struct {
	id                  string
	open                func() *secret // a func value, as fmt prints what pointers point to under a verb that does not fit
	notBefore, notAfter time.Time
}

// NewKey returns the key whose bytes are those of secret, exactly as they stand: nothing is trimmed or decoded. Where a
// provider hands out an encoded secret, as Standard Webhooks does with base64, decode it first. id is a label of yours
// that proofs and metrics show; it must not be empty or secret.
//
// An empty secret is an error, as is one that FIPS 140-3 mode refuses (GODEBUG=fips140=only: under 14 bytes). A key is
// valid for ever until [Key.Between] says otherwise.
func NewKey(id, secretText string) (Key, error) {
	switch {
	case id == "":
		return Key{}, errors.New("hmacsig: a key has no id")
	case secretText == "":
		return Key{}, fmt.Errorf("hmacsig: key %q: the secret is empty", id)
	}
	for _, r := range id {
		if r < ' ' || r == 0x7f {
			return Key{}, errors.New("hmacsig: the id of a key holds a control character")
		}
	}
	s := &secret{bytes: []byte(secretText)}
	if err := s.probe(crypto.SHA256); err != nil {
		return Key{}, fmt.Errorf("hmacsig: key %q: %w", id, err)
	}
	return Key{id: id, open: func() *secret { return s }}, nil
}

// NewKeys returns the keys of one secret and of those that are being rotated out, for providers that hand out secrets
// without ids. Their ids are "current", "previous-1", "previous-2" and so on. Errors are those of [NewKey].
func NewKeys(current string, previous ...string) ([]Key, error) {
	keys := make([]Key, 0, 1+len(previous))
	for i, secretText := range append([]string{current}, previous...) {
		id := "current"
		if i > 0 {
			id = fmt.Sprintf("previous-%d", i)
		}
		key, err := NewKey(id, secretText)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// Between returns a copy of k that is valid from notBefore on and until before notAfter. A zero time leaves that side
// open. Whatever it was before does not count. A window that ends before it begins holds no instant, whatever the Grace.
func (k Key) Between(notBefore, notAfter time.Time) Key {
	k.notBefore, k.notAfter = notBefore, notAfter
	return k
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

// at uses start <= now < end; where a provider does not say which bounds are inclusive, this is the stricter reading.
func (k *Key) at(now time.Time, grace time.Duration) window {
	switch {
	case !k.notBefore.IsZero() && now.Before(k.notBefore):
		return before
	case k.notAfter.IsZero():
		return inside
	case !now.Before(k.notAfter.Add(grace)), !k.notBefore.Before(k.notAfter):
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
