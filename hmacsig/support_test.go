package hmacsig_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
)

// testSecret was made for these tests.
const testSecret = "sandbox-7e577e577e577e577e577e577e577e577e577e57"

var start = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// providers are the three schemes of this module: one hex HMAC-SHA256 of the body.
func providers() []hmacsig.Scheme {
	return []hmacsig.Scheme{truv.Scheme(), trulioo.Scheme(), truval.Scheme()}
}

// stripe and standard are schemes of others, by data alone.
func stripe() hmacsig.Scheme {
	return hmacsig.Scheme{
		Name: "stripe", Header: "Stripe-Signature", Prefix: "v1=", Separator: ",",
		Content: "{timestamp}.{body}", Timestamp: "Stripe-Signature#t", Tolerance: 5 * time.Minute,
	}
}

func standard() hmacsig.Scheme {
	return hmacsig.Scheme{
		Name: "standard", Header: "webhook-signature", Prefix: "v1,", Separator: " ", Encoding: hmacsig.Base64,
		Content: "{id}.{timestamp}.{body}", ID: "webhook-id", Timestamp: "webhook-timestamp", Tolerance: 5 * time.Minute,
	}
}

// macOf signs without the library that is under test.
func macOf(secret, content string) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(content))
	return h.Sum(nil)
}

func hexOf(secret, content string) string { return hex.EncodeToString(macOf(secret, content)) }

func base64Of(secret, content string) string {
	return base64.StdEncoding.EncodeToString(macOf(secret, content))
}

func testKey(t testing.TB, id, secret string) hmacsig.Key {
	t.Helper()
	k, err := hmacsig.NewKey(id, secret)
	require.NoError(t, err)
	return k
}

func verifier(t testing.TB, s hmacsig.Scheme, keys ...hmacsig.Key) *hmacsig.Verifier {
	t.Helper()
	if len(keys) == 0 {
		keys = []hmacsig.Key{testKey(t, "current", testSecret)}
	}
	v, err := hmacsig.New(s, hmacsig.StaticKeys(keys...), hmacsig.Config{Now: func() time.Time { return start }})
	require.NoError(t, err)
	return v
}

// delivery has headers as pairs of name and value.
func delivery(body string, headers ...string) *truhook.Delivery {
	h := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		h.Add(headers[i], headers[i+1])
	}
	return &truhook.Delivery{Method: http.MethodPost, RequestURI: "/", Header: h, Body: []byte(body)}
}

// requireReason checks what Verify says, and that Precheck refuses by the head alone if and only if it should.
func requireReason(t testing.TB, want truhook.Reason, v *hmacsig.Verifier, d *truhook.Delivery) {
	t.Helper()
	got, err := v.Verify(context.Background(), d)
	require.Equal(t, want, truhook.ReasonOf(err), "%v", err)
	require.Equal(t, want == "", got != nil)
	head := *d
	head.Body = nil
	byHead := truhook.ReasonOf(v.Precheck(context.Background(), &head))
	switch want {
	case "", truhook.SignatureMismatch, truhook.KeyExpired, truhook.KeyNotYetValid, truhook.NoKey, truhook.KeysUnavailable,
		truhook.UnknownKey, truhook.Canceled:
		require.Empty(t, byHead, "these take a key to know")
	default:
		require.Equal(t, want, byHead, "refused by the head alone")
	}
}

// must is for what a test makes and does not test.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// within returns k with a window of validity.
func within(k hmacsig.Key, notBefore, notAfter time.Time) hmacsig.Key {
	k.NotBefore, k.NotAfter = notBefore, notAfter
	return k
}
