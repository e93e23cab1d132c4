// Package truv verifies and reads the webhooks of Truv.
//
//	v, err := truv.New(os.Getenv("TRUV_ACCESS_SECRET"))
//	...
//	verify := truhook.NewMiddleware(v, truhook.Config{})
//	mux.Handle("POST /webhooks/truv", verify.Wrap(handler))
//
// Truv signs the raw body with HMAC-SHA256 and sends "X-WEBHOOK-SIGN: v1=" and 64 hex digits (Truv, "Webhook
// Security"). No time is signed: a captured delivery verifies for as long as the secret lives, so put package
// idempotency behind. Truv retries whatever is not 2xx or 3xx, a 401 included, three times and 30 s apart.
package truv

import (
	"fmt"
	"net/netip"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
)

// Scheme returns how Truv signs. The letter case of the digits is not documented; every sample of Truv's prints lower
// case, and both are taken. The prefix of a secret names its environment and is part of the key.
func Scheme() hmacsig.Scheme {
	return hmacsig.Scheme{
		Name: "truv", Header: "X-Webhook-Sign", Prefix: "v1=", KeyText: hmacsig.KeyText{Kept: "sandbox- dev- prod-"},
	}
}

// New returns a verifier for the Access Secret of one environment: the value of the API's X-Access-Secret header, with
// its prefix "sandbox-", "dev-" or "prod-". An empty secret, also among the previous ones, is an error.
//
// Truv allows two active secrets and does not document which of them signs, nor whether transactions that were pending
// when a secret was deleted go on with it: give every secret that may still be in use as previous. Their key ids are
// "current", "previous-1", "previous-2" and so on. For windows of validity, or ids of your own, give
// [hmacsig.New] this package's Scheme.
func New(secret string, previous ...string) (*Verifier, error) {
	keys, err := Scheme().NewKeys(secret, previous...)
	if err != nil {
		return nil, fmt.Errorf("truv: %w", err)
	}
	v, err := hmacsig.New(Scheme(), hmacsig.StaticKeys(keys...), hmacsig.Config{})
	if err != nil {
		return nil, fmt.Errorf("truv: %w", err)
	}
	return &Verifier{v}, nil
}

// A Verifier is a [hmacsig.Verifier] that knows Truv's addresses too. It is made by [New]; the zero Verifier rejects
// everything with truhook.NoKey. It is safe for concurrent use.
type Verifier struct{ *hmacsig.Verifier }

// AuditSources says what is wrong with an address list in front of v. truhook.Audit asks it about each address list of
// truhook.Require.
func (v *Verifier) AuditSources(allowed []netip.Prefix) []truhook.Finding {
	for _, addr := range append(MTLSAPIDestinations(), SandboxMTLSAPIDestinations()...) {
		for _, p := range allowed {
			if p.Bits() > 0 && p.Contains(addr) { // a list of everything is no mistake about these addresses
				return []truhook.Finding{{Severity: truhook.SeverityError, Name: "truv-api-addresses", Subject: addr.String(),
					Problem: "The address list holds an address of Truv's mTLS API, which no webhook comes from.",
					Remedy:  "List the sources that Truv publishes for webhooks: 34.212.57.93, 44.224.243.166 and 52.25.14.79.",
					Offset:  -1}}
			}
		}
	}
	return nil
}
