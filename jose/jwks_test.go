package jose_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	gojose "github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
)

func jwk(t *testing.T, key any, change object) object {
	t.Helper()
	raw, err := gojose.JSONWebKey{Key: key}.MarshalJSON()
	require.NoError(t, err)
	all := object{}
	require.NoError(t, json.Unmarshal(raw, &all))
	all["kid"] = "1"
	for k, v := range change {
		if all[k] = v; v == nil {
			delete(all, k)
		}
	}
	return all
}

func keySet(t *testing.T, keys ...object) []byte { t.Helper(); return toJSON(t, object{"keys": keys}) }

func TestParseJWKSTakesKeysToVerifyWith(t *testing.T) {
	t.Parallel()
	k := testKeys()
	set, err := jose.ParseJWKS(keySet(t,
		jwk(t, &k.rsa.PublicKey, object{"use": "sig", "alg": "RS256", "x5c": []string{"nonsense"}, "x5u": "https://x.example"}),
		jwk(t, &k.ec.PublicKey, object{"kid": "2", "key_ops": []string{"verify"}}),
		jwk(t, k.ed.Public(), object{"kid": "3"}),
		jwk(t, &k.other.PublicKey, object{"kid": "4", "use": "enc"}),
		jwk(t, &k.other.PublicKey, object{"kid": "5", "key_ops": []string{"encrypt"}}),
		jwk(t, &k.other.PublicKey, object{"kid": "6", "alg": "RSA-OAEP"}),
		jwk(t, &k.other.PublicKey, object{"kid": "7", "alg": "ES256"}),
		jwk(t, &k.other.PublicKey, object{"kid": "8", "alg": 1}),
		jwk(t, &k.other.PublicKey, object{"kid": "9", "e": "Aw"}),
		jwk(t, &k.other.PublicKey, object{"kid": "10", "n": strings.Repeat("A", 100_000)}),
		jwk(t, &k.other.PublicKey, object{"kid": nil}),
		jwk(t, &k.other.PublicKey, object{"kid": nil}),
		jwk(t, &k.other.PublicKey, object{"kid": "a b"}),
		object{"kty": "XYZ", "kid": "11"},
	))
	require.NoError(t, err)
	var ids []string
	for _, key := range set {
		ids = append(ids, key.ID)
	}
	assert.Equal(t, []string{"1", "2", "3"}, ids)
	assert.Equal(t, "RS256", set[0].Algorithm)
	assert.Empty(t, set[1].Algorithm)
	cfg := config()
	cfg.Keys = set
	_, err = newVerifier(t, cfg).Verify(t.Context(), delivery(token(t, nil)))
	require.NoError(t, err)
}

func TestParseJWKSRefusesASetNotToBeTrusted(t *testing.T) {
	t.Parallel()
	k := testKeys()
	good := jwk(t, &k.rsa.PublicKey, nil)
	for name, data := range map[string][]byte{
		"nothing":         nil,
		"HTML":            []byte("<html>"),
		"no keys":         []byte(`{}`),
		"keys twice":      []byte(`{"keys":[],"keys":[]}`),
		"an empty set":    []byte(`{"keys":[]}`),
		"keys an object":  []byte(`{"keys":{}}`),
		"a key a string":  []byte(`{"keys":["a"]}`),
		"an id twice":     keySet(t, good, good),
		"a private key":   keySet(t, good, jwk(t, k.rsa, object{"kid": "2"})),
		"an EC private":   keySet(t, good, jwk(t, k.ec, object{"kid": "2"})),
		"a symmetric key": keySet(t, good, object{"kty": "oct", "k": "AAAA", "kid": "2"}),
		"nothing usable":  keySet(t, jwk(t, &k.rsa.PublicKey, object{"use": "enc"})),
		"deep":            []byte(`{"keys":` + strings.Repeat("[", 1_000_000)),
	} {
		set, err := jose.ParseJWKS(data)
		assert.Error(t, err, name)
		assert.Nil(t, set, name)
	}
}

// transport answers without a network.
type transport func(r *http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(status int, body io.Reader, header http.Header) *http.Response {
	return &http.Response{StatusCode: status, Body: io.NopCloser(body), Header: header, Proto: "HTTP/1.1"}
}

func TestJWKSFetchesTheSet(t *testing.T) {
	t.Parallel()
	data := keySet(t, jwk(t, &testKeys().rsa.PublicKey, nil))
	var asked []string
	client := &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
		asked = append(asked, r.Method+" "+r.URL.String())
		return answer(200, bytes.NewReader(data), nil), nil
	})}
	keys, err := jose.JWKS("https://keys.example/jwks", client, jose.CacheConfig{})
	require.NoError(t, err)
	assert.Empty(t, asked, "nothing is fetched at construction")
	cfg := config()
	cfg.Keys = keys
	v := newVerifier(t, cfg)
	for range 3 {
		_, err = v.Verify(t.Context(), delivery(token(t, nil)))
		require.NoError(t, err)
	}
	assert.Equal(t, []string{"GET https://keys.example/jwks"}, asked)
}

func TestWhatIsNoJWKSetIsAnOutage(t *testing.T) {
	t.Parallel()
	data := keySet(t, jwk(t, &testKeys().rsa.PublicKey, nil))
	for name, round := range map[string]transport{
		"an error":    func(*http.Request) (*http.Response, error) { return nil, errors.New("refused") },
		"not found":   func(*http.Request) (*http.Response, error) { return answer(404, bytes.NewReader(data), nil), nil },
		"a fault":     func(*http.Request) (*http.Response, error) { return answer(500, bytes.NewReader(data), nil), nil },
		"HTML":        func(*http.Request) (*http.Response, error) { return answer(200, strings.NewReader("<html>"), nil), nil },
		"without end": func(*http.Request) (*http.Response, error) { return answer(200, endless{}, nil), nil },
		"cut":         func(*http.Request) (*http.Response, error) { return answer(200, cut{}, nil), nil },
		"a redirect": func(r *http.Request) (*http.Response, error) {
			if r.URL.Host != "keys.example" {
				t.Error("the redirect was followed")
			}
			return answer(302, bytes.NewReader(data), http.Header{"Location": {"https://elsewhere.example/"}}), nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys, err := jose.JWKS("https://keys.example/jwks", &http.Client{Transport: round}, jose.CacheConfig{})
			require.NoError(t, err)
			cfg := config()
			cfg.Keys = keys
			_, err = newVerifier(t, cfg).Verify(t.Context(), delivery(token(t, nil)))
			require.ErrorIs(t, err, truhook.KeysUnavailable)
		})
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

type cut struct{}

func (cut) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestKeysComeOverTLSOrFromThisMachine(t *testing.T) {
	t.Parallel()
	for url, ok := range map[string]bool{
		"https://keys.example/jwks": true, "http://127.0.0.1:8080/jwks": true, "http://[::1]/jwks": true, "http://localhost/x": true,
		"http://keys.example/jwks": false, "http://127.0.0.1.example/": false, "": false, "keys.example": false, "https://": false,
		"ftp://keys.example": false, "https://user:password@keys.example/": false, "https://keys.example/?a=b": false,
		"file:///etc/passwd": false, "http://localhost.example": false, "https://keys.example/#a": false,
	} {
		_, err := jose.JWKS(url, nil, jose.CacheConfig{})
		assert.Equal(t, ok, err == nil, "%q: %v", url, err)
	}
}
