package jose

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/fetch"
	"github.com/truhook/truhook/internal/keycache"
)

// JWKS returns [CachedKeys] of the JWK Set (RFC 7517, section 5) at url, read as by [ParseJWKS] and kept as by
// [CacheSet]. url must begin with https://, or be of the loopback address. client may be nil. Redirects are not
// followed, a response has at most 1 MiB, and only status 200 is an answer. Nothing is fetched before the first
// delivery. OnError and Audit name the entries that were left out.
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
		keys, dropped, err := readJWKS(response.Body)
		if err != nil {
			return nil, err
		}
		return keys, keycache.Drop(dropped...)
	}, cfg)
}

// ParseJWKS reads a JWK Set (RFC 7517). An odd entry costs that entry only: one that is no object or has a member
// twice, is of a kind or algorithm that this package does not know, has no kid, is against the key policy, or is a
// symmetric key. [AuditJWKS] names what was left out. Keys that are not for verifying (use, key_ops) are passed over.
//
// Several keys may share a kid (RFC 7517, section 4.5). Two different keys with the same kid, use and kty between which
// no alg decides are both left out. A private key is left out wherever its public half stands, as it is no longer the
// provider's alone. It is an error if nothing is left.
func ParseJWKS(data []byte) (StaticKeys, error) {
	keys, _, err := readJWKS(data)
	return keys, err
}

// AuditJWKS names the entries of a JWK Set that [ParseJWKS] leaves out, and what AuditKeys says of the others. It
// serves whoever fetches a set by a function of their own.
func AuditJWKS(now time.Time, data []byte) []truhook.Finding {
	keys, dropped, err := readJWKS(data)
	var findings []truhook.Finding
	for _, one := range dropped {
		findings = append(findings, leftOut("", one))
	}
	if err != nil && len(dropped) == 0 {
		findings = append(findings, truhook.Finding{
			Severity: truhook.SeverityError, Name: "no-valid-key",
			Problem: fmt.Sprintf("The JWK Set cannot be used: %v.", err), Remedy: "Look at what the server answers.",
		})
		return findings
	}
	return append(findings, AuditKeys(now, keys...)...)
}
