package truhooktest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	gojose "github.com/go-jose/go-jose/v4"

	"github.com/truhook/truhook/jose"
)

// TransUnionConfig says who signs and for whom, in [TransUnion]. Entity, Platform and Service are required.
type TransUnionConfig struct {
	_ [0]func()

	Entity   string // sub, "svc:<uuid>" or "dir:<uuid>": transunion.Config.Entity of the receiver
	Audience string // aud; empty: Entity

	Platform jose.PrivateKey // an *rsa.PrivateKey that stands for the platform's; its ID is the token's kid
	Service  jose.PublicKey  // yours, an *rsa.PublicKey; its ID is the kid of what is encrypted to it

	// Plain sends the body as it is, as the platform sends its session-end event and no other.
	Plain bool
}

// TransUnion returns the [Signer] of TransUnion's webhooks: it encrypts e.Body to your key (RSA-OAEP-256 with
// A256CBC-HS512) and sets X-IOV-JWT to a token (RS256) that lives for 5 s, bound to the method, the path and the
// encrypted body. Each token has a jti of its own. Keys that do not serve show as errors when it signs.
func TransUnion(cfg TransUnionConfig) Signer {
	if cfg.Audience == "" {
		cfg.Audience = cfg.Entity
	}
	return func(r *http.Request, e Event, at time.Time) ([]byte, error) {
		body := e.Body
		if !cfg.Plain {
			jwe, err := TransUnionJWE(cfg.Service, e.Body)
			if err != nil {
				return nil, err
			}
			body = []byte(jwe)
			r.Header.Set("Content-Type", "application/jose")
		}
		hash, path := sha256.Sum256(body), r.URL.EscapedPath()
		if path == "" {
			path = "/" // as it stands in the request line
		}
		claims, err := json.Marshal(map[string]any{
			"iss": "lka", "aud": cfg.Audience, "sub": cfg.Entity, "jti": rand.Text(),
			"iat": at.Unix(), "nbf": at.Unix(), "exp": at.Unix() + 5,
			"request": map[string]string{
				"meth": r.Method, "path": path, "func": "S256", "hash": hex.EncodeToString(hash[:]),
			},
		})
		if err != nil {
			return nil, err
		}
		key := gojose.SigningKey{Algorithm: gojose.RS256, Key: cfg.Platform.Key}
		signer, err := gojose.NewSigner(key, (&gojose.SignerOptions{}).WithType("JWT").WithHeader("kid", cfg.Platform.ID))
		if err != nil {
			return nil, fmt.Errorf("truhooktest: TransUnion: the platform's key: %w", err)
		}
		jws, err := signer.Sign(claims)
		if err != nil {
			return nil, fmt.Errorf("truhooktest: TransUnion: %w", err)
		}
		token, err := jws.CompactSerialize()
		if err != nil {
			return nil, fmt.Errorf("truhooktest: TransUnion: %w", err)
		}
		r.Header.Set("X-IOV-JWT", token)
		return body, nil
	}
}

// TransUnionJWE encrypts content to a service's key as the platform and its devices do. It makes the auth_jwe of an
// authorization response.
func TransUnionJWE(service jose.PublicKey, content []byte) (string, error) {
	to := gojose.Recipient{Algorithm: gojose.RSA_OAEP_256, Key: service.Key, KeyID: service.ID}
	options := (&gojose.EncrypterOptions{}).WithContentType("application/json")
	encrypter, err := gojose.NewEncrypter(gojose.A256CBC_HS512, to, options)
	if err != nil {
		return "", fmt.Errorf("truhooktest: TransUnion: the service's key: %w", err)
	}
	jwe, err := encrypter.Encrypt(content)
	if err != nil {
		return "", fmt.Errorf("truhooktest: TransUnion: %w", err)
	}
	return jwe.CompactSerialize()
}
