package keysig_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/keysig"
)

// named returns the severities of findings by their names.
func named(findings []truhook.Finding) map[string]truhook.Severity {
	all := map[string]truhook.Severity{}
	for _, f := range findings {
		all[f.Name] = f.Severity
	}
	return all
}

// Nothing was fetched yet when a service asks at start: a source that is away is told then, not by the first delivery.
func TestAudit_OfASourceThatFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var keys []keysig.Key
		failure := errors.New("the source is away,\nit says")
		source, err := keysig.NewCachedKeys(func(context.Context) ([]keysig.Key, error) { return keys, failure },
			hmacsig.CacheConfig{Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		v, err := keysig.New(scheme(keysig.Ed25519), source, keysig.Config{})
		require.NoError(t, err)

		findings := truhook.Audit(t.Context(), v)
		assert.Equal(t, truhook.SeverityError, named(findings)["keys-unavailable"])
		assert.Contains(t, findings[0].Problem, "the source is away,; it says")

		time.Sleep(time.Hour)
		keys, failure = []keysig.Key{key(keysig.Ed25519, "current")}, nil
		assert.Empty(t, source.Audit(t.Context()))

		failure = errors.New("the source is away again")
		time.Sleep(2 * time.Hour)
		require.Error(t, source.Refresh(t.Context()))
		findings = source.Audit(t.Context())
		assert.Equal(t, map[string]truhook.Severity{"keys-stale": truhook.SeverityWarning}, named(findings))
		assert.Contains(t, findings[0].Problem, "away again")
	})
}

func TestAudit_NeverFetchesByID(t *testing.T) {
	t.Parallel()
	source, err := keysig.NewCachedKeysByID(func(context.Context, string) ([]keysig.Key, error) {
		t.Error("an audit knows no id")
		return nil, nil
	}, hmacsig.CacheConfig{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	assert.Empty(t, source.Audit(t.Context()))
}

func TestAudit_LooksAtFilesNow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	good := pemOf(t, "PUBLIC KEY", spki(t, privateKeys()[keysig.ECDSA].Public()))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "current.pem"), []byte(good), 0o600))
	ahead := time.Duration(0)
	source, err := keysig.NewFileKeys(dir, scheme(keysig.ECDSA), hmacsig.FileConfig{
		Interval: time.Hour, Logger: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.Now().Add(ahead) },
	})
	require.NoError(t, err)
	assert.Empty(t, source.Audit(t.Context()))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "next.pem"), []byte("truhook-test-only no key"), 0o600))
	ahead = time.Minute // it has stood still since
	findings := source.Audit(t.Context())
	assert.Equal(t, map[string]truhook.Severity{"files-unreadable": truhook.SeverityWarning}, named(findings))
	assert.NotContains(t, findings[0].Problem, "no key")
}

func TestAudit_ASourceThatNobodyMadeHasNoKeys(t *testing.T) {
	t.Parallel()
	for _, source := range []*keysig.CachedKeys{nil, {}} {
		assert.Equal(t, map[string]truhook.Severity{"no-keys": truhook.SeverityError}, named(source.Audit(t.Context())))
	}
}
