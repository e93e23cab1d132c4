package keysig_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/keysig"
)

func jwkOf(t testing.TB, a keysig.Algorithm, id string) map[string]any {
	t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	switch k := privateKeys()[a].Public().(type) {
	case ed25519.PublicKey:
		return map[string]any{"kty": "OKP", "crv": "Ed25519", "kid": id, "x": b64(k)}
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		require.NoError(t, err)
		return map[string]any{"kty": "EC", "crv": "P-256", "kid": id, "x": b64(point[1:33]), "y": b64(point[33:]), "use": "sig"}
	case *rsa.PublicKey:
		return map[string]any{"kty": "RSA", "kid": id, "n": b64(k.N.Bytes()), "e": b64(big.NewInt(int64(k.E)).Bytes())}
	}
	return nil
}

// Whatever one entry is, the others serve.
func TestJWKSKeys_OddEntryCostsItselfOnly(t *testing.T) {
	t.Parallel()
	with := func(change func(m map[string]any)) map[string]any {
		m := jwkOf(t, keysig.Ed25519, "odd")
		change(m)
		return m
	}
	for name, odd := range map[string]any{
		"null":           nil,
		"a text":         "x",
		"unknown kty":    map[string]any{"kty": "XYZ", "kid": "odd"},
		"no kid":         with(func(m map[string]any) { delete(m, "kid") }),
		"kid a number":   with(func(m map[string]any) { m["kid"] = 17 }),
		"for encryption": with(func(m map[string]any) { m["use"] = "enc" }),
		"ops encrypt":    with(func(m map[string]any) { m["key_ops"] = []string{"encrypt"} }),
		"private":        changed(strangers(t, 1, numbered)[0].(object), object{"kid": "odd", "d": "AAAA"}),
		"symmetric":      map[string]any{"kty": "oct", "kid": "odd", "k": "AAAA"},
		"short":          with(func(m map[string]any) { m["x"] = "AAAA" }),
		"small order":    with(func(m map[string]any) { m["x"] = base64.RawURLEncoding.EncodeToString(make([]byte, 32)) }),
		"other curve":    with(func(m map[string]any) { m["crv"] = "X25519" }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set, err := json.Marshal(map[string]any{"keys": []any{odd, jwkOf(t, keysig.ECDSA, "twin"), jwkOf(t, keysig.Ed25519, "twin"), jwkOf(t, keysig.RSAPSS, "r")}})
			require.NoError(t, err)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(set) }))
			defer server.Close()
			source, err := keysig.NewJWKSKeys(server.URL, server.Client(), hmacsig.CacheConfig{})
			require.NoError(t, err)
			for _, a := range []keysig.Algorithm{keysig.Ed25519, keysig.ECDSA, keysig.RSAPSS} {
				s := scheme(a)
				v, err := keysig.New(s, source, keysig.Config{})
				require.NoError(t, err)
				requireReason(t, "", v, signedBy(t, s, privateKeys()[a]))
			}
			if name != "for encryption" && name != "ops encrypt" {
				assert.Equal(t, "keys-left-out", source.Audit(t.Context())[0].Name)
			}
		})
	}
}

func TestCachedKeys_StrangersCannotMakeItFetch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var fetches atomic.Int64
		good := key(keysig.Ed25519, "current")
		source, err := keysig.NewCachedKeys(func(context.Context) ([]keysig.Key, error) {
			fetches.Add(1)
			return []keysig.Key{good}, nil
		}, hmacsig.CacheConfig{})
		require.NoError(t, err)
		s := scheme(keysig.Ed25519)
		v, err := keysig.New(s, source, keysig.Config{})
		require.NoError(t, err)
		forged := signedBy(t, s, privateKeys()[keysig.Ed25519])
		forged.Body = []byte("{}")
		for range 600 { // ten a second
			_, err := v.Verify(t.Context(), forged)
			require.Less(t, truhook.ReasonOf(err).Status(), 500, "%v", err)
			time.Sleep(100 * time.Millisecond)
		}
		assert.LessOrEqual(t, fetches.Load(), int64(7))
	})
}

func TestCachedKeys_FailedSourceCannotSayMismatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		failing := false
		source, err := keysig.NewCachedKeys(func(context.Context) ([]keysig.Key, error) {
			if failing {
				return nil, errors.New("down")
			}
			return []keysig.Key{key(keysig.Ed25519, "current")}, nil
		}, hmacsig.CacheConfig{})
		require.NoError(t, err)
		s := scheme(keysig.Ed25519)
		v, err := keysig.New(s, source, keysig.Config{})
		require.NoError(t, err)
		genuine := signedBy(t, s, privateKeys()[keysig.Ed25519])
		requireReason(t, "", v, genuine)
		failing = true
		time.Sleep(2 * time.Hour)
		genuine.Received = now
		requireReason(t, "", v, genuine)
		forged := signedBy(t, s, privateKeys()[keysig.Ed25519])
		forged.Body = []byte("{}")
		requireReason(t, truhook.KeysStale, v, forged)
	})
}

// A key that cannot verify costs itself only.
func TestCachedKeys_OddKeyCostsItselfOnly(t *testing.T) {
	t.Parallel()
	s := scheme(keysig.ECDSA)
	for name, odd := range map[string]crypto.PublicKey{
		"nothing":         nil,
		"no ECDSA key":    (*ecdsa.PublicKey)(nil),
		"no curve":        &ecdsa.PublicKey{},
		"no point":        &ecdsa.PublicKey{Curve: elliptic.P256()},
		"half a point":    &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1)},
		"off the curve":   &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1), Y: big.NewInt(1)},
		"a negative one":  &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(-1), Y: big.NewInt(1)},
		"no RSA key":      (*rsa.PublicKey)(nil),
		"no modulus":      &rsa.PublicKey{E: 65537},
		"no Ed25519 key":  ed25519.PublicKey(nil),
		"a private key":   privateKeys()[keysig.ECDSA],
		"of another kind": "a text",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source, err := keysig.NewCachedKeys(func(context.Context) ([]keysig.Key, error) {
				return []keysig.Key{{ID: "odd", Public: odd}, key(keysig.ECDSA, "current")}, nil
			}, hmacsig.CacheConfig{})
			require.NoError(t, err)
			v, err := keysig.New(s, source, keysig.Config{})
			require.NoError(t, err)
			requireReason(t, "", v, signedBy(t, s, privateKeys()[keysig.ECDSA]))
			_, err = keysig.New(s, keysig.StaticKeys(keysig.Key{ID: "odd", Public: odd}), keysig.Config{})
			require.Error(t, err)
		})
	}
}

func TestFileKeys_AreReadAsTheSchemeSays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("current.pem", pemOf(t, "PUBLIC KEY", spki(t, privateKeys()[keysig.ECDSA].Public())))
	s := scheme(keysig.ECDSA)
	s.KeyID = "Acme-Key"
	source, err := keysig.NewFileKeys(dir, s, hmacsig.FileConfig{})
	require.NoError(t, err)
	v, err := keysig.New(s, source, keysig.Config{})
	require.NoError(t, err)
	d := signedBy(t, s, privateKeys()[keysig.ECDSA])
	d.Header.Set("Acme-Key", "current")
	requireReason(t, "", v, d)
	d.Header.Set("Acme-Key", "next")
	requireReason(t, truhook.UnknownKey, v, d)
	assert.Empty(t, source.Audit(t.Context()))
	require.NoError(t, source.Refresh(t.Context()))
	require.NoError(t, source.Prefetch(t.Context(), "x"))

	_, err = keysig.NewFileKeys(t.TempDir(), s, hmacsig.FileConfig{})
	require.Error(t, err, "no files")
	write("secret", "truhook-test-only-secret")
	_, err = keysig.NewFileKeys(dir, s, hmacsig.FileConfig{})
	require.Error(t, err)
	assert.NotContains(t, err.Error(), "truhook-test-only-secret")
}

func TestCertificateKeys_TakeNothingFromAnotherHost(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	client := &http.Client{Transport: transportFunc(func(r *http.Request) (*http.Response, error) {
		asked.Add(1)
		return nil, fmt.Errorf("%s is not reached by a test", r.URL.Host)
	})}
	source, err := keysig.NewCertificateKeys("certs.acme.example", "messages.acme.example", nil, client, hmacsig.CacheConfig{})
	require.NoError(t, err)
	for _, id := range []string{
		"http://certs.acme.example/a.pem", "https://certs.acme.example.evil.example/a.pem", "https://evil.example/a.pem",
		"https://certs.acme.example:8443/a.pem", "https://certs.acme.example@evil.example/a.pem", "https://certs.acme.example/a.pem?x=1",
		"https://certs.acme.example/a.pem#x", "https://CERTS.acme.example/a.pem", "//certs.acme.example/a.pem", "certs.acme.example/a.pem",
		"https://certs.acme.example/../a.pem", "https://certs.acme.example\\@evil.example/", "",
	} {
		keys, _ := source.Keys(t.Context(), keysig.Query{KeyID: id})
		assert.Empty(t, keys, id)
	}
	assert.Zero(t, asked.Load())
	for _, c := range [][2]string{{"", "a"}, {"a", ""}, {"https://a", "a"}, {"a:1", "a"}, {"*.a", "a"}, {"A", "a"}} {
		_, err := keysig.NewCertificateKeys(c[0], c[1], nil, nil, hmacsig.CacheConfig{})
		assert.Error(t, err, "%q", c)
	}
}

type transportFunc func(r *http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestCachedKeys_ZeroAndNilHaveNoKeys(t *testing.T) {
	t.Parallel()
	for _, c := range []*keysig.CachedKeys{nil, {}} {
		keys, err := c.Keys(t.Context(), keysig.Query{})
		assert.Empty(t, keys)
		require.NoError(t, err)
		require.Error(t, c.Refresh(t.Context()))
		require.Error(t, c.Run(t.Context()))
		require.Error(t, c.Prefetch(t.Context(), "a"))
		assert.NotEmpty(t, c.Audit(t.Context()))
	}
	_, err := keysig.NewCachedKeys(nil, hmacsig.CacheConfig{})
	require.Error(t, err)
	_, err = keysig.NewJWKSKeys("http://keys.example/jwks", nil, hmacsig.CacheConfig{})
	require.Error(t, err, "no TLS")
}
