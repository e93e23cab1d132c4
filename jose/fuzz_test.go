package jose_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
)

// assertOwn holds an error to being a refusal that is the sender's fault, or a named fault of the keys.
func assertOwn(t *testing.T, err error) {
	t.Helper()
	var refusal *truhook.Error
	require.ErrorAs(t, err, &refusal)
	require.NotEqual(t, truhook.Internal, truhook.ReasonOf(err), "%v", err)
}

// quick is config with signatures that cost a tenth of RSA's: a fuzzer looks at parsers.
func quick() jose.Config {
	cfg := config()
	cfg.Algorithms = []string{"EdDSA"}
	cfg.Keys = jose.StaticKeys{{ID: "1", Key: testKeys().ed.Public()}}
	return cfg
}

// quickToken signs any header and any payload with Ed25519, whatever the header says.
func quickToken(header, payload string) string {
	input := b64([]byte(header)) + "." + b64([]byte(payload))
	return input + "." + b64(ed25519.Sign(testKeys().ed, []byte(input)))
}

const quickHeader = `{"alg":"EdDSA","kid":"1"}`

// FuzzTokenHeader signs whatever header it is given: only the exact algorithm and key id are accepted.
func FuzzTokenHeader(f *testing.F) {
	for _, h := range []string{
		quickHeader, `{"alg":"RS256","kid":"1"}`, `{"alg":"none"}`, `{"alg":"EdDSA","kid":"1","crit":["a"]}`, `{"alg":"RS256","kid":1}`,
		`{"alg":"EdDSA","kid":"1","nonce":5,"typ":{},"x5t#S256":"a","x5t":[],"cty":1}`,
	} {
		f.Add(h)
	}
	v := newVerifier(f, quick())
	payload := string(toJSON(f, claims(nil)))
	f.Fuzz(func(t *testing.T, header string) {
		_, err := v.Verify(t.Context(), delivery(quickToken(header, payload)))
		if err != nil {
			assertOwn(t, err)
			return
		}
		require.Contains(t, header, "EdDSA")
		require.NotContains(t, header, `"crit"`)
	})
}

// FuzzToken takes any text for a token: none but the one that was signed is accepted.
func FuzzToken(f *testing.F) {
	good := quickToken(quickHeader, string(toJSON(f, claims(nil))))
	for _, s := range []string{good, good[:len(good)-1], "..", "a.b.c", good + "." + good} {
		f.Add(s)
	}
	v := newVerifier(f, quick())
	f.Fuzz(func(t *testing.T, text string) {
		for _, h := range []http.Header{{"X-Token": {text}}, {"Authorization": {text}}} {
			d := delivery("")
			d.Header = h
			verdict := v.Precheck(t.Context(), d)
			_, err := v.Verify(t.Context(), d)
			if err == nil {
				require.Equal(t, good, text)
				continue
			}
			assertOwn(t, err)
			if verdict != nil {
				require.Equal(t, truhook.ReasonOf(verdict), truhook.ReasonOf(err))
			}
		}
	})
}

// FuzzClaims signs whatever claims it is given.
func FuzzClaims(f *testing.F) {
	f.Add(toJSON(f, claims(nil)))
	f.Add([]byte(`{"iss":"issuer","aud":["audience",1],"exp":1e400}`))
	v := newVerifier(f, quick())
	f.Fuzz(func(t *testing.T, payload []byte) {
		_, err := v.Verify(t.Context(), delivery(quickToken(quickHeader, string(payload))))
		if err != nil {
			assertOwn(t, err)
			return
		}
		for _, part := range []string{"issuer", "audience", "hook", "POST", "S256"} {
			require.True(t, bytes.Contains(payload, []byte(part)) || bytes.Contains(payload, []byte(`\u`)))
		}
	})
}

// FuzzJWE takes any header and any other parts, with a right tag where there can be one.
func FuzzJWE(f *testing.F) {
	f.Add(`{"alg":"RSA-OAEP-256","enc":"A256CBC-HS512","kid":"1"}`, make([]byte, 64), make([]byte, 16), []byte("x"), false)
	f.Add(`{"alg":"RSA-OAEP","enc":"A256CBC-HS512","kid":"2","zip":"DEF"}`, make([]byte, 31), []byte{}, []byte{}, true)
	d := newDecrypter(f, decrypterConfig())
	f.Fuzz(func(t *testing.T, header string, cek, iv, data []byte, asCiphertext bool) {
		if len(cek) > 128 || header == "" {
			return // more than OAEP takes; jwe fills in a header
		}
		m := jwe{header: header, cek: append([]byte{}, cek...), iv: append([]byte{}, iv...), content: data}
		if asCiphertext {
			m.ciphertext = append([]byte{}, data...)
		}
		got, _, err := d.Decrypt(t.Context(), m.text(t))
		if err != nil {
			assertOwn(t, err)
			return
		}
		require.Len(t, cek, 64)
		require.Len(t, iv, 16)
		if !asCiphertext {
			require.Equal(t, string(data), string(got))
		}
		_, _, err = d.Decrypt(t.Context(), data)
		require.Error(t, err)
	})
}

// FuzzPEM takes any text for a key: what is accepted meets the policy and is the same when written and read again.
func FuzzPEM(f *testing.F) {
	for _, name := range []string{"service-current", "platform-public"} {
		data, err := os.ReadFile("../recorded/deliveries/transunion/" + name + ".pem")
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if key, err := jose.ParsePublicKey(data); err == nil {
			der, err := x509.MarshalPKIXPublicKey(key)
			require.NoError(t, err)
			again, err := jose.ParsePublicKey(block("PUBLIC KEY", der))
			require.NoError(t, err)
			require.True(t, key.(interface{ Equal(crypto.PublicKey) bool }).Equal(again))
		}
		if key, err := jose.ParsePrivateKey(data); err == nil {
			_, err := jose.NewDecrypter(jose.DecrypterConfig{
				Keys:          jose.StaticPrivateKeys{{ID: "1", Key: key}},
				KeyAlgorithms: []string{"RSA-OAEP"}, ContentAlgorithms: []string{"A256CBC-HS512"},
			})
			require.NoError(t, err)
		}
		_, _ = jose.ParseJWKS(data)
	})
}

// No set of keys makes it panic, and what it gives can be used.
func FuzzJWKS(f *testing.F) {
	good := toJSON(f, object{"keys": []any{map[string]any{"kty": "RSA", "kid": "1", "e": "AQAB", "n": b64(testKeys().rsa.N.Bytes())}}})
	f.Add(good)
	for _, seed := range []string{
		`{"keys":[null,1,"x",[],{}]}`, `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","x":"AAAA"}]}`,
		`{"keys":[{"kty":"EC","crv":"P-256","kid":"1","x":"AA","y":"AA","use":"sig"}]}`, `{"keys":[{"kty":"oct","k":"AA"}]}`,
		`{"keys":[{"kty":"RSA","kid":"1","n":"AQAB","e":"AQAB","d":"AQAB"}]}`, `{"keys":{}}`, `[]`, "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		findings := jose.AuditJWKS(now, data)
		keys, err := jose.ParseJWKS(data)
		if err != nil {
			if keys != nil || len(findings) == 0 {
				t.Fatal("an error beside keys, or without a finding")
			}
			return
		}
		cfg := config()
		cfg.Keys = keys
		if _, err := jose.New(cfg); err != nil {
			t.Fatalf("keys that New rejects: %v", err)
		}
	})
}

// No delivery makes an explanation panic, and none that was not signed is proven.
func FuzzExplain(f *testing.F) {
	v := newVerifier(f, quick())
	good := quickToken(quickHeader, string(toJSON(f, claims(nil))))
	f.Add("X-Token", good, "/hook", []byte(`{}`))
	f.Add("Authorization", "Bearer a.b.c", "/x?y", []byte("a=b"))
	f.Add("X_Token", `"`+good+`=",v1=`, "", []byte("\x1f\x8b"))
	f.Fuzz(func(t *testing.T, name, value, uri string, body []byte) {
		d := &truhook.Delivery{Method: "POST", RequestURI: uri, Header: http.Header{name: {value}}, Body: body, Received: now}
		e := v.Explain(t.Context(), truhook.ExplainQuery{Delivery: d, MaxHashedBytes: 1 << 16})
		for _, finding := range e.Findings {
			if finding.Proven && !strings.Contains(value, good[:40]) {
				t.Fatalf("proven: %v", finding)
			}
		}
	})
}

// FuzzDecrypt takes any text for encrypted content: nothing is read that was not encrypted.
func FuzzDecrypt(f *testing.F) {
	good := jwe{content: body}.text(f)
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(bytes.ToUpper(good))
	f.Add([]byte("e30..."))
	f.Add([]byte("....."))
	d := newDecrypter(f, decrypterConfig())
	f.Fuzz(func(t *testing.T, text []byte) {
		got, _, err := d.Decrypt(t.Context(), text)
		if err != nil {
			assertOwn(t, err)
			return
		}
		require.Equal(t, string(body), string(got))
	})
}

// FuzzBearer takes any line for an Authorization header: none but the token that was signed passes.
func FuzzBearer(f *testing.F) {
	good := quickToken(quickHeader, string(toJSON(f, claims(nil))))
	f.Add("Bearer " + good)
	f.Add("bearer  " + good)
	f.Add("Basic dTpw")
	f.Add("Bearer , Bearer " + good)
	check, err := jose.Bearer(jose.BearerConfig{
		Issuer: "issuer", Audience: "audience", Algorithms: []string{"EdDSA"}, Keys: jose.StaticKeys{{ID: "1", Key: testKeys().ed.Public()}},
	})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, line string) {
		err := check.Run(t.Context(), &truhook.Delivery{Header: http.Header{"Authorization": {line}}, Received: now})
		if err != nil {
			assertOwn(t, err)
			return
		}
		require.True(t, strings.HasSuffix(strings.TrimSpace(line), good), "%q", line)
	})
}
