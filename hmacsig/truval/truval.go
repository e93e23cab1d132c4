// Package truval verifies and reads the callbacks of Truval.
//
//	v, err := truval.New(os.Getenv("TRUVAL_WEBHOOK_SECRET"))
//	...
//	verify := truhook.NewMiddleware(v, truhook.Config{})
//	mux.Handle("POST /webhooks/truval", verify.Wrap(handler))
//
// Truval signs the raw body with HMAC-SHA256 and sends "X-Truval-Signature: sha256=" and 64 hex digits, but only if
// the verify request gave a webhook_secret (Truval, "Webhooks", section "Security"). The secret belongs to one
// request, so an endpoint may see many: give [hmacsig.New] this package's [Scheme] and a source that chooses the key
// by the path or the query of the URL that was registered.
//
// Truval takes every 4xx as final and makes three attempts within some four seconds. No time is signed, so put package
// idempotency behind.
package truval

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/truhook/truhook/hmacsig"
)

// Scheme returns how Truval signs. Truval documents lower-case hex; its own samples differ in whether they take
// capitals, and this library takes both.
func Scheme() hmacsig.Scheme {
	return hmacsig.Scheme{
		Name: "truval", Header: "X-Truval-Signature", Prefix: "sha256=",
		KeyText: hmacsig.KeyText{Kept: "whsec_", OtherKeys: "sk_live_ sk_test_ sk_mgmt_"},
	}
}

// MinSecretLength is the shortest webhook_secret that Truval takes, in characters (Truval, "Webhooks").
const MinSecretLength = 8

// New returns a verifier for callbacks that were all asked for with the same webhook_secret. Nothing is stripped from
// it: "whsec_" is part of the text. A secret under 8 characters, also among the previous ones, is an error, as Truval
// does not take one. The key ids are "current", "previous-1", "previous-2" and so on.
func New(secret string, previous ...string) (*hmacsig.Verifier, error) {
	for _, text := range append([]string{secret}, previous...) {
		if utf8.RuneCountInString(text) < MinSecretLength {
			return nil, errors.New("truval: a secret has fewer than 8 characters")
		}
	}
	keys, err := Scheme().NewKeys(secret, previous...)
	if err != nil {
		return nil, fmt.Errorf("truval: %w", err)
	}
	return hmacsig.New(Scheme(), hmacsig.StaticKeys(keys...), hmacsig.Config{})
}

// NewSecret returns a webhook_secret: 32 bytes from crypto/rand as 64 hex digits.
func NewSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}
