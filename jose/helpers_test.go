package jose_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
)

// testKeys are of recorded/deliveries, the same in each run, so that fuzzing can compare runs, and made for tests.
var testKeys = sync.OnceValue(func() (k struct {
	rsa, other *rsa.PrivateKey
	ec         *ecdsa.PrivateKey
	ed         ed25519.PrivateKey
}) {
	for name, to := range map[string]**rsa.PrivateKey{"service-current": &k.rsa, "service-retired": &k.other} {
		data, err := os.ReadFile("../recorded/deliveries/transunion/" + name + ".pem")
		if err != nil {
			panic(err)
		}
		block, _ := pem.Decode(data)
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			panic(err)
		}
		*to = key.(*rsa.PrivateKey)
	}
	var err error
	if k.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		panic(err)
	}
	k.ed = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	return k
})

// largeKey is larger than the other keys.
var largeKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		panic(err)
	}
	return key
})

var (
	now  = time.Unix(1772443800, 0)
	body = []byte(`{"hello":"world"}`)
)

type object = map[string]any

func b64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func toJSON(t testing.TB, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	require.NoError(t, err)
	return data
}

// claims of a true token, changed; a nil value takes the member away.
func claims(change object) object {
	sum := sha256.Sum256(body)
	all := object{
		"iss": "issuer", "aud": "audience", "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Unix() + 5, "jti": "1",
		"request": object{"meth": "POST", "path": "/hook", "func": "S256", "hash": hex.EncodeToString(sum[:])},
	}
	maps.Copy(all, change)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	return all
}

// rawToken signs any header and any payload with RS256, whatever the header says.
func rawToken(t testing.TB, key *rsa.PrivateKey, header, payload string) string {
	t.Helper()
	input := b64([]byte(header)) + "." + b64([]byte(payload))
	sum := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	require.NoError(t, err)
	return input + "." + b64(signature)
}

func token(t testing.TB, change object) string {
	t.Helper()
	return rawToken(t, testKeys().rsa, `{"alg":"RS256","kid":"1"}`, string(toJSON(t, claims(change))))
}

func signed(t testing.TB, algorithm string, key any) string {
	t.Helper()
	return signedPayload(t, algorithm, key, toJSON(t, claims(nil)))
}

// signedPayload signs with another library than the one under test.
func signedPayload(t testing.TB, algorithm string, key any, payload []byte) string {
	t.Helper()
	signer, err := gojose.NewSigner(gojose.SigningKey{Algorithm: gojose.SignatureAlgorithm(algorithm), Key: key},
		(&gojose.SignerOptions{}).WithHeader("kid", "1"))
	require.NoError(t, err)
	jws, err := signer.Sign(payload)
	require.NoError(t, err)
	text, err := jws.CompactSerialize()
	require.NoError(t, err)
	return text
}

func delivery(token string) *truhook.Delivery {
	return &truhook.Delivery{
		Method: "POST", RequestURI: "/hook?a=b", Received: now, Body: body,
		Header: http.Header{"X-Token": {token}},
	}
}

func binding() jose.Binding {
	return jose.Binding{
		Method: "request.meth", Path: "request.path", BodyHash: "request.hash", HashName: "request.func",
		Hashes: map[string]crypto.Hash{"S256": crypto.SHA256, "S384": crypto.SHA384},
	}
}

func config() jose.Config {
	return jose.Config{
		Token: jose.HeaderToken("X-Token"), Algorithms: []string{"RS256"},
		Keys:   jose.StaticKeys{{ID: "1", Key: &testKeys().rsa.PublicKey}},
		Issuer: "issuer", Audience: "audience", Binding: binding(),
	}
}

func newVerifier(t testing.TB, cfg jose.Config) *jose.Verifier {
	t.Helper()
	v, err := jose.New(cfg)
	require.NoError(t, err)
	return v
}

// keySetFunc is a KeySource made of a function.
type keySetFunc func(ctx context.Context, id string) ([]jose.PublicKey, error)

func (f keySetFunc) PublicKeys(ctx context.Context, q jose.Query) ([]jose.PublicKey, error) {
	return f(ctx, q.KeyID)
}

type privateKeySetFunc func(ctx context.Context, id string) ([]jose.PrivateKey, error)

func (f privateKeySetFunc) PrivateKeys(ctx context.Context, id string) ([]jose.PrivateKey, error) {
	return f(ctx, id)
}
