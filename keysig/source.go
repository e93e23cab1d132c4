package keysig

import (
	"context"
	"errors"
	"slices"

	"github.com/truhook/truhook"
)

// Query is what a [KeySource] is asked with. Nothing in it is proven.
type Query struct {
	KeyID    string            // what the header Scheme.KeyID says; empty where the scheme has none
	Delivery *truhook.Delivery // to choose by path or query, never by the body
	Missed   bool              // none of the keys just given fits: fetch anew if your own limit allows, or return the same slice
}

// A KeySource provides the keys that a delivery may be signed with. Keys of other ids than KeyID are passed over. No
// keys and no error means that there is none of that id: UnknownKey, 401; or NoKey, 503, where the scheme names no key.
// An error that carries a [truhook.Reason] keeps it, any other is KeysUnavailable. At most 16 keys are tried. Keys must
// be safe for concurrent use, must end when ctx does, and must not let a stranger cause outbound calls. The operator's
// log has the text of the error, so it must hold neither a secret nor anything of the delivery.
type KeySource interface {
	Keys(ctx context.Context, q Query) ([]Key, error)
}

// StaticKeys returns a source that always gives these keys. With no keys, more than 16, or one that the scheme cannot
// use, [New] returns an error.
func StaticKeys(keys ...Key) KeySource {
	own := make(staticKeys, len(keys))
	for i, k := range keys {
		own[i] = k.clone()
	}
	return own
}

type staticKeys []Key

func (s staticKeys) Keys(context.Context, Query) ([]Key, error) { return s, nil }

// maxKeys bounds the work that one delivery can cause.
const maxKeys = 16

var errTooManyKeys = errors.New("more than 16 keys")

func (a Algorithm) checkAll(keys []Key) error {
	if len(keys) == 0 {
		return errors.New("no keys")
	}
	if len(keys) > maxKeys {
		return errTooManyKeys
	}
	for i := range keys {
		if err := a.check(&keys[i]); err != nil {
			return err
		}
		if keys[i].ID == "" {
			return errors.New("a key has no id")
		}
		if slices.ContainsFunc(keys[:i], func(k Key) bool { return k.ID == keys[i].ID }) {
			return errors.New("two keys have one id")
		}
	}
	return nil
}
