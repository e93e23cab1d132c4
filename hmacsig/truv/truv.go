// Package truv verifies and reads the webhooks of Truv.
//
//	v, err := truv.New(os.Getenv("TRUV_ACCESS_SECRET"))
//	...
//	verify := truhook.NewMiddleware(v, truhook.Config{})
//	mux.Handle("POST /webhooks/truv", verify.Wrap(handler))
//
// Truv signs the raw body with HMAC-SHA256 and sends "X-WEBHOOK-SIGN: v1=" and 64 hex digits (Truv, "Webhook Security").
// No time is signed: a captured delivery verifies for as long as the secret lives, so put package idempotency behind.
// Truv retries whatever is not 2xx or 3xx, a 401 included, three times and 30 s apart.
package truv

import (
	"fmt"

	"github.com/truhook/truhook/hmacsig"
)

// Scheme returns how Truv signs. The letter case of the digits is not documented; every sample of Truv's prints lower
// case, and both are taken.
func Scheme() hmacsig.Scheme {
	return hmacsig.Scheme{Name: "truv", Header: "X-Webhook-Sign", Prefix: "v1="}
}

// New returns a verifier for the Access Secret of one environment: the value of the API's X-Access-Secret header, with
// its prefix "sandbox-", "dev-" or "prod-". An empty secret, also among the previous ones, is an error.
//
// Truv allows two active secrets and does not document which of them signs, nor whether transactions that were pending
// when a secret was deleted go on with it: give every secret that may still be in use as previous. Their key ids are
// "current", "previous-1", "previous-2" and so on. For windows of validity, or ids of your own, give
// [hmacsig.New] this package's Scheme.
func New(secret string, previous ...string) (*hmacsig.Verifier, error) {
	keys, err := hmacsig.NewKeys(secret, previous...)
	if err != nil {
		return nil, fmt.Errorf("truv: %w", err)
	}
	return hmacsig.New(Scheme(), hmacsig.StaticKeys(keys...), hmacsig.Config{})
}
