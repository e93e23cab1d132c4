package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	gojose "github.com/go-jose/go-jose/v4"
	gojwt "github.com/go-jose/go-jose/v4/jwt"
	golangjwt "github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/jwx/v3/jwa"
	jwxjwt "github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
)

// Names of what a token race measures.
const (
	bareRSA  = "bare RSA verification"
	stranger = "Truhook, a stranger's: refused by its claims"
)

var claimCounts = []int{0, 8, 32, 128}

// tokenRaces measure the check of an RS256 token of 2048 bits: signature, issuer, audience, subject, times, and the
// hash of a small body. They differ in the number of further claims.
func tokenRaces() []func() race {
	var all []func() race
	for _, n := range claimCounts {
		all = append(all, func() race { return tokenRace(n) })
	}
	return all
}

// tokenClaims are the claims that the peers are asked for.
type tokenClaims struct {
	golangjwt.RegisteredClaims
	Request requestClaim `json:"request"`
}

type requestClaim struct {
	Method string `json:"meth"`
	Path   string `json:"path"`
	Hash   string `json:"hash"`
}

// fits is what every peer leaves to its caller.
func (c *requestClaim) fits(body []byte) error {
	sum := sha256.Sum256(body)
	want, err := hex.DecodeString(c.Hash)
	if err != nil || c.Method != http.MethodPost || c.Path != "/hook" || !bytes.Equal(want, sum[:]) {
		return fmt.Errorf("the token is for another request: %w", err)
	}
	return nil
}

func tokenRace(more int) race {
	at, body, key := time.Now().Truncate(time.Second), []byte(`{"hello":"world"}`), newRSAKey()
	public := &key.PublicKey
	input := tokenInput(more, at, body)
	digest := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	must(err)
	text := input + "." + base64.RawURLEncoding.EncodeToString(signature)
	v, err := jose.New(jose.Config{
		Token: jose.HeaderToken("X-Token"), Keys: jose.StaticKeys{{ID: "platform", Key: public}},
		Algorithms: []string{"RS256"}, Issuer: "issuer", Audience: "audience", Subject: "subject",
		Binding: jose.Binding{
			Method: "request.meth", Path: "request.path", BodyHash: "request.hash",
			Hashes: map[string]crypto.Hash{"": crypto.SHA256},
		},
	})
	must(err)
	delivery := func(path string) *truhook.Delivery {
		return truhook.NewDelivery(truhook.Delivery{
			Method: http.MethodPost, RequestURI: path, Received: at, Body: body, Header: http.Header{"X-Token": {text}},
		})
	}
	d, elsewhere, ctx := delivery("/hook"), delivery("/elsewhere"), context.Background()
	parser := golangjwt.NewParser(golangjwt.WithValidMethods([]string{"RS256"}), golangjwt.WithIssuer("issuer"),
		golangjwt.WithAudience("audience"), golangjwt.WithSubject("subject"), golangjwt.WithIssuedAt(),
		golangjwt.WithExpirationRequired(), golangjwt.WithTimeFunc(func() time.Time { return at }))
	return race{fmt.Sprintf("%d", more), []contender{
		{bareRSA, func() {
			sum := sha256.Sum256([]byte(input))
			must(rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], signature))
		}},
		{ours, func() {
			_, err := v.Verify(ctx, d)
			must(err)
		}},
		{stranger, func() {
			if v.Precheck(ctx, elsewhere) == nil {
				panic("a token for another path passed")
			}
		}},
		{"golang-jwt", func() {
			var c tokenClaims
			_, err := parser.ParseWithClaims(text, &c, func(*golangjwt.Token) (any, error) { return public, nil })
			must(err)
			must(c.Request.fits(body))
		}},
		{"go-jose jwt", func() {
			parsed, err := gojwt.ParseSigned(text, []gojose.SignatureAlgorithm{gojose.RS256})
			must(err)
			var registered gojwt.Claims
			var c struct {
				Request requestClaim `json:"request"`
			}
			must(parsed.Claims(public, &registered, &c))
			must(registered.Validate(gojwt.Expected{
				Issuer: "issuer", AnyAudience: gojwt.Audience{"audience"}, Subject: "subject", Time: at,
			}))
			must(c.Request.fits(body))
		}},
		{"lestrrat-go/jwx", func() {
			parsed, err := jwxjwt.Parse([]byte(text), jwxjwt.WithKey(jwa.RS256(), public), jwxjwt.WithIssuer("issuer"),
				jwxjwt.WithAudience("audience"), jwxjwt.WithSubject("subject"),
				jwxjwt.WithClock(jwxjwt.ClockFunc(func() time.Time { return at })))
			must(err)
			var request map[string]any
			must(parsed.Get("request", &request))
			method, _ := request["meth"].(string)
			path, _ := request["path"].(string)
			hash, _ := request["hash"].(string)
			must((&requestClaim{method, path, hash}).fits(body))
		}},
	}}
}

// tokenInput returns what is signed of a token with so many claims beyond those that are asked for.
func tokenInput(more int, at time.Time, body []byte) string {
	sum := sha256.Sum256(body)
	claims := map[string]any{
		"iss": "issuer", "aud": "audience", "sub": "subject", "iat": at.Unix(), "exp": at.Unix() + 300, "jti": "1",
		"request": requestClaim{http.MethodPost, "/hook", hex.EncodeToString(sum[:])},
	}
	for i := range more {
		claims[fmt.Sprintf("https://claims.example/%d", i)] = "value"
	}
	part := func(v any) string {
		raw, err := json.Marshal(v)
		must(err)
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	return part(map[string]any{"alg": "RS256", "kid": "platform", "typ": "JWT"}) + "." + part(claims)
}
