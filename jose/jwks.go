package jose

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	gojose "github.com/go-jose/go-jose/v4"

	"github.com/truhook/truhook/internal/fetch"
	"github.com/truhook/truhook/internal/strictjson"
)

// maxModulus bounds the n of a JWK before it is decoded: 8192 bits in base64url.
const maxModulus = 1368

// JWKS returns a [KeySource] over the JWK Set (RFC 7517, section 5) at url, read as by [ParseJWKS] and kept as by
// [CacheSet]. url must begin with https://, or be of the loopback address. client may be nil; redirects are not
// followed, an answer has at most 1 MiB, and only status 200 is one. Nothing is fetched before the first delivery.
func JWKS(url string, client *http.Client, cfg CacheConfig) (*CachedKeys, error) {
	if err := fetch.CheckURL(url); err != nil {
		return nil, configError("JWKS: %w", err)
	}
	client = fetch.Client(client)
	return CacheSet(func(ctx context.Context) ([]PublicKey, error) {
		response, err := fetch.Get(ctx, client, url, 0)
		if err == nil {
			err = response.OK(time.Now())
		}
		if err != nil {
			return nil, fmt.Errorf("jose: the JWK Set: %w", err)
		}
		return ParseJWKS(response.Body)
	}, cfg)
}

// ParseJWKS reads a JWK Set (RFC 7517). Keys that are not for verifying (use, key_ops), of a kind or algorithm that this
// package does not know, without a kid, or against the key policy are left out. It is an error if nothing is left, if
// a kid comes twice, or if the set holds a private or symmetric key: such a set is not one to trust.
func ParseJWKS(data []byte) (StaticKeys, error) {
	set, err := strictjson.Object(data, maxDepth)
	if err != nil {
		return nil, configError("the JWK Set is not a JSON object")
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(set["keys"], &raw); err != nil {
		return nil, configError("the JWK Set has no array of keys")
	}
	var keys StaticKeys
	seen := map[string]bool{}
	for _, one := range raw {
		jwk, err := strictjson.Object(one, maxDepth)
		if err != nil {
			return nil, configError("the JWK Set has a key that is not a JSON object")
		}
		for _, secret := range [...]string{"d", "k", "p", "q", "dp", "dq", "qi", "oth", "priv"} {
			if _, there := jwk[secret]; there {
				return nil, configError("the JWK Set holds a private or symmetric key")
			}
		}
		id, _ := strictjson.String(jwk["kid"])
		if id != "" && seen[id] {
			return nil, configError("the JWK Set has a key id twice")
		}
		seen[id] = true
		if key, ok := verificationKey(jwk, id); ok {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, configError("the JWK Set has no key to verify with")
	}
	return keys, nil
}

func verificationKey(jwk map[string]json.RawMessage, id string) (PublicKey, bool) {
	if !validKeyID(id) || !mayVerify(jwk) || len(jwk["n"]) > maxModulus+2 {
		return PublicKey{}, false
	}
	algorithm := ""
	if raw, there := jwk["alg"]; there {
		if algorithm, there = strictjson.String(raw); !there || !slices.Contains(signatureAlgorithms(), algorithm) {
			return PublicKey{}, false
		}
	}
	bare := map[string]json.RawMessage{} // without certificates and addresses, which nothing here believes
	for _, name := range [...]string{"kty", "n", "e", "crv", "x", "y"} {
		if raw, there := jwk[name]; there {
			bare[name] = raw
		}
	}
	text, err := json.Marshal(bare)
	if err != nil {
		return PublicKey{}, false
	}
	parsed, err := contained(func() (*gojose.JSONWebKey, error) {
		var k gojose.JSONWebKey
		err := k.UnmarshalJSON(text)
		return &k, err
	})
	if err != nil || vetPublicKey(parsed.Key) != nil || algorithm != "" && !keyFits(algorithm, parsed.Key) {
		return PublicKey{}, false
	}
	return PublicKey{ID: id, Key: parsed.Key, Algorithm: algorithm}, true
}

// mayVerify looks at what the key is for (RFC 7517, sections 4.2 and 4.3).
func mayVerify(jwk map[string]json.RawMessage) bool {
	if raw, there := jwk["use"]; there {
		if use, _ := strictjson.String(raw); use != "sig" {
			return false
		}
	}
	if raw, there := jwk["key_ops"]; there {
		var operations []string
		if json.Unmarshal(raw, &operations) != nil || !slices.Contains(operations, "verify") {
			return false
		}
	}
	return true
}
