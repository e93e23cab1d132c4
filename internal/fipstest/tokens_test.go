package fipstest_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	gojose "github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
)

func tokenTrials(t *testing.T) (all []trial) {
	t.Helper()
	number, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	curve := func(c elliptic.Curve) *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(c, rand.Reader)
		require.NoError(t, err)
		return key
	}
	add := func(what, algorithm string, keys jose.KeySource, secret string, private any) {
		var m made
		x := trial{area: "token", what: what, construct: func() error {
			cfg := jose.Config{
				Token: jose.HeaderToken("X-Token"), Keys: keys, Algorithms: []string{algorithm}, Issuer: "provider", Audience: "receiver",
				Binding: jose.Binding{BodyHash: "hash", BodyOnly: true, Hashes: map[string]crypto.Hash{"": crypto.SHA256}},
			}
			if secret != "" {
				s, err := jose.NewSecret("k", secret)
				if err != nil {
					return err
				}
				cfg.Secrets = jose.StaticSecrets{s}
			}
			return m.from(jose.New(cfg))
		}}
		if private != nil {
			x.deliver = func() error {
				text, err := signedToken(algorithm, private)
				if err != nil {
					return err
				}
				return judged(t, m.v, &truhook.Delivery{Header: http.Header{"X-Token": {text}}, Body: body, Received: at})
			}
		}
		all = append(all, x)
	}
	public := func(key crypto.PublicKey) jose.KeySource { return jose.StaticKeys{{ID: "k", Key: key}} }
	for _, a := range []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"} {
		add(a+", 2048 bits", a, public(number.Public()), "", number)
	}
	add("RS256, 2049 bits", "RS256", public(oddKey()), "", nil)
	for _, c := range []struct {
		algorithm string
		curve     elliptic.Curve
	}{{"ES256", elliptic.P256()}, {"ES384", elliptic.P384()}, {"ES512", elliptic.P521()}} {
		key := curve(c.curve)
		add(c.algorithm, c.algorithm, public(key.Public()), "", key)
	}
	add("EdDSA", "EdDSA", public(edwards.Public()), "", edwards)
	for _, a := range []string{"HS256", "HS384", "HS512"} {
		long := (secretText + secretText + secretText)[:64]
		add(a+", a secret of 64 bytes", a, nil, long, []byte(long))
	}
	add("HS256, a secret of 13 bytes", "HS256", nil, secretText[:13], nil)
	return all
}

func signedToken(algorithm string, private any) (string, error) {
	hash := sha256.Sum256(body)
	claims, err := json.Marshal(map[string]any{
		"iss": "provider", "aud": "receiver", "iat": at.Unix(), "exp": at.Unix() + 5, "hash": hex.EncodeToString(hash[:]),
	})
	if err != nil {
		return "", err
	}
	options := (&gojose.SignerOptions{}).WithHeader("kid", "k")
	signer, err := gojose.NewSigner(gojose.SigningKey{Algorithm: gojose.SignatureAlgorithm(algorithm), Key: private}, options)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(claims)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// contentTrials are JWEs of the recorded test keys, which crypto/rand need not make anew.
func contentTrials(t *testing.T) (all []trial) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	decrypt := func(what string, keyAlgorithms, contents []string, jwe func() string, private *rsa.PrivateKey) {
		var d *jose.Decrypter
		x := trial{area: "encrypted content", what: what, construct: func() (err error) {
			d, err = jose.NewDecrypter(jose.DecrypterConfig{
				Keys: jose.StaticPrivateKeys{{ID: "k", Key: private}}, KeyAlgorithms: keyAlgorithms, ContentAlgorithms: contents,
			})
			return err
		}}
		if jwe != nil {
			x.deliver = func() error {
				_, _, err := d.Decrypt(context.Background(), []byte(jwe()))
				return err
			}
		}
		all = append(all, x)
	}
	cbc := []string{"A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512"}
	gcm := []string{"A128GCM", "A192GCM", "A256GCM"}
	for _, enc := range append(cbc, gcm...) {
		decrypt("RSA-OAEP-256 and "+enc, []string{"RSA-OAEP-256"}, []string{enc}, func() string { return encrypted(t, "RSA-OAEP-256", enc, key) }, key)
	}
	decrypt("RSA-OAEP (SHA-1) and "+cbc[2], []string{"RSA-OAEP"}, cbc[2:], func() string { return encrypted(t, "RSA-OAEP", cbc[2], key) }, key)
	both := []string{"RSA-OAEP", "RSA-OAEP-256"}
	decrypt("both, RSA-OAEP-256 comes", both, cbc[2:], func() string { return encrypted(t, "RSA-OAEP-256", cbc[2], key) }, key)
	decrypt("both, RSA-OAEP comes", both, cbc[2:], func() string { return encrypted(t, "RSA-OAEP", cbc[2], key) }, key)
	return all
}

// encrypted is a JWE to key. What the mode does not let us make stands as a form that gets as far.
func encrypted(t *testing.T, algorithm, enc string, key *rsa.PrivateKey) string {
	t.Helper()
	to := gojose.Recipient{Algorithm: gojose.KeyAlgorithm(algorithm), Key: key.Public(), KeyID: "k"}
	encrypter, err := gojose.NewEncrypter(gojose.ContentEncryption(enc), to, nil)
	require.NoError(t, err)
	if jwe, err := encrypter.Encrypt(body); err == nil {
		text, err := jwe.CompactSerialize()
		require.NoError(t, err)
		return text
	}
	part := func(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
	header := fmt.Sprintf(`{"alg":%q,"enc":%q,"kid":"k"}`, algorithm, enc)
	iv := 16
	if enc[len(enc)-3:] == "GCM" {
		iv = 12
	}
	tag := map[string]int{"A192CBC-HS384": 24, "A256CBC-HS512": 32}[enc]
	return part([]byte(header)) + "." + part(make([]byte, 256)) + "." + part(make([]byte, iv)) + "." + part(make([]byte, 16)) + "." +
		part(make([]byte, max(tag, 16)))
}
