package jose

import (
	"context"
	"crypto"
	_ "crypto/sha256" // body hashes and signatures
	_ "crypto/sha512"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	gojose "github.com/go-jose/go-jose/v4"

	"github.com/truhook/truhook"
)

// Config says how a provider's tokens look. Token, Keys, Algorithms, Issuer, Audience and Binding are required.
type Config struct {
	_ [0]func()

	Scheme     string    // names proofs and errors; empty: "jose"
	Token      TokenFunc // where the token stands, for example HeaderToken("X-Signature")
	Keys       KeySource // the provider's keys by key id; a token without a kid is refused
	Algorithms []string  // those accepted: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA

	Issuer   string   // what iss must be
	Audience string   // what aud must be or hold
	Subject  string   // what sub must be; empty: not compared
	Require  []string // claims that must be there beyond iss, aud, exp and iat, for example "jti"
	Binding  Binding  // the claims that tie the token to the request

	// Path is the path of the URL that the provider was told to call, where a proxy changes it on the way. Empty: that
	// of the request line.
	Path string

	// Decrypter decrypts the body, a compact JWE, into Verified.Payload. Nil: the body is not encrypted.
	Decrypter *Decrypter

	Leeway time.Duration    // how far the clocks may differ, either way; zero: 30 s
	MaxAge time.Duration    // how long after iat a token is taken, whatever its exp says; zero: 5 min
	Now    func() time.Time // for deliveries without Received; nil: time.Now
}

// A Verifier accepts deliveries with a signed token (JWS, RFC 7515; JWT, RFC 7519) that is bound to their method, path
// and body. It is a truhook.Verifier and a truhook.Prechecker, and safe for concurrent use. The nil and the zero
// Verifier refuse everything with NoKey.
type Verifier struct {
	scheme    string
	tokens    *tokens
	token     TokenFunc
	binding   Binding
	path      string
	decrypter *Decrypter
}

var (
	_ truhook.Verifier   = (*Verifier)(nil)
	_ truhook.Prechecker = (*Verifier)(nil)
)

// New returns a [Verifier]. What is required and absent, an algorithm that is unknown, symmetric or "none", a key
// against the policy and a token that would not be bound to method, path and body are errors.
func New(cfg Config) (*Verifier, error) {
	t, err := newTokens(cfg.Keys, cfg.Algorithms, expectation{
		issuer: cfg.Issuer, audience: cfg.Audience, subject: cfg.Subject,
		require: cfg.Require, leeway: cfg.Leeway, maxAge: cfg.MaxAge,
	}, cfg.Now)
	if err != nil {
		return nil, err
	}
	if cfg.Token == nil {
		return nil, configError("no Token is given")
	}
	if err := cfg.Binding.validate(); err != nil {
		return nil, err
	}
	if cfg.Path != "" && (cfg.Path[0] != '/' || strings.ContainsAny(cfg.Path, "?#")) {
		return nil, configError("Path must be the path of a URL, beginning with / and without a query")
	}
	if cfg.Decrypter != nil && cfg.Decrypter.keys == nil {
		return nil, configError("the Decrypter was not made by NewDecrypter")
	}
	if cfg.Scheme == "" {
		cfg.Scheme = "jose"
	}
	return &Verifier{
		scheme: cfg.Scheme, tokens: t, token: cfg.Token, binding: cfg.Binding.clone(),
		path: cfg.Path, decrypter: cfg.Decrypter,
	}, nil
}

// Precheck implements truhook.Prechecker: it refuses a head without a token of the right form, algorithm and key id.
// It computes no signature, asks no key set and waits for nothing.
func (v *Verifier) Precheck(_ context.Context, d *truhook.Delivery) error {
	if v == nil || v.tokens == nil {
		return &truhook.Error{Scheme: "jose", Reason: truhook.NoKey}
	}
	token, err := v.token(d.CanonicalHeader())
	if err == nil {
		_, err = parseHead(token, v.tokens.algorithms)
	}
	if err != nil {
		return named(v.scheme, err)
	}
	return nil
}

// Verify implements truhook.Verifier. It checks in this order: the token's header, form, algorithm and key id
// (MissingToken, DuplicateHeader, HeaderTooLong, MalformedToken, AlgorithmNotAllowed, MissingKeyID); the key (UnknownKey,
// KeysUnavailable); the signature (SignatureMismatch, KeyExpired); issuer, audience, subject, times and required
// claims (WrongIssuer, WrongAudience, WrongSubject, Expired, NotYetValid, MissingClaim, MalformedClaim); method, path
// and body hash (MissingRequestClaim, WrongMethod, WrongPath, MissingBodyHash, BodyHashMismatch); and then decrypts, if
// there is a Decrypter (see [Decrypter.Decrypt]). The proof holds the key id and the [Claims].
func (v *Verifier) Verify(ctx context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
	if v == nil || v.tokens == nil {
		return nil, &truhook.Error{Scheme: "jose", Reason: truhook.NoKey}
	}
	verified, err := v.verify(ctx, d)
	if err != nil {
		return nil, named(v.scheme, err)
	}
	return verified, nil
}

func (v *Verifier) verify(ctx context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
	token, err := v.token(d.CanonicalHeader())
	if err != nil {
		return nil, err
	}
	h, claims, set, err := v.tokens.verify(ctx, token, d.Received)
	if err != nil {
		return nil, err
	}
	path := v.path
	if path == "" {
		path = requestPath(d.RequestURI)
	}
	if err := v.binding.check(set, d, path); err != nil {
		return nil, err
	}
	payload := d.Body
	if v.decrypter != nil {
		if payload, _, err = v.decrypter.Decrypt(ctx, d.Body); err != nil {
			return nil, err
		}
	}
	proof := truhook.Proof{Scheme: v.scheme, KeyID: h.keyID, Detail: claims}
	return &truhook.Verified{Payload: payload, Proofs: []truhook.Proof{proof}}, nil
}

// tokens verifies tokens, bound to a request or not.
type tokens struct {
	expectation
	keys       KeySource
	algorithms []string
	accepted   []gojose.SignatureAlgorithm // algorithms, as go-jose wants them
	now        func() time.Time
}

func newTokens(keys KeySource, algorithms []string, x expectation, now func() time.Time) (*tokens, error) {
	kept, err := fixed(keys)
	if err != nil {
		return nil, err
	}
	t := &tokens{keys: kept, algorithms: slices.Clone(algorithms), now: now}
	if t.expectation, err = newExpectation(x); err != nil {
		return nil, err
	}
	if len(algorithms) == 0 {
		return nil, configError("no Algorithms are given")
	}
	for _, a := range algorithms {
		if !slices.Contains(signatureAlgorithms(), a) {
			return nil, configError("the algorithm %q is not one that can be allowed", a)
		}
		t.accepted = append(t.accepted, gojose.SignatureAlgorithm(a))
	}
	if t.now == nil {
		t.now = time.Now
	}
	return t, nil
}

// signatureAlgorithms lists what may be allowed: asymmetric ones only (RFC 7518, section 3.1; RFC 8037, section 3.1).
func signatureAlgorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// verify goes from the text of a token to its claims. at is when the delivery was received; zero: now.
func (t *tokens) verify(ctx context.Context, token string, at time.Time) (head, Claims, claimSet, error) {
	h, err := parseHead(token, t.algorithms)
	if err != nil {
		return head{}, Claims{}, nil, err
	}
	if err := ctx.Err(); err != nil {
		return head{}, Claims{}, nil, &truhook.Error{Reason: truhook.Canceled, Err: err}
	}
	keys, err := ask(ctx, t.keys, Query{KeyID: h.keyID})
	if err != nil {
		return head{}, Claims{}, nil, err
	}
	if at.IsZero() {
		at = t.now()
	}
	payload, err := t.signed(token, h, keys, at)
	if errors.Is(err, truhook.SignatureMismatch) || errors.Is(err, truhook.KeyExpired) || errors.Is(err, truhook.KeyNotYetValid) {
		again, missed := ask(ctx, t.keys, Query{KeyID: h.keyID, Missed: true})
		if missed != nil {
			return head{}, Claims{}, nil, missed
		}
		if len(again) != len(keys) || &again[0] != &keys[0] {
			payload, err = t.signed(token, h, again, at)
		}
	}
	if err != nil {
		return head{}, Claims{}, nil, err
	}
	claims, set, err := t.check(payload, at)
	if err != nil {
		return head{}, Claims{}, nil, err
	}
	return h, claims, set, nil
}

// signed returns the payload if one of the keys signed it. A stranger's token costs one signature check a key.
func (t *tokens) signed(token string, h head, keys []PublicKey, at time.Time) ([]byte, error) {
	jws, err := contained(func() (*gojose.JSONWebSignature, error) {
		return gojose.ParseSignedCompact(token, t.accepted)
	})
	if err != nil {
		return nil, refuse(truhook.MalformedToken, "it is not a JWS")
	}
	fits, outside := false, inside
	for i := range keys {
		if checkPublicKey(keys[i].Key) != nil {
			return nil, refuse(truhook.KeysUnavailable, "the key source gave a key against the policy")
		}
		if !keyFits(h.algorithm, keys[i].Key) || keys[i].Algorithm != "" && keys[i].Algorithm != h.algorithm {
			continue
		}
		fits = true
		payload, err := contained(func() ([]byte, error) { return jws.Verify(crypto.PublicKey(keys[i].Key)) })
		if err != nil {
			continue
		}
		if outside = keys[i].at(at); outside == inside {
			return payload, nil
		}
	}
	switch {
	case outside == after:
		return nil, refuse(truhook.KeyExpired, "the public key is past its NotAfter")
	case outside == before:
		return nil, refuse(truhook.KeyNotYetValid, "the public key is before its NotBefore")
	case !fits:
		return nil, refuse(truhook.AlgorithmNotAllowed, "the key is for another algorithm")
	}
	return nil, refuse(truhook.SignatureMismatch, "token")
}

// bearerToken is the Authorization header of RFC 6750, section 2.1, exactly once.
func bearerToken(h http.Header) (string, error) {
	if len(h["Authorization"]) > 1 {
		return "", refuse(truhook.DuplicateHeader, "Authorization")
	}
	return AuthorizationToken("Bearer")(h)
}
