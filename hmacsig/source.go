package hmacsig

import (
	"context"
	"errors"

	"github.com/truhook/truhook"
)

// Query is what a [KeySource] is asked with.
type Query struct {
	// Delivery is the delivery to verify. Nothing in it is proven: choose keys by the path or the query that you
	// registered with the provider, never by the body.
	Delivery *truhook.Delivery

	// Missed reports that none of the keys that the source just gave fits. Fetch anew if your own rate limit allows,
	// or return the very same slice, which ends the search: anybody can cause a miss.
	Missed bool
}

// A KeySource provides the keys that a delivery may be signed with.
//
// Keys returns all that come into question, expired ones included where they should be told apart from wrong ones;
// the slice is read-only for both sides from then on. At most 16 keys are tried. No keys and no error is
// [truhook.NoKey], 503: a Truval callback can overtake the transaction that stores its secret. An error that carries
// a [truhook.Reason] keeps it, and any other is [truhook.KeysUnavailable]. A source that has failed since its last
// good answer returns its keys as long as they serve, and [truhook.KeysStale] when Missed is set: it cannot tell
// whether there is another key. The operator's log has the text of the error, so it must hold neither a secret nor
// anything of the delivery.
//
// Keys must be safe for concurrent use and must end when ctx does. It is asked before anything is proven, so it must
// not let a stranger cause outbound calls.
type KeySource interface {
	Keys(ctx context.Context, q Query) ([]Key, error)
}

// KeySourceFunc is a [KeySource] made of a function. A nil one has no keys.
type KeySourceFunc func(ctx context.Context, q Query) ([]Key, error)

// Keys calls f.
func (f KeySourceFunc) Keys(ctx context.Context, q Query) ([]Key, error) {
	if f == nil {
		return nil, nil
	}
	return f(ctx, q)
}

// StaticKeys returns a source that always gives these keys. List the current one first and those that are being rotated
// out behind it. With no keys, more than 16, a zero Key or two of one id, [New] returns an error.
func StaticKeys(keys ...Key) KeySource {
	return staticKeys(append([]Key(nil), keys...))
}

type staticKeys []Key

func (s staticKeys) Keys(context.Context, Query) ([]Key, error) { return s, nil }

// maxKeys bounds the work that one delivery can cause.
const maxKeys = 16

func (s staticKeys) check() error {
	if len(s) == 0 {
		return errors.New("no keys")
	}
	return checkKeys(s)
}

var errTooManyKeys = errors.New("more than 16 keys")
