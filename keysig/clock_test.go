package keysig_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/keysig"
)

// A clock that panics costs no source a fetch, and its audit nothing.
func TestCachedKeys_WhereNowPanicsTheRealTimeCounts(t *testing.T) {
	t.Parallel()
	const name, address = "messages.acme.example", "https://certs.acme.example/a.pem"
	until := time.Now().Add(time.Hour)
	root, rootKey := issued(t, "root", nil, nil, until)
	leaf, _ := issued(t, name, root, rootKey, until)
	expired, _ := issued(t, name, root, rootKey, time.Now().Add(-time.Minute))
	roots := x509.NewCertPool()
	roots.AddCert(root)
	set, err := json.Marshal(object{"keys": []any{jwkOf(t, keysig.ECDSA, "k")}})
	require.NoError(t, err)
	answer := func(body string) *http.Client {
		return &http.Client{Transport: transportFunc(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
		})}
	}
	certificate := func(der []byte) func(cfg hmacsig.CacheConfig) (*keysig.CachedKeys, error) {
		return func(cfg hmacsig.CacheConfig) (*keysig.CachedKeys, error) {
			return keysig.NewCertificateKeys("certs.acme.example", name, roots, answer(pemOf(t, "CERTIFICATE", der)), cfg)
		}
	}
	mine := key(keysig.ECDSA, "k")
	for what, c := range map[string]struct {
		open func(cfg hmacsig.CacheConfig) (*keysig.CachedKeys, error)
		id   string
		good bool
	}{
		"NewJWKSKeys": {func(cfg hmacsig.CacheConfig) (*keysig.CachedKeys, error) {
			return keysig.NewJWKSKeys("https://keys.acme.example/jwks", answer(string(set)), cfg)
		}, "", true},
		"NewCachedKeys": {func(cfg hmacsig.CacheConfig) (*keysig.CachedKeys, error) {
			return keysig.NewCachedKeys(func(context.Context) ([]keysig.Key, error) { return []keysig.Key{mine}, nil }, cfg)
		}, "", true},
		"NewCertificateKeys":                  {certificate(leaf.Raw), address, true},
		"NewCertificateKeys, and one expired": {certificate(expired.Raw), address, false},
	} {
		for which, bad := range map[string]func(call int64) bool{
			"every call": func(int64) bool { return true }, "every second call": func(n int64) bool { return n%2 == 0 },
			"the others": func(n int64) bool { return n%2 == 1 },
		} {
			var calls atomic.Int64
			var told atomic.Value
			source, err := c.open(hmacsig.CacheConfig{
				Now: func() time.Time {
					if bad(calls.Add(1)) {
						panic("truhook-test-only-secret")
					}
					return time.Now()
				},
				OnError: func(err error) { told.CompareAndSwap(nil, err.Error()) },
			})
			require.NoError(t, err)
			for range 3 {
				keys, err := source.Keys(t.Context(), keysig.Query{KeyID: c.id})
				assert.Equal(t, c.good, err == nil, "%s, %s: %v", what, which, err)
				assert.Equal(t, c.good, len(keys) == 1)
			}
			assert.NotPanics(t, func() { source.Audit(t.Context()) })
			assert.Equal(t, "keysig: Now panicked: string", told.Load(), "%s, %s", what, which)
		}
	}
}
