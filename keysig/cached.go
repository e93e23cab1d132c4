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
	"strings"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
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

// NewJWKSKeys returns a source of the keys of a JWK Set (RFC 7517) at an https URL. Entries that cannot verify, are
// meant for encryption, or share id and type with another are left out and reported. A nil client is a plain one.
func NewJWKSKeys(url string, client *http.Client, cfg hmacsig.CacheConfig) (*CachedKeys, error) {
	if err := fetch.CheckURL(url); err != nil {
		return nil, fmt.Errorf("keysig: %w", err)
	}
	client = fetch.Client(client)
	now := nowOf(cfg)
	shared := configOf(cfg)
	shared.Retain, shared.SameKey, shared.Retire = cfg.Retain, sameKey, retire
	shared.Fetch = func(ctx context.Context, _ string) ([]Key, error) {
		r, err := fetch.Get(ctx, client, url, 0)
		if err == nil {
			err = r.OK(now())
		}
		if err != nil {
			return nil, err
		}
		return parseJWKS(r.Body)
	}
	return newCached(shared)
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
	now := cfg.Now
	if now == nil {
		now = time.Now
	}
	return &CachedKeys{folder: f, now: now}, nil
}

func configOf(cfg hmacsig.CacheConfig) keycache.Config[Key] {
	return keycache.Config[Key]{
		Package: "keysig", Vet: vet, Merge: merge, NotAfter: func(k Key) time.Time { return k.NotAfter },
		TTL: cfg.TTL, MinInterval: cfg.MinInterval, Timeout: cfg.Timeout, Wait: cfg.Wait, MaxStale: cfg.MaxStale,
		MaxWaiters: cfg.MaxWaiters, OnError: cfg.OnError, Logger: cfg.Logger, Now: cfg.Now,
	}
}

func nowOf(cfg hmacsig.CacheConfig) func() time.Time {
	if cfg.Now == nil {
		return time.Now
	}
	return cfg.Now
}

func newCached(cfg keycache.Config[Key]) (*CachedKeys, error) {
	cache, err := keycache.New(cfg)
	if err != nil {
		return nil, err
	}
	now := cfg.Now
	if now == nil {
		now = time.Now
	}
	return &CachedKeys{cache: cache, now: now}, nil
}

// vet copies what was fetched and leaves out what cannot verify.
func vet(id string, keys []Key) ([]Key, error) {
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
		good = append(good, k)
	}
	if len(good) > maxKeys {
		return nil, errTooManyKeys
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
		if !sameKey(old[i], fresh[i]) || !old[i].NotBefore.Equal(fresh[i].NotBefore) || !old[i].NotAfter.Equal(fresh[i].NotAfter) {
			return fresh
		}
	}
	return old
}

func sameKey(a, b Key) bool {
	if a.ID != b.ID {
		return false
	}
	switch k := a.Public.(type) {
	case ed25519.PublicKey:
		return k.Equal(b.Public)
	case *ecdsa.PublicKey:
		return k.Equal(b.Public)
	case *rsa.PublicKey:
		return k.Equal(b.Public)
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
		if q.Missed && state.Problem != nil {
			return nil, &truhook.Error{Reason: truhook.KeysStale, Err: state.Problem}
		}
		return state.Entries, nil
	case c != nil && c.cache != nil:
		return c.cache.Get(ctx, q.KeyID, q.Missed)
	}
	return nil, nil
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
