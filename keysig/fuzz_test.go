package keysig_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/keysig"
)

// FuzzKeyText takes any text for a key, in every way to write one: what is accepted verifies something, and an error
// does not repeat the text.
func FuzzKeyText(f *testing.F) {
	data, err := os.ReadFile("testdata/vectors.json")
	require.NoError(f, err)
	var vectors []struct{ Key string }
	require.NoError(f, json.Unmarshal(data, &vectors))
	for _, v := range vectors {
		f.Add(v.Key)
	}
	f.Add("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----")
	f.Fuzz(func(t *testing.T, text string) {
		for a := range keysig.RSAPSS + 1 {
			for _, encoding := range []hmacsig.KeyEncoding{hmacsig.KeyRaw, hmacsig.KeyHex, hmacsig.KeyBase64, hmacsig.KeyPEM} {
				s := keysig.Scheme{Algorithm: a, Form: hmacsig.Scheme{
					Name: "fuzz", Header: "X-Signature", Encoding: hmacsig.Base64, KeyText: hmacsig.KeyText{Encoding: encoding},
				}}
				k, err := s.NewKey("k", text)
				if err != nil {
					require.Zero(t, k)
					if len(text) > 16 {
						require.NotContains(t, err.Error(), text)
					}
					continue
				}
				_, err = keysig.New(s, keysig.StaticKeys(k), keysig.Config{})
				require.NoError(t, err)
			}
		}
	})
}

// FuzzJWKS takes any bytes for a JWK Set: each key that comes of it can be used.
func FuzzJWKS(f *testing.F) {
	edwards := base64.RawURLEncoding.EncodeToString(publicKeyBytes())
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","x":"` + edwards + `"}]}`))
	f.Add([]byte(`{"keys":[null,1,{},{"kty":"EC","crv":"P-256","kid":"1","x":"AA","y":"AA"},{"kty":"RSA","kid":"1","n":"AQAB","e":"AQAB"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","kid":"1","use":"enc","d":"AQAB","key_ops":["verify"]}]}`))
	f.Add([]byte(`{"keys":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, _ := keysig.ParseJWKS(data)
		seen := map[string]bool{}
		for _, k := range keys {
			a := keysig.RSAPKCS1v15
			switch k.Public.(type) {
			case ed25519.PublicKey:
				a = keysig.Ed25519
			case *ecdsa.PublicKey:
				a = keysig.ECDSA
			}
			require.NotEmpty(t, k.ID)
			require.False(t, seen[k.ID+a.String()], "two keys of one id")
			seen[k.ID+a.String()] = true
			_, err := keysig.New(scheme(a), keysig.StaticKeys(k), keysig.Config{})
			require.NoError(t, err)
		}
	})
}

func publicKeyBytes() []byte {
	return ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public().(ed25519.PublicKey)
}

// FuzzChain takes any bytes for the answer of a server of certificates.
func FuzzChain(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"))
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n"))
	f.Add([]byte("text"))
	f.Fuzz(func(t *testing.T, data []byte) {
		leaf, above, err := keysig.ParseChain(data)
		if err != nil {
			require.Nil(t, leaf)
			return
		}
		require.NotNil(t, above)
		block, _ := pem.Decode(data)
		first, err := x509.ParseCertificate(block.Bytes)
		require.NoError(t, err)
		require.True(t, first.Equal(leaf), "the first one is the leaf")
	})
}

// FuzzPinned takes any text for the URL of a certificate: only such a request leaves that goes to the host.
func FuzzPinned(f *testing.F) {
	for _, text := range []string{
		"https://certs.example.com/a.pem", "https://certs.example.com@evil.example/", "https://certs.example.com:443/", "https://certs.example.com/../x",
		"http://certs.example.com/", "https://certs.example.com?x", "https://CERTS.example.com/", "//certs.example.com/", "https://certs.example.com/\u2028",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !keysig.Pinned(text, "certs.example.com") {
			return
		}
		require.True(t, strings.HasPrefix(text, "https://certs.example.com"))
		u, err := url.Parse(text)
		require.NoError(t, err)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, text, nil)
		require.NoError(t, err)
		require.Equal(t, "certs.example.com", r.URL.Host)
		require.Empty(t, r.Header)
		require.Equal(t, "https", u.Scheme)
	})
}

// FuzzExplain takes any delivery: no explanation panics, and none proves what was not signed.
func FuzzExplain(f *testing.F) {
	v := verifier(f, scheme(keysig.Ed25519), key(keysig.Ed25519, "k"))
	good := signedBy(f, scheme(keysig.Ed25519), privateKeys()[keysig.Ed25519])
	f.Add("Acme-Signature", good.Header.Get("Acme-Signature"), "1772443800", []byte(body))
	f.Add("Acme_Signature", "v1,AAAA", "", []byte("\x1f\x8b"))
	f.Add("X", strings.Repeat("v1, ", 40), "1", bytes.Repeat([]byte("{"), 99))
	f.Fuzz(func(t *testing.T, name, value, timestamp string, content []byte) {
		d := &truhook.Delivery{Method: "POST", Header: http.Header{name: {value}, "Acme-Timestamp": {timestamp}}, Body: content, Received: now}
		e := v.Explain(t.Context(), truhook.ExplainQuery{Delivery: d, MaxHashedBytes: 1 << 16})
		for _, finding := range e.Findings {
			require.False(t, finding.Proven && !strings.Contains(value, good.Header.Get("Acme-Signature")[:20]), "%v", finding)
		}
	})
}
