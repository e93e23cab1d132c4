package hmacsig

import (
	"crypto"
	"crypto/hmac"
	"hash"
	"strings"

	"github.com/truhook/truhook/internal/explain"
	"github.com/truhook/truhook/internal/probe"
	"github.com/truhook/truhook/internal/secrettext"
)

// keyTry is a key that may have signed, and how it differs from one that is given.
type keyTry struct {
	secret  []byte
	changes []explain.Change
	weak    bool // anybody can know it
	macs    map[crypto.Hash]hash.Hash
}

func newKeyTry(secret []byte, changes ...explain.Change) keyTry {
	return keyTry{secret: secret, changes: changes, weak: secrettext.Weak(secret), macs: map[crypto.Hash]hash.Hash{}}
}

// keyed returns an HMAC that nothing was written to, nil where FIPS mode refuses the key or the hash.
func (k *keyTry) keyed(h crypto.Hash) hash.Hash {
	m, known := k.macs[h]
	if !known {
		if len(k.secret) > 0 && (&secret{bytes: k.secret}).probe(h) == nil {
			m = hmac.New(h.New, k.secret)
		}
		k.macs[h] = m
	}
	if m == nil {
		return nil
	}
	if fresh := probe.Clone(m); fresh != nil {
		return fresh
	}
	return hmac.New(h.New, k.secret)
}

// keyVariants returns the ways in which the secrets of keys may be written elsewhere, and the labels.
func keyVariants(keys []Key, t KeyText) []keyTry {
	var out []keyTry
	known := map[string]bool{}
	for i := range keys {
		known[string(keys[i].open().bytes)] = true
	}
	for i := range keys {
		k := &keys[i]
		writings := secrettext.Writings(string(k.open().bytes))
		for _, prefix := range strings.Fields(t.Kept) {
			writings = append(writings, secrettext.Prefixed(prefix, strings.TrimSpace(string(k.open().bytes))))
		}
		for _, w := range writings {
			if !known[w.Text] {
				known[w.Text] = true
				out = append(out, newKeyTry([]byte(w.Text), explain.BecauseOfKey(w, k.id)))
			}
		}
		if k.id != "" && !known[k.id] {
			known[k.id] = true
			label := newKeyTry([]byte(k.id), explain.Because(explain.KeyIDAsSecret, k.id))
			label.weak = true // it is no secret
			out = append(out, label)
		}
	}
	return out
}
