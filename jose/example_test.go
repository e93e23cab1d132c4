package jose_test

import (
	"context"
	"crypto"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/jose"
)

// A provider that is not ready made: its own header, its own claims, its keys as a JWK Set.
func ExampleNew() {
	keys, err := jose.JWKS("https://provider.example/.well-known/jwks.json", nil, jose.CacheConfig{})
	if err != nil {
		log.Fatal(err)
	}
	v, err := jose.New(jose.Config{
		Scheme:     "provider",
		Token:      jose.HeaderToken("Provider-Signature"),
		Keys:       keys,
		Algorithms: []string{"ES256"},
		Issuer:     "https://provider.example",
		Audience:   "https://service.example",
		Require:    []string{"jti"},
		Binding: jose.Binding{
			Method: "htm", Path: "path", BodyHash: "body_sha256", Hashes: map[string]crypto.Hash{"": crypto.SHA256},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	_, err = v.Verify(context.Background(), &truhook.Delivery{Method: "POST", RequestURI: "/hook"})
	fmt.Println(err, truhook.ReasonOf(err).Status())
	// Output: provider: missing-token: Provider-Signature 401
}

// A token that is not bound to the request is an extra layer in front of a signature, never in its place.
func ExampleBearer() {
	pem, err := os.ReadFile("../recorded/deliveries/transunion/platform-public.pem")
	if err != nil {
		log.Fatal(err)
	}
	key, err := jose.ParsePublicKey(pem)
	if err != nil {
		log.Fatal(err)
	}
	check, err := jose.Bearer(jose.BearerConfig{
		Issuer:     "https://provider.example",
		Audience:   "https://service.example",
		Keys:       jose.StaticKeys{{ID: "2026-01", Key: key}},
		Algorithms: []string{"RS256"},
	})
	if err != nil {
		log.Fatal(err)
	}
	signature, err := truval.New("truhook-test-only-0123456789abcdef")
	if err != nil {
		log.Fatal(err)
	}
	v := truhook.Require(signature, check)
	_, err = v.Verify(context.Background(), &truhook.Delivery{Header: http.Header{
		"Authorization": {"Basic dGVzdDp0ZXN0"}, "X-Truval-Signature": {"sha256=" + strings.Repeat("0", 64)},
	}})
	fmt.Println(err)
	// Output: bearer: missing-token: Authorization
}
