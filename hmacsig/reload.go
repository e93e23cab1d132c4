package hmacsig

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/truhook/truhook/internal/secrettext"
)

// ReloadableKeys is a [KeySource] whose keys are replaced while the service runs, for whoever is told of a rotation:
// by a signal, by a configuration service, by an administrator. It is safe for concurrent use. A nil or zero
// ReloadableKeys has no keys, so that deliveries are refused with NoKey.
type ReloadableKeys struct {
	keys atomic.Pointer[[]Key]
}

// NewReloadableKeys returns a source that gives these keys until Set replaces them. Errors are those of
// [ReloadableKeys.Set].
func NewReloadableKeys(keys ...Key) (*ReloadableKeys, error) {
	r := &ReloadableKeys{}
	if err := r.Set(keys...); err != nil {
		return nil, err
	}
	return r, nil
}

// Set replaces all keys at once: a delivery is verified with the old ones or with the new ones, never with some of
// both. A key that is not among them is refused from then on, without grace; keep the one that is being rotated out
// in the list, with a NotAfter, for as long as it may still be used. No keys, more than 16, a zero Key and two of
// one id are errors, and leave the keys as they were.
func (r *ReloadableKeys) Set(keys ...Key) error {
	if len(keys) == 0 {
		return errors.New("hmacsig: no keys; those in use stay")
	}
	if err := checkKeys(keys); err != nil {
		return fmt.Errorf("hmacsig: %w; the keys in use stay", err)
	}
	fresh := append([]Key(nil), keys...)
	if old := r.keys.Load(); old != nil {
		fresh = reuse(*old, fresh)
	}
	r.keys.Store(&fresh)
	return nil
}

// Keys implements [KeySource]. It returns no error.
func (r *ReloadableKeys) Keys(context.Context, Query) ([]Key, error) {
	if r == nil {
		return nil, nil
	}
	if keys := r.keys.Load(); keys != nil {
		return *keys, nil
	}
	return nil, nil
}

// EnvKeys returns a source of the keys whose secrets stand in environment variables, the current one first. Each key
// has the name of its variable as id. The variables are read once, as an environment does not change from outside.
//
// A variable that is not set or empty is an error, also where another one is set: a rotation of which one half is
// missing should be seen at start. So are no names, more than 16, a name given twice, and whatever [NewKey] rejects.
// Nothing is trimmed. Where the provider's secrets are encoded, [Scheme.EnvKeys] decodes them.
func EnvKeys(names ...string) (KeySource, error) { return Scheme{}.EnvKeys(names...) }

// EnvKeys is the function [EnvKeys] for secrets that are written as KeyText describes.
func (s Scheme) EnvKeys(names ...string) (KeySource, error) {
	if len(names) == 0 {
		return nil, errors.New("hmacsig: EnvKeys: no variable is named")
	}
	keys := make([]Key, 0, len(names))
	for _, name := range names {
		value, set := os.LookupEnv(name)
		switch {
		case name == "":
			return nil, errors.New("hmacsig: EnvKeys: a variable without a name")
		case !set && secrettext.LooksSecret(name):
			return nil, errors.New("hmacsig: EnvKeys: what is given looks like a secret: give the name of the variable that holds it")
		case !set:
			return nil, fmt.Errorf("hmacsig: environment variable %s is not set", name)
		}
		key, err := s.NewKey(name, value)
		if err != nil {
			return nil, fmt.Errorf("%w (the value of an environment variable)", err)
		}
		keys = append(keys, key)
	}
	if err := checkKeys(keys); err != nil {
		return nil, fmt.Errorf("hmacsig: EnvKeys: %w", err)
	}
	return StaticKeys(keys...), nil
}

// checkKeys refuses what no delivery could be verified with.
func checkKeys(keys []Key) error {
	if len(keys) > maxKeys {
		return errTooManyKeys
	}
	ids := map[string]bool{}
	for i := range keys {
		switch {
		case keys[i].open == nil:
			return errors.New("a zero Key")
		case ids[keys[i].id]:
			return fmt.Errorf("two keys with the id %q", keys[i].id)
		}
		ids[keys[i].id] = true
	}
	return nil
}

// reuse returns fresh with the secrets of old where they are equal, as those are keyed already; old itself if nothing
// has changed at all, so that a Verifier sees that asking again was in vain.
func reuse(old, fresh []Key) []Key {
	unchanged := len(old) == len(fresh)
	for i := range fresh {
		for j := range old {
			if sameSecret(&old[j], &fresh[i]) {
				fresh[i].open = old[j].open
				break
			}
		}
		unchanged = unchanged && sameKey(&old[i], &fresh[i])
	}
	if unchanged && len(old) > 0 {
		return old
	}
	return fresh
}

func sameKey(a, b *Key) bool {
	return sameSecret(a, b) && a.NotBefore.Equal(b.NotBefore) && a.NotAfter.Equal(b.NotAfter)
}

func sameSecret(a, b *Key) bool {
	if a.open == nil || b.open == nil {
		return false
	}
	return a.id == b.id && hmac.Equal(a.open().bytes, b.open().bytes)
}
