package keysig

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/internal/clock"
	"github.com/truhook/truhook/internal/fetch"
	"github.com/truhook/truhook/internal/folder"
	"github.com/truhook/truhook/internal/keycache"
)

// CachedKeys is a [KeySource] that remembers what was fetched or read. One of the functions of this package makes it.
// It is safe for concurrent use and must not be copied. A nil or zero CachedKeys has no keys: deliveries are rejected.
//
// It fetches when the first delivery comes, or in Refresh or Prefetch before that; at most once every MinInterval,
// whatever strangers send. While fetches fail the last good answer serves for MaxStale, and cannot say that a key is
// unknown: that is KeysStale, 503. There is no goroutine but during a fetch.
type CachedKeys struct {
	cache  *keycache.Cache[Key]
	folder *folder.Folder[Key]
	now    func() time.Time
	set    bool // of more keys than one delivery is tried with
	byID   bool
}

// NewCachedKeys returns a source of all keys that fetch returns, for providers that list them. fetch gets a context of
// its own that ends after cfg.Timeout. No keys and more than 16 are a failed fetch. A key that cannot verify is left
// out and reported to cfg.OnError. A nil fetch and limits below zero are errors.
func NewCachedKeys(fetch func(ctx context.Context) ([]Key, error), cfg hmacsig.CacheConfig) (*CachedKeys, error) {
	shared := configOf(cfg)
	if fetch != nil {
		shared.Fetch = func(ctx context.Context, _ string) ([]Key, error) { return fetch(ctx) }
	}
	shared.Retain, shared.SameKey, shared.Retire = cfg.Retain, sameKey, retire
	shared.MaxKeys = maxKeys // those that are retained too: a Verifier refuses every delivery for one more
	return newCached(shared)
}

// NewCachedKeysByID returns a source that fetches the key of one id at a time, for providers whose deliveries name it
// (Scheme.KeyID). No keys and no error mean that there is no such id. An id comes from strangers: fetch must not make a
// path or a query of it that says more than an id. Give the ids that are known to Prefetch at start. Retain does not
// serve here.
func NewCachedKeysByID(fetch func(ctx context.Context, keyID string) ([]Key, error), cfg hmacsig.CacheConfig) (*CachedKeys, error) {
	shared := configOf(cfg)
	shared.ByID = true
	if fetch != nil {
		shared.Fetch = fetch
	}
	return newCached(shared)
}

// NewJWKSKeys returns a source of the keys of a JWK Set (RFC 7517) at an https URL. A nil client is a plain one.
//
// An odd entry costs that entry only, and is reported: one that cannot verify, holds a private key, or is the public
// half of one that does. Entries for encryption are passed over, and a key that is there several times is one key.
// Different keys of one id, type and use between which no alg decides are both left out; those without a use are each
// tried.
//
// A set of more than 1024 entries, of more than 64 keys that can verify, and of none is a failed fetch. Where the
// delivery names its key (Scheme.KeyID), at most 16 keys of that id are tried; where it names none, the first 16 of the
// set are, and a delivery that fits none of them is KeysStale, 503, as one of the others may fit.
func NewJWKSKeys(url string, client *http.Client, cfg hmacsig.CacheConfig) (*CachedKeys, error) {
	if err := fetch.CheckURL(url); err != nil {
		return nil, fmt.Errorf("keysig: %w", err)
	}
	client = fetch.Client(client)
	shared := configOf(cfg)
	shared.Retain, shared.SameKey, shared.Retire = cfg.Retain, sameKey, retire
	shared.Vet = func(_ string, keys []Key) ([]Key, error) { return vetAtMost(maxSetKeys, "", keys) }
	shared.Fetch = func(ctx context.Context, _ string) ([]Key, error) {
		r, err := fetch.Get(ctx, client, url, 0)
		if err == nil {
			err = r.OK(shared.Now())
		}
		if err != nil {
			return nil, err
		}
		return parseJWKS(r.Body)
	}
	c, err := newCached(shared)
	if err != nil {
		return nil, err
	}
	c.set = true
	return c, nil
}

// NewFileKeys returns a source of the keys in a file, or in the files of a folder, written as s says ([Scheme.NewKey]):
// the name of a file, less ".pem", is the id of its key. Files are looked at every cfg.Interval at the most. One that
// cannot be read keeps its last good key and is reported; rules and limits are those of hmacsig.NewFileKeys.
// cfg.TrimNewline is not needed: a line break at the end of a public key is none of it.
func NewFileKeys(path string, s Scheme, cfg hmacsig.FileConfig) (*CachedKeys, error) {
	f, err := folder.Open(path, folder.Config[Key]{
		Package: "keysig", MaxFiles: maxKeys, MaxBytes: maxKeyText,
		Interval: cfg.Interval, OnError: cfg.OnError, Logger: cfg.Logger, Now: cfg.Now,
		Parse: func(name string, content []byte) (Key, error) {
			return s.NewKey(strings.TrimSuffix(name, ".pem"), strings.TrimRight(string(content), "\r\n"))
		},
		Same: sameKey,
	})
	if err != nil {
		return nil, err
	}
	return &CachedKeys{folder: f, now: clock.Guard("keysig", cfg.Now, nil)}, nil // f reports the panics of Now
}

// configOf returns the config of a cache whose clock does not panic.
func configOf(cfg hmacsig.CacheConfig) keycache.Config[Key] {
	now := clock.Guard("keysig", cfg.Now, clock.Report(cfg.Logger, cfg.OnError))
	return keycache.Config[Key]{
		Package: "keysig", Vet: vet, Merge: merge, NotAfter: func(k Key) time.Time { return k.NotAfter },
		TTL: cfg.TTL, MinInterval: cfg.MinInterval, Timeout: cfg.Timeout, Wait: cfg.Wait, MaxStale: cfg.MaxStale,
		MaxWaiters: cfg.MaxWaiters, OnError: cfg.OnError, Logger: cfg.Logger, Now: now,
	}
}

func newCached(cfg keycache.Config[Key]) (*CachedKeys, error) {
	cache, err := keycache.New(cfg)
	if err != nil {
		return nil, err
	}
	return &CachedKeys{cache: cache, now: cfg.Now, byID: cfg.ByID}, nil
}

// vet copies what was fetched and leaves out what cannot verify.
func vet(id string, keys []Key) ([]Key, error) { return vetAtMost(maxKeys, id, keys) }

func vetAtMost(most int, id string, keys []Key) ([]Key, error) {
	good := make([]Key, 0, len(keys))
	var dropped []error
	for _, k := range keys {
		k = k.clone()
		if k.ID == "" {
			k.ID = strings.Clone(id)
		}
		if err := algorithmOf(k.Public).checkPublic(k.Public); err != nil {
			dropped = append(dropped, fmt.Errorf("keysig: key %q: %w", printableID(k.ID), err))
			continue
		}
		if !slices.ContainsFunc(good, k.equal) { // a key that is there twice is one key
			good = append(good, k)
		}
	}
	if len(good) > most {
		return nil, fmt.Errorf("keysig: the source gave more than %d keys", most)
	}
	return good, keycache.Drop(dropped...)
}

// algorithmOf returns an algorithm that a key of that type can serve.
func algorithmOf(public crypto.PublicKey) Algorithm {
	switch public.(type) {
	case *ecdsa.PublicKey:
		return ECDSA
	case *rsa.PublicKey:
		return RSAPKCS1v15
	}
	return Ed25519
}

// merge returns old, the same slice, if fresh brings nothing new.
func merge(old, fresh []Key) []Key {
	if len(old) != len(fresh) {
		return fresh
	}
	for i := range old {
		if !old[i].equal(fresh[i]) {
			return fresh
		}
	}
	return old
}

// equal reports whether two keys have one id, one public key and one validity.
func (k Key) equal(other Key) bool {
	return sameKey(k, other) && k.NotBefore.Equal(other.NotBefore) && k.NotAfter.Equal(other.NotAfter)
}

func sameKey(a, b Key) bool { return a.ID == b.ID && samePublic(a.Public, b.Public) }

func samePublic(a, b crypto.PublicKey) bool {
	switch k := a.(type) {
	case ed25519.PublicKey:
		return k.Equal(b)
	case *ecdsa.PublicKey:
		return k.Equal(b)
	case *rsa.PublicKey:
		return k.Equal(b)
	}
	return false
}

func retire(k Key, at time.Time) Key {
	if last := at.Add(-1); k.NotAfter.IsZero() || k.NotAfter.After(last) {
		k.NotAfter = last
	}
	return k
}

// Keys implements [KeySource]. The same slice comes back until something changes. Errors are KeysUnavailable,
// KeysStale, and Canceled if ctx ended during a wait.
func (c *CachedKeys) Keys(ctx context.Context, q Query) ([]Key, error) {
	switch {
	case c != nil && c.folder != nil:
		state := c.folder.State(q.Missed)
		if doubt := state.Doubt(); q.Missed && doubt != nil {
			return nil, &truhook.Error{Reason: truhook.KeysStale, Err: doubt}
		}
		return state.Entries, nil
	case c != nil && c.cache != nil:
		keys, err := c.cache.Get(ctx, q.KeyID, q.Missed)
		if err != nil || !c.set {
			return keys, err
		}
		return few(keys, q)
	}
	return nil, nil
}

// few returns those keys of a set that one delivery is tried with, the same slice each time.
func few(keys []Key, q Query) ([]Key, error) {
	if len(keys) > maxKeys && q.KeyID != "" {
		keys = ofID(keys, q.KeyID)
	}
	if len(keys) <= maxKeys {
		return keys, nil
	}
	if q.Missed {
		return nil, &truhook.Error{Reason: truhook.KeysStale, Err: errTooManyKeys}
	}
	return keys[:maxKeys:maxKeys], nil
}

var errNoCache = errors.New("keysig: a CachedKeys that no function of this package made")

// Refresh fetches or reads now and returns what it failed of. Call it at start, so that the first delivery does not
// wait; never on behalf of a stranger.
func (c *CachedKeys) Refresh(ctx context.Context) error {
	switch {
	case c != nil && c.folder != nil:
		return c.folder.Refresh(ctx)
	case c != nil && c.cache != nil:
		return c.cache.Refresh(ctx)
	}
	return errNoCache
}

// Prefetch fetches the keys of ids that are known at start, so that strangers who name other ids cannot keep them from
// being fetched. A source that does not go by id is refreshed.
func (c *CachedKeys) Prefetch(ctx context.Context, keyIDs ...string) error {
	if c != nil && c.cache != nil {
		return c.cache.Prefetch(ctx, keyIDs...)
	}
	return c.Refresh(ctx)
}

// Run keeps the answer fresh where deliveries are few, until ctx ends, and returns its error.
func (c *CachedKeys) Run(ctx context.Context) error {
	switch {
	case c != nil && c.folder != nil:
		return c.folder.Run(ctx)
	case c != nil && c.cache != nil:
		return c.cache.Run(ctx)
	}
	return errNoCache
}
