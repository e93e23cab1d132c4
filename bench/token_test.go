package bench

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
)

// BenchmarkToken compares the check of a token that is bound to a small request with the bare verification of its
// signature (x-floor: at most 1.25).
func BenchmarkToken(b *testing.B) {
	u := newTU(b)
	at := time.Unix(1772443800, 0)
	body := []byte(`{"hello":"world"}`)
	sum := sha256.Sum256(body)
	part := func(v any) string {
		raw, err := json.Marshal(v)
		require.NoError(b, err)
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	input := part(map[string]any{"alg": "RS256", "kid": "platform", "typ": "JWT"}) + "." + part(map[string]any{
		"iss": "issuer", "aud": "audience", "sub": "subject", "iat": at.Unix(), "exp": at.Unix() + 5, "jti": "1",
		"request": map[string]any{"meth": "POST", "path": "/hook", "hash": hex.EncodeToString(sum[:])},
	})
	digest := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(nil, u.platform, crypto.SHA256, digest[:])
	require.NoError(b, err)
	v, err := jose.New(jose.Config{
		Token: jose.HeaderToken("X-Token"), Keys: jose.StaticKeys{{ID: u.platformID, Key: &u.platform.PublicKey}},
		Algorithms: []string{"RS256"}, Issuer: "issuer", Audience: "audience", Subject: "subject",
		Binding: jose.Binding{
			Method: "request.meth", Path: "request.path", BodyHash: "request.hash",
			Hashes: map[string]crypto.Hash{"": crypto.SHA256},
		},
	})
	require.NoError(b, err)
	d := &truhook.Delivery{
		Method: http.MethodPost, RequestURI: "/hook", Received: at, Body: body,
		Header: http.Header{"X-Token": {input + "." + base64.RawURLEncoding.EncodeToString(signature)}},
	}
	_, err = v.Verify(b.Context(), d)
	require.NoError(b, err)
	bare := func() {
		sum := sha256.Sum256([]byte(input))
		must(rsa.VerifyPKCS1v15(&u.platform.PublicKey, crypto.SHA256, sum[:], signature))
	}
	b.Run("genuine", func(b *testing.B) {
		b.ReportAllocs()
		ratio(b, bare, func() { _, err := v.Verify(b.Context(), d); must(err) })
	})
	b.Run("a stranger's", func(b *testing.B) { // refused by its claims: no signature is looked at
		other := *d
		other.Header = http.Header{"X-Token": {strings.Replace(input, ".", ".e", 1) + ".AA"}}
		other.RequestURI = "/elsewhere"
		ratio(b, bare, func() { _ = v.Precheck(b.Context(), &other) })
	})
}
