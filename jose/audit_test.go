package jose_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
)

// findingNames leaves out what is found in FIPS mode only, whatever the keys are.
func findingNames(findings []truhook.Finding) []string {
	var all []string
	for _, f := range findings {
		if f.Name != "fips-and-sha1" {
			all = append(all, f.Name)
		}
	}
	return all
}

func TestAuditFindsKeysThatAreWeakOrNearTheirEnd(t *testing.T) {
	t.Parallel()
	keys := testKeys()
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	public := func(end time.Duration) jose.PublicKey {
		k := jose.PublicKey{ID: "a", Key: &keys.rsa.PublicKey}
		if end != 0 {
			k.NotAfter = now.Add(end)
		}
		return k
	}
	for name, test := range map[string]struct {
		keys []jose.PublicKey
		want []string
	}{
		"none":           {nil, []string{"no-valid-key"}},
		"for ever":       {[]jose.PublicKey{public(0)}, nil},
		"eight days":     {[]jose.PublicKey{public(8 * 24 * time.Hour)}, nil},
		"six days":       {[]jose.PublicKey{public(6 * 24 * time.Hour)}, []string{"key-expires-soon"}},
		"over":           {[]jose.PublicKey{public(-time.Second)}, []string{"key-expired", "no-valid-key"}},
		"1024 bits":      {[]jose.PublicKey{{ID: "w", Key: &weak.PublicKey}}, []string{"key-against-policy", "no-valid-key"}},
		"nil key":        {[]jose.PublicKey{{ID: "w"}}, []string{"key-against-policy", "no-valid-key"}},
		"one of several": {[]jose.PublicKey{public(0), {ID: "w", Key: &weak.PublicKey}}, []string{"key-against-policy"}},
	} {
		assert.Equal(t, test.want, findingNames(jose.AuditKeys(now, test.keys...)), name)
	}
	assert.Equal(t, []string{"no-valid-key"}, findingNames(jose.AuditPrivateKeys(now)))
	assert.Equal(t, []string{"key-against-policy", "no-valid-key"},
		findingNames(jose.AuditPrivateKeys(now, jose.PrivateKey{ID: "w", Key: weak})))
	assert.Equal(t, []string{"key-expires-soon"},
		findingNames(jose.AuditPrivateKeys(now, jose.PrivateKey{ID: "a", Key: keys.rsa, NotAfter: now.Add(time.Hour)})))
}

func TestAuditOfACachedKeySet(t *testing.T) {
	t.Parallel()
	keys, clock := testKeys(), now
	down := errors.New("no route")
	failure := down
	set, err := jose.CacheSet(func(context.Context) ([]jose.PublicKey, error) {
		return []jose.PublicKey{{ID: "a", Key: &keys.rsa.PublicKey}}, failure
	}, jose.CacheConfig{Now: func() time.Time { return clock }})
	require.NoError(t, err)
	found := set.Audit(t.Context())
	assert.Equal(t, []string{"keys-unavailable"}, findingNames(found))
	failure, clock = nil, clock.Add(time.Minute)
	assert.Empty(t, set.Audit(t.Context()))
	failure, clock = down, clock.Add(2*time.Hour)
	_, err = set.PublicKeys(t.Context(), jose.Query{KeyID: "a"})
	require.NoError(t, err)
	assert.Equal(t, []string{"keys-stale"}, findingNames(set.Audit(t.Context())))
	assert.NotEmpty(t, (*jose.CachedKeys)(nil).Audit(t.Context()))
	assert.NotEmpty(t, (*jose.Verifier)(nil).Audit(t.Context()))
}

// A mistyped address answers 404 for every id: the audit tells once somebody has asked.
func TestCachedKeys_AuditTellsOfASourceThatHasNeverGivenAKey(t *testing.T) {
	t.Parallel()
	keys, err := jose.CacheByID(func(context.Context, string) ([]jose.PublicKey, error) { return nil, nil }, jose.CacheConfig{})
	require.NoError(t, err)
	assert.Empty(t, keys.Audit(t.Context()), "nothing is known yet")
	cfg := config()
	cfg.Keys = keys
	_, err = newVerifier(t, cfg).Verify(t.Context(), delivery(token(t, nil)))
	require.ErrorIs(t, err, truhook.KeysStale)
	assert.Equal(t, []string{"keys-unavailable"}, findingNames(keys.Audit(t.Context())))
}

func TestVerifier_AuditLooksAtSecretsAndAtWhatTokensLack(t *testing.T) {
	t.Parallel()
	short, err := jose.NewSecret("short", "canary")
	require.NoError(t, err)
	long, err := jose.NewSecret("long", sharedSecret)
	require.NoError(t, err)
	cfg := config()
	cfg.Keys, cfg.Secrets, cfg.Algorithms = nil, jose.StaticSecrets{long}, []string{"HS256"}
	assert.Empty(t, newVerifier(t, cfg).Audit(t.Context()))
	cfg.Secrets, cfg.Without, cfg.NoWindow = jose.StaticSecrets{short, long}, []string{"iat", "exp"}, true
	found := newVerifier(t, cfg).Audit(t.Context())
	assert.Equal(t, []string{"secret-too-short-for-fips", "no-window"}, findingNames(found))
	assert.Equal(t, "short", found[0].Subject)
	assert.NotContains(t, fmt.Sprint(found), "canary")
}
