package keysig_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/keysig"
)

// sourceOf is a key source that always returns these keys.
type sourceOf []keysig.Key

func (s sourceOf) Keys(context.Context, keysig.Query) ([]keysig.Key, error) { return s, nil }

func manyKeys(t *testing.T, n int) []keysig.Key {
	t.Helper()
	keys := make([]keysig.Key, n)
	for i := range keys {
		public, _, err := ed25519.GenerateKey(rand.Reader)
		require.NoError(t, err)
		keys[i] = keysig.Key{ID: fmt.Sprintf("key-%d", i), Public: public}
	}
	keys[0] = key(keysig.Ed25519, "key-0")
	return keys
}

func TestLimits_SixteenKeysAndNoMore(t *testing.T) {
	t.Parallel()
	s := scheme(keysig.Ed25519)
	d := signedBy(t, s, privateKeys()[keysig.Ed25519])
	for n, want := range map[int]truhook.Reason{16: "", 17: truhook.KeysUnavailable} {
		keys := manyKeys(t, n)
		_, err := keysig.New(s, keysig.StaticKeys(keys...), keysig.Config{})
		assert.Equal(t, n > 16, err != nil, "%d static keys", n)
		v, err := keysig.New(s, sourceOf(keys), keysig.Config{})
		require.NoError(t, err)
		requireReason(t, want, v, d)
	}
}

func TestLimits_OfAKeyAndOfASet(t *testing.T) {
	t.Parallel()
	s := scheme(keysig.Ed25519)
	text := pemOf(t, "PUBLIC KEY", spki(t, privateKeys()[keysig.Ed25519].Public()))
	_, err := s.NewKey("k", strings.Repeat("\n", 30<<10)+text)
	require.NoError(t, err, "blanks around a block do not count")
	_, err = s.NewKey("k", strings.Repeat("\n", 32<<10)+text)
	require.Error(t, err, "but for its length")

	for n, want := range map[int]bool{1024: true, 1025: false} {
		entries := make([]any, n)
		for i := range entries {
			entries[i] = map[string]any{"kty": "oct", "kid": fmt.Sprint(i), "use": "enc"}
		}
		entries[0] = jwkOf(t, keysig.Ed25519, "k")
		set, err := json.Marshal(map[string]any{"keys": entries})
		require.NoError(t, err)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(set) }))
		source, err := keysig.NewJWKSKeys(server.URL, server.Client(), hmacsig.CacheConfig{})
		require.NoError(t, err)
		assert.Equal(t, want, source.Refresh(t.Context()) == nil, "%d entries", n)
		server.Close()
	}
}

// A private member makes an entry of a set unusable, whatever its type: whoever published it has lost the key.
func TestLimits_PrivateMembersCostTheEntry(t *testing.T) {
	t.Parallel()
	for _, member := range []string{"d", "k"} {
		entry := jwkOf(t, keysig.Ed25519, "k")
		entry[member] = base64.RawURLEncoding.EncodeToString([]byte("made for tests"))
		set, err := json.Marshal(map[string]any{"keys": []any{entry}})
		require.NoError(t, err)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(set) }))
		source, err := keysig.NewJWKSKeys(server.URL, server.Client(), hmacsig.CacheConfig{})
		require.NoError(t, err)
		require.Error(t, source.Refresh(t.Context()), member)
		server.Close()
	}
}

// issued returns a certificate for name under parent, nil for a root of its own, and its key.
func issued(t *testing.T, name string, parent *x509.Certificate, by *ecdsa.PrivateKey, until time.Time) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: until,
		BasicConstraintsValid: true, IsCA: !strings.Contains(name, "."), DNSNames: []string{name},
	}
	if parent == nil {
		parent, by = template, private
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, private.Public(), by)
	require.NoError(t, err)
	c, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return c, private
}

func TestCertificateKeys_LeadToARootForTheName(t *testing.T) {
	t.Parallel()
	const name, url = "messages.acme.example", "https://certs.acme.example/a.pem"
	until := now.Add(time.Hour)
	root, rootKey := issued(t, "root", nil, nil, until)
	middle, middleKey := issued(t, "middle", root, rootKey, until)
	leaf, leafKey := issued(t, name, middle, middleKey, until)
	otherName, otherNameKey := issued(t, "messages.evil.example", middle, middleKey, until)
	expired, expiredKey := issued(t, name, middle, middleKey, now.Add(-time.Minute))
	over, overKey := issued(t, "middle", root, rootKey, now.Add(-time.Minute))
	below, belowKey := issued(t, name, over, overKey, until)
	stranger, strangerKey := issued(t, "root", nil, nil, until)
	strangers, strangersKey := issued(t, name, stranger, strangerKey, until)
	roots := x509.NewCertPool()
	roots.AddCert(root)

	chain := func(all ...*x509.Certificate) string {
		var b strings.Builder
		for _, c := range all {
			b.WriteString(pemOf(t, "CERTIFICATE", c.Raw))
		}
		return b.String()
	}
	long := []*x509.Certificate{leaf, middle}
	for len(long) < 8 {
		one, _ := issued(t, fmt.Sprint("unrelated-", len(long)), nil, nil, until)
		long = append(long, one)
	}
	s := scheme(keysig.ECDSA)
	s.KeyID = "Acme-Cert-Url"
	for what, c := range map[string]struct {
		response string
		status   int
		signer   *ecdsa.PrivateKey
		accepts  bool
	}{
		"the chain":              {chain(leaf, middle), 200, leafKey, true},
		"eight certificates":     {chain(long...), 200, leafKey, true},
		"nine certificates":      {chain(append(long, root)...), 200, leafKey, false},
		"no intermediate":        {chain(leaf), 200, leafKey, false},
		"the root of a stranger": {chain(strangers, stranger), 200, strangersKey, false},
		"another name":           {chain(otherName, middle), 200, otherNameKey, false},
		"an expired certificate": {chain(expired, middle), 200, expiredKey, false},
		"an expired issuer":      {chain(below, over), 200, belowKey, false},
		"a private key":          {chain(leaf) + pemOf(t, "PRIVATE KEY", leaf.Raw), 200, leafKey, false},
		"nothing":                {"", 200, leafKey, false},
		"an error page":          {chain(leaf, middle), 500, leafKey, false},
		"not found":              {chain(leaf, middle), 404, leafKey, false},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			client := &http.Client{Transport: transportFunc(func(r *http.Request) (*http.Response, error) {
				assert.Equal(t, url, r.URL.String())
				return &http.Response{StatusCode: c.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(c.response))}, nil
			})}
			source, err := keysig.NewCertificateKeys("certs.acme.example", name, roots, client, hmacsig.CacheConfig{
				Now: func() time.Time { return now },
			})
			require.NoError(t, err)
			v, err := keysig.New(s, source, keysig.Config{})
			require.NoError(t, err)
			d := signedBy(t, s, c.signer)
			d.Header.Set("Acme-Cert-Url", url)
			verified, err := v.Verify(t.Context(), d)
			assert.Equal(t, c.accepts, err == nil, "%v", err)
			assert.Equal(t, c.accepts, verified != nil)
		})
	}
}

// A source that retains keys never gives more than a Verifier tries: it would refuse every delivery for that.
func TestCachedKeys_RetainNoMoreThanAVerifierTries(t *testing.T) {
	t.Parallel()
	for name, listed := range map[string]int{"one at a time": 1, "half of the most": 8, "the most": 16} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var round int
			c, err := keysig.NewCachedKeys(func(context.Context) (keys []keysig.Key, err error) {
				for i := range listed {
					keys = append(keys, key(keysig.Ed25519, fmt.Sprintf("%d-%d", round, i)))
				}
				return keys, nil
			}, hmacsig.CacheConfig{Retain: 24 * time.Hour})
			require.NoError(t, err)
			s := scheme(keysig.Ed25519)
			v, err := keysig.New(s, c, keysig.Config{})
			require.NoError(t, err)
			for round = range 20 {
				require.NoError(t, c.Refresh(t.Context()))
				_, err := v.Verify(t.Context(), signedBy(t, s, privateKeys()[keysig.Ed25519]))
				require.NoError(t, err, "after %d rotations", round)
			}
			keys, err := c.Keys(t.Context(), keysig.Query{})
			require.NoError(t, err)
			require.Len(t, keys, 16)
			assert.Equal(t, "19-0", keys[0].ID, "the current ones come first")
		})
	}
}
