package jose

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/clock"
)

// Config says how a provider's tokens look. Token, Keys or Secrets, Algorithms, Issuer, Audience and Binding are
// required.
type Config struct {
	_ [0]func()

	Scheme string    // names proofs and errors; empty: "jose"
	Token  TokenFunc // where the token stands, for example HeaderToken("X-Signature")

	// Keys are the provider's public keys by key id. A token without a kid is rejected.
	Keys KeySource

	// Secrets stand in place of Keys where the provider signs with a secret that you share. A kid is not required then.
	Secrets SecretSource

	// Algorithms are those that are accepted. With Keys: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512,
	// EdDSA. With Secrets: HS256, HS384, HS512.
	Algorithms []string

	Issuer   string   // what iss must be
	Audience string   // what aud must be or hold
	Subject  string   // what sub must be; empty: not compared
	Require  []string // claims that must be there beyond iss, aud, exp and iat, for example "jti"

	// Without names those of iss, aud, iat and exp that this provider's tokens do not have. Issuer and Audience are left
	// empty then. A token that has such an exp or iat all the same is held to it, and one that has an aud is rejected
	// (RFC 7519, section 4.1.3). Without both iat and exp needs NoWindow.
	Without []string

	// NoWindow states that nothing in the provider's tokens bounds the time for which one can be sent again. Let package
	// idempotency drop what comes twice.
	NoWindow bool

	Binding Binding // the claims that tie the token to the request

	// Path is the path of the URL that the provider was told to call, where a proxy changes it on the way. Empty: that
	// of the request line.
	Path string

	// Decrypter decrypts the body, a compact JWE, into Verified.Payload. Nil: the body is not encrypted.
	Decrypter *Decrypter

	Leeway time.Duration    // how far the clocks may differ, either way; zero: 30 s
	MaxAge time.Duration    // how long after iat a token is taken, whatever its exp says; zero: 5 min
	Now    func() time.Time // for deliveries without Received; nil: time.Now
}

// A Verifier accepts deliveries with a signed token (JWS, RFC 7515; JWT, RFC 7519) that is bound to their body, and to
// their method and path where the provider does that. It is a truhook.Verifier and a truhook.Prechecker, and safe for
// concurrent use. The nil and the zero Verifier refuse everything with NoKey.
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

// New returns a [Verifier]. What is required and absent, an algorithm that is unknown or "none", one that does not go
// with Keys or with Secrets, a key against the policy and a token that would not be bound to the request are errors.
func New(cfg Config) (*Verifier, error) {
	t, err := newTokens(cfg.Keys, cfg.Secrets, cfg.Algorithms, expectation{
		issuer: cfg.Issuer, audience: cfg.Audience, subject: cfg.Subject, require: cfg.Require,
		without: cfg.Without, noWindow: cfg.NoWindow, leeway: cfg.Leeway, maxAge: cfg.MaxAge,
	}, clock.Guard("jose", cfg.Now, clock.Report(nil, nil)))
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

// Precheck implements truhook.Prechecker. It refuses by the head alone: a token that is missing or not of the right
// form, algorithm and key id, and one whose claims are not those that are expected or name another method or path. It
// computes no signature, asks no key source and waits for nothing.
func (v *Verifier) Precheck(_ context.Context, d *truhook.Delivery) error {
	if v == nil || v.tokens == nil {
		return &truhook.Error{Scheme: "jose", Reason: truhook.NoKey}
	}
	if _, _, err := v.head(d); err != nil {
		return named(v.scheme, err)
	}
	return nil
}

// head looks at everything that needs no key, in the fixed order that Verify documents.
func (v *Verifier) head(d *truhook.Delivery) (*token, time.Time, error) {
	at := d.Received
	if at.IsZero() {
		at = v.tokens.now()
	}
	text, err := v.token(d.CanonicalHeader())
	if err != nil {
		return nil, at, err
	}
	k, err := v.tokens.read(text, at)
	if err != nil {
		return nil, at, err
	}
	return k, at, v.binding.checkHead(&k.set, d, v.pathOf(d))
}

func (v *Verifier) pathOf(d *truhook.Delivery) string {
	if v.path != "" {
		return v.path
	}
	return requestPath(d.RequestURI)
}

// Verify implements truhook.Verifier. It checks in this order, and the first that fails is the Reason, whatever is
// cached:
//
//  1. the token's header, form, algorithm and key id: MissingToken, DuplicateHeader, HeaderTooLong, MalformedToken,
//     AlgorithmNotAllowed, MissingKeyID;
//  2. issuer, audience, subject, times and required claims: WrongIssuer, WrongAudience, WrongSubject, Expired,
//     NotYetValid, MissingClaim, MalformedClaim;
//  3. method and path: MissingRequestClaim, WrongMethod, WrongPath;
//  4. the key: UnknownKey, KeysStale, KeysUnavailable;
//  5. the signature: SignatureMismatch, KeyExpired, KeyNotYetValid;
//  6. the hash of the body: MissingBodyHash, BodyHashMismatch;
//  7. the decryption, with a [Decrypter]: the reasons of [Decrypter.Decrypt].
//
// What comes before the signature is not proven: it can refuse a delivery and never accept one, so that strangers who
// do not know what a token must say cause no question to a key source. The context ends waits for keys, and no
// arithmetic: a delivery whose keys are at hand has its verdict also after its sender has gone. The proof holds the
// key id and the [Claims].
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
	k, at, err := v.head(d)
	if err != nil {
		return nil, err
	}
	keyID, err := v.tokens.prove(ctx, k, at)
	if err != nil {
		return nil, err
	}
	if err := v.binding.checkBody(&k.set, d.Body); err != nil {
		return nil, err
	}
	payload := d.Body
	if v.decrypter != nil {
		if payload, _, err = v.decrypter.Decrypt(ctx, d.Body); err != nil {
			return nil, err
		}
	}
	proof := truhook.Proof{Scheme: v.scheme, KeyID: keyID, Detail: k.claims}
	return &truhook.Verified{Payload: payload, Proofs: []truhook.Proof{proof}}, nil
}

// bearerToken is the Authorization header of RFC 6750, section 2.1, exactly once.
func bearerToken(h http.Header) (string, error) {
	if len(h["Authorization"]) > 1 {
		return "", refuse(truhook.DuplicateHeader, "Authorization")
	}
	return AuthorizationToken("Bearer")(h)
}
