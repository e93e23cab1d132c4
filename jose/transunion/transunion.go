package transunion

import (
	"bytes"
	"context"
	"crypto"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/strictjson"
	"github.com/truhook/truhook/jose"
)

const scheme = "transunion"

// Config says which deliveries are yours. Entity, Keys and PrivateKeys are required.
type Config struct {
	_ [0]func()

	// Entity is the service or directory of this endpoint, "svc:<uuid>" or "dir:<uuid>" with a lower-case UUID: the sub
	// of its tokens. It keeps services that share the credentials of a directory or organization apart.
	Entity string

	// Audience is the aud of the tokens: the entity whose key began the flow. Empty: Entity. It is a "dir:<uuid>" or an
	// "org:<uuid>" where the authorization was requested with the key of a directory or an organization.
	Audience string

	Keys        jose.KeySource        // the platform's public keys, by id
	PrivateKeys jose.PrivateKeySource // yours, current and retired ones, by id; see Fingerprint

	// Path is the path of the URL registered with the platform, where a proxy changes it on the way. Empty: that of the
	// request line. Whether the platform signs a query too is not known; the path alone is compared.
	Path string

	Leeway time.Duration    // how far the clocks may differ, either way; zero: 30 s. Tokens live for 5 s
	Now    func() time.Time // for deliveries without Received; nil: time.Now
}

// A Verifier accepts webhooks of the TruValidate Multifactor Authentication platform. It is a truhook.Verifier and a
// truhook.Prechecker, and safe for concurrent use. The nil and the zero Verifier reject everything with NoKey.
type Verifier struct {
	*tokenVerifier // embedded, so that explanations of other verifiers of package jose find its keys
	body           *jose.Decrypter
}

type tokenVerifier = jose.Verifier

var (
	_ truhook.Verifier   = (*Verifier)(nil)
	_ truhook.Prechecker = (*Verifier)(nil)

	errNoToken   = errors.New("neither X-IOV-JWT nor Authorization: IOV-JWT")
	errTwoTokens = errors.New("X-IOV-JWT and Authorization differ")
)

// New returns a [Verifier]. What is required and absent or of the wrong form, a key without an id, an id that comes
// twice and a key against the policy of package jose are errors.
func New(cfg Config) (*Verifier, error) {
	if !isEntity(cfg.Entity, "svc", "dir") {
		return nil, errors.New(`transunion: Entity must be "svc:" or "dir:" and a lower-case UUID`)
	}
	if cfg.Audience == "" {
		cfg.Audience = cfg.Entity
	}
	if !isEntity(cfg.Audience, "svc", "dir", "org") {
		return nil, errors.New(`transunion: Audience must be "svc:", "dir:" or "org:" and a lower-case UUID`)
	}
	token, err := jose.New(jose.Config{
		Scheme:     scheme,
		Token:      token(),
		Keys:       cfg.Keys,
		Algorithms: []string{"RS256", "RS384", "RS512"},
		Issuer:     "lka",
		Audience:   cfg.Audience,
		Subject:    cfg.Entity,
		Require:    []string{"nbf", "jti"},
		Binding: jose.Binding{
			Method: "request.meth", Path: "request.path", BodyHash: "request.hash", HashName: "request.func",
			Hashes: map[string]crypto.Hash{"S256": crypto.SHA256, "S384": crypto.SHA384, "S512": crypto.SHA512},
		},
		Path:   cfg.Path,
		Leeway: cfg.Leeway,
		Now:    cfg.Now,
	})
	if err != nil {
		return nil, fmt.Errorf("transunion: %w", err)
	}
	body, err := jose.NewDecrypter(jose.DecrypterConfig{
		Keys:              cfg.PrivateKeys,
		KeyAlgorithms:     []string{"RSA-OAEP", "RSA-OAEP-256"},
		ContentAlgorithms: []string{"A256CBC-HS512"},
		Now:               cfg.Now,
	})
	if err != nil {
		return nil, fmt.Errorf("transunion: %w", err)
	}
	return &Verifier{tokenVerifier: token, body: body}, nil
}

// Precheck implements truhook.Prechecker: it rejects a head without one token of the right form, algorithm and key id,
// and does nothing dearer than decoding it.
func (v *Verifier) Precheck(ctx context.Context, d *truhook.Delivery) error {
	if v == nil || v.tokenVerifier == nil || v.body == nil {
		return fail(truhook.NoKey, nil)
	}
	return v.tokenVerifier.Precheck(ctx, d)
}

// Verify implements truhook.Verifier. The token and its binding to the request come first, in the order and with the
// reasons of jose.Verifier.Verify. Only then the body is decrypted into Payload, and the device response, the member
// auth_jwe or in older ones auth, into Inner.
//
// DecryptFailed is whatever does not decrypt, the device response too; UnknownDecryptionKey a body or a device response
// for a private key that is not among PrivateKeys: the token was genuine, so this is yours to mend, and 503.
// MalformedPayload is a body that is no event. The session-end event comes unencrypted, and nothing else may: its
// Payload is the body itself. The proof has the scheme "transunion", the id of the platform's key, and jose.Claims.
func (v *Verifier) Verify(ctx context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
	if v == nil || v.tokenVerifier == nil || v.body == nil {
		return nil, fail(truhook.NoKey, nil)
	}
	verified, err := v.tokenVerifier.Verify(ctx, d)
	if err != nil {
		return nil, err
	}
	outer := ""
	if encrypted := !bytes.HasPrefix(bytes.TrimLeft(d.Body, " \t\r\n"), []byte("{")); encrypted {
		if verified.Payload, outer, err = v.body.Decrypt(ctx, d.Body); err != nil {
			return nil, fail(truhook.ReasonOf(err), err)
		}
	}
	event, err := classify(verified.Payload)
	switch {
	case err != nil:
		return nil, err
	case outer == "" && event.kind != sessionEnd:
		return nil, fail(truhook.MalformedPayload, errNotEncrypted)
	case event.kind != authorization:
		return verified, nil
	}
	if verified.Inner, err = v.deviceResponse(ctx, event, outer); err != nil {
		return nil, fail(truhook.ReasonOf(err), err)
	}
	return verified, nil
}

var (
	errNotEncrypted = errors.New("only the session-end event may come unencrypted")
	errNoResponse   = errors.New("an authorization response without auth_jwe and auth")
)

// deviceResponse decrypts auth_jwe, which wins where it is there, by its own key id, or the older auth by
// public_key_id; the documented rule is that both are the id of the body's key.
func (v *Verifier) deviceResponse(ctx context.Context, e members, outer string) ([]byte, error) {
	if raw := e.of["auth_jwe"]; !strictjson.IsNull(raw) {
		jwe, ok := strictjson.String(raw)
		if !ok {
			return nil, &truhook.Error{Reason: truhook.MalformedPayload, Err: errNoResponse}
		}
		inner, _, err := v.body.Decrypt(ctx, []byte(jwe))
		return inner, err
	}
	folded, ok := strictjson.String(e.of["auth"])
	if !ok {
		return nil, &truhook.Error{Reason: truhook.MalformedPayload, Err: errNoResponse}
	}
	keyID := outer
	if raw := e.of["public_key_id"]; !strictjson.IsNull(raw) {
		if keyID, ok = strictjson.String(raw); !ok {
			return nil, &truhook.Error{Reason: truhook.MalformedPayload, Err: errNoResponse}
		}
	}
	// Real values are folded at 64 columns with CRLF, which encoding/base64 skips.
	ciphertext, err := base64.StdEncoding.Strict().DecodeString(folded)
	if err != nil {
		return nil, &truhook.Error{Reason: truhook.DecryptFailed, Err: errors.New("auth is not base64")}
	}
	return v.body.DecryptRSA(ctx, "RSA-OAEP", keyID, ciphertext)
}

// fail names the scheme once; an error of package jose that has no scheme yet gives its cause.
func fail(r truhook.Reason, err error) error {
	var own *truhook.Error
	if errors.As(err, &own) && own.Scheme == "" && own.Reason == r {
		err = own.Err
	}
	return &truhook.Error{Scheme: scheme, Reason: r, Err: err}
}

// isEntity reports whether id is one of the types, a colon and a lower-case UUID.
func isEntity(id string, types ...string) bool {
	kind, uuid, _ := strings.Cut(id, ":")
	known := false
	for _, t := range types {
		known = known || t == kind
	}
	if !known || len(uuid) != 36 {
		return false
	}
	for i := range len(uuid) {
		c := uuid[i]
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
