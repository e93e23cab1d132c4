package jose_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
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

func TestParseJWKS_RejectsASetOfWhichNothingIsLeft(t *testing.T) {
	t.Parallel()
	k := testKeys()
	many := make([]object, 1025)
	for i := range many {
		many[i] = object{}
	}
	for name, data := range map[string][]byte{
		"nothing":               nil,
		"HTML":                  []byte("<html>"),
		"no keys":               []byte(`{}`),
		"keys twice":            []byte(`{"keys":[],"keys":[]}`),
		"an empty set":          []byte(`{"keys":[]}`),
		"keys null":             []byte(`{"keys":null}`),
		"keys an object":        []byte(`{"keys":{}}`),
		"a key a string":        []byte(`{"keys":["a"]}`),
		"a private key":         keySet(t, jwk(t, k.rsa, nil)),
		"a symmetric key":       keySet(t, object{"kty": "oct", "k": "AAAA", "kid": "2"}),
		"an encryption key":     keySet(t, jwk(t, &k.rsa.PublicKey, object{"use": "enc"})),
		"twins":                 keySet(t, jwk(t, &k.rsa.PublicKey, object{"use": "sig"}), jwk(t, &k.other.PublicKey, object{"use": "sig"})),
		"more than 1024 keys":   keySet(t, append(many, jwk(t, &k.rsa.PublicKey, nil))...),
		"deep":                  []byte(`{"keys":` + strings.Repeat("[", 1_000_000)),
		"not UTF-8":             []byte("{\"keys\":[{\"kid\":\"\xff\"}]}"),
		"something follows":     append(keySet(t, jwk(t, &k.rsa.PublicKey, nil)), "{}"...),
		"members of other case": bytes.ReplaceAll(keySet(t, jwk(t, &k.rsa.PublicKey, nil)), []byte(`"keys"`), []byte(`"Keys"`)),
	} {
		set, err := jose.ParseJWKS(data)
		require.Error(t, err, name)
		assert.Nil(t, set, name)
		assert.NotEmpty(t, jose.AuditJWKS(now, data), name)
	}
}

// One odd entry of a foreign list costs that entry and is reported; the key beside it goes on.
func TestParseJWKS_OneOddEntryCostsThatEntry(t *testing.T) {
	t.Parallel()
	k := testKeys()
	other := func(change object) json.RawMessage { return toJSON(t, jwk(t, &k.other.PublicKey, change)) }
	of := func(entries ...json.RawMessage) []json.RawMessage { return entries }
	for name, test := range map[string]struct {
		odd      []json.RawMessage
		left     []string // ids beside "good"
		reported bool
	}{
		"null":                  {of([]byte(`null`)), nil, true},
		"a number":              {of([]byte(`17`)), nil, true},
		"a string":              {of([]byte(`"x"`)), nil, true},
		"a list":                {of([]byte(`[]`)), nil, true},
		"an empty object":       {of([]byte(`{}`)), nil, true},
		"a member twice":        {of([]byte(`{"kty":"RSA","kty":"RSA","kid":"2"}`)), nil, true},
		"no kty":                {of(other(object{"kid": "2", "kty": nil})), nil, true},
		"kty null":              {of(other(object{"kid": "2", "kty": null{}})), nil, true},
		"kty of a newer RFC":    {of([]byte(`{"kty":"AKP","alg":"ML-DSA-44","pub":"AAAA","kid":"2"}`)), nil, true},
		"kty of another curve":  {of([]byte(`{"kty":"OKP","crv":"X25519","x":"AAAA","kid":"2"}`)), nil, true},
		"use null":              {of(other(object{"kid": "2", "use": null{}})), nil, true},
		"use empty":             {of(other(object{"kid": "2", "use": ""})), nil, true},
		"use a number":          {of(other(object{"kid": "2", "use": 1})), nil, true},
		"use enc":               {of(other(object{"kid": "2", "use": "enc"})), nil, false},
		"use of its own":        {of(other(object{"kid": "2", "use": "x"})), nil, false},
		"key_ops null":          {of(other(object{"kid": "2", "key_ops": null{}})), nil, true},
		"key_ops a string":      {of(other(object{"kid": "2", "key_ops": "verify"})), nil, true},
		"key_ops to encrypt":    {of(other(object{"kid": "2", "key_ops": []string{"encrypt"}})), nil, false},
		"alg empty":             {of(other(object{"kid": "2", "alg": ""})), nil, true},
		"alg null":              {of(other(object{"kid": "2", "alg": null{}})), nil, true},
		"alg none":              {of(other(object{"kid": "2", "alg": "none"})), nil, true},
		"alg HS256":             {of(other(object{"kid": "2", "alg": "HS256"})), nil, true},
		"alg of another kind":   {of(other(object{"kid": "2", "alg": "ES256"})), nil, true},
		"no kid":                {of(other(object{"kid": nil})), nil, true},
		"kid null":              {of(other(object{"kid": null{}})), nil, true},
		"kid empty":             {of(other(object{"kid": ""})), nil, true},
		"kid a number":          {of(other(object{"kid": 2})), nil, true},
		"kid with a line break": {of(other(object{"kid": "2\n"})), nil, true},
		"exponent 3":            {of(other(object{"kid": "2", "e": "Aw"})), nil, true},
		"no modulus":            {of(other(object{"kid": "2", "n": nil})), nil, true},
		"a long modulus":        {of(other(object{"kid": "2", "n": strings.Repeat("A", 100_000)})), nil, true},
		"padding":               {of(other(object{"kid": "2", "e": "AQAB=="})), nil, true},
		"17 levels":             {of([]byte(`{"kid":"2","x":` + strings.Repeat("[", 17) + strings.Repeat("]", 17) + `}`)), nil, true},
		"a symmetric key":       {of([]byte(`{"kty":"oct","k":"AAAA","kid":"2"}`)), nil, true},
		"a private key":         {of(toJSON(t, jwk(t, k.other, object{"kid": "2"}))), nil, true},
		"a private key and its public half": {
			of(toJSON(t, jwk(t, k.other, object{"kid": "2"})), other(object{"kid": "3"})), nil, true,
		},
		"a kid as sig and as enc": {
			of(other(object{"kid": "2", "use": "sig"}), toJSON(t, jwk(t, &k.rsa.PublicKey, object{"kid": "2", "use": "enc"}))),
			[]string{"2"}, false,
		},
		"a kid as RSA and as EC": {
			of(other(object{"kid": "2", "use": "sig"}), toJSON(t, jwk(t, &k.ec.PublicKey, object{"kid": "2", "use": "sig"}))),
			[]string{"2", "2"}, false,
		},
		"a kid twice, the same key": {of(other(object{"kid": "2"}), other(object{"kid": "2"})), []string{"2"}, false},
		"a kid twice, without a use": {
			of(other(object{"kid": "2"}), toJSON(t, jwk(t, &k.rsa.PublicKey, object{"kid": "2"}))), []string{"2", "2"}, false,
		},
		"a kid twice, one use and kty": {
			of(other(object{"kid": "2", "use": "sig"}), toJSON(t, jwk(t, &k.rsa.PublicKey, object{"kid": "2", "use": "sig"}))),
			nil, true,
		},
		"a kid twice, one use and kty, one alg": {
			of(other(object{"kid": "2", "use": "sig", "alg": "RS256"}),
				toJSON(t, jwk(t, &k.rsa.PublicKey, object{"kid": "2", "use": "sig", "alg": "RS256"}))),
			nil, true,
		},
		"a kid twice, for two algorithms": {
			of(other(object{"kid": "2", "use": "sig", "alg": "RS256"}),
				toJSON(t, jwk(t, &k.rsa.PublicKey, object{"kid": "2", "use": "sig", "alg": "PS256"}))),
			[]string{"2", "2"}, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			good := toJSON(t, jwk(t, &k.rsa.PublicKey, object{"kid": "good"}))
			for _, entries := range [][]json.RawMessage{append(of(good), test.odd...), append(slices.Clone(test.odd), good)} {
				data := toJSON(t, map[string]any{"keys": entries})
				set, err := jose.ParseJWKS(data)
				require.NoError(t, err)
				var ids []string
				for _, key := range set {
					ids = append(ids, key.ID)
				}
				assert.ElementsMatch(t, append([]string{"good"}, test.left...), ids)
				reported := slices.ContainsFunc(jose.AuditJWKS(now, data), func(f truhook.Finding) bool { return f.Name == "keys-left-out" })
				assert.Equal(t, test.reported, reported)

				problems := make(chan error, 10)
				keys, err := jose.JWKS("https://keys.example/jwks", &http.Client{Transport: transport(func(*http.Request) (*http.Response, error) {
					return answer(200, bytes.NewReader(data), nil), nil
				})}, jose.CacheConfig{OnError: func(err error) { problems <- err }})
				require.NoError(t, err)
				cfg := config()
				cfg.Keys = keys
				_, err = newVerifier(t, cfg).Verify(t.Context(), delivery(rawToken(t, k.rsa, `{"alg":"RS256","kid":"good"}`, string(toJSON(t, claims(nil))))))
				require.NoError(t, err, "from the server to the verdict")
				found := slices.ContainsFunc(keys.Audit(t.Context()), func(f truhook.Finding) bool { return f.Name == "keys-left-out" })
				assert.Equal(t, test.reported, found)
				if test.reported {
					require.Error(t, <-problems)
				}
			}
		})
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
