// Package trulioo verifies and reads the webhooks of Trulioo.
//
//	key, err := hmacsig.NewKey("2026", os.Getenv("TRULIOO_WEBHOOK_SECRET"))
//	...
//	v, err := trulioo.New(hmacsig.StaticKeys(key), hmacsig.Config{})
//	...
//	verify := truhook.NewMiddleware(v, truhook.Config{})
//	mux.Handle("POST /webhooks/trulioo", verify.Wrap(trulioo.AnswerChallenge(handler)))
//
// Trulioo signs the payload exactly as sent with HMAC-SHA256 and sends "x-trulioo-signature:" and 64 hex digits without
// a prefix (Trulioo, "HMAC"). The secretValue belongs to an account and a webhook and has a window of validity:
// [ParseCredentials] reads it from the credentials endpoint.
//
// Every POST to the endpoint is taken to be signed, the handshake and the notices of ongoing monitoring included;
// Trulioo documents it for events only. No time is signed, so put package idempotency behind.
package trulioo

import (
	"github.com/truhook/truhook/hmacsig"
)

// Scheme returns how Trulioo signs. The letter case of the digits is not documented, and both are taken.
func Scheme() hmacsig.Scheme {
	return hmacsig.Scheme{Name: "trulioo", Header: "X-Trulioo-Signature"}
}

// New returns a verifier over the given keys: static ones, or a source that knows the current credentials. Errors are
// those of [hmacsig.New].
func New(keys hmacsig.KeySource, cfg hmacsig.Config) (*hmacsig.Verifier, error) {
	return hmacsig.New(Scheme(), keys, cfg)
}
