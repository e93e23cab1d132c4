package hmacsig_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/internal/leaktest"
)

func TestNothingThatHoldsASecretShowsIt(t *testing.T) {
	const secret, other = `v3ry "s3cret" \$& made for tests`, "an0ther secret made for tests"
	a, b := key(t, "a", secret), within(key(t, "b", other), time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	path := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(path, "a"), []byte(secret), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(path, "b"), []byte(other), 0o600))
	t.Setenv("TRUHOOK_TEST_A", secret)

	files, err := hmacsig.NewFileKeys(path, hmacsig.FileConfig{})
	require.NoError(t, err)
	env, err := hmacsig.EnvKeys("TRUHOOK_TEST_A")
	require.NoError(t, err)
	reloadable, err := hmacsig.NewReloadableKeys(a, b)
	require.NoError(t, err)
	fetched := []hmacsig.Key{a, b}
	var failed, reported atomic.Int64
	cache := must(hmacsig.NewCachedKeys(func(context.Context) ([]hmacsig.Key, error) {
		if len(fetched) == 0 {
			failed.Add(1)
			return nil, errors.New("down")
		}
		return fetched, nil
	}, hmacsig.CacheConfig{Retain: time.Hour, OnError: func(error) { reported.Add(1) }}))
	require.NoError(t, cache.Refresh(t.Context()))
	fetched = fetched[:1] // so that one is retained
	require.NoError(t, cache.Refresh(t.Context()))
	fetched = nil
	require.Error(t, cache.Refresh(t.Context()))

	values := []any{a, &a, []hmacsig.Key{a, b}, map[string]hmacsig.Key{"k": a}, struct{ key hmacsig.Key }{a},
		files, env, reloadable, cache, hmacsig.StaticKeys(a, b), cache.Refresh(t.Context())}
	for _, source := range []hmacsig.KeySource{files, env, reloadable, cache, hmacsig.StaticKeys(a, b)} {
		v, err := hmacsig.New(testScheme(), source, hmacsig.Config{})
		require.NoError(t, err)
		verified, err := v.Verify(t.Context(), signed(t, a))
		require.NoError(t, err)
		_, refusal := v.Verify(t.Context(), signed(t, key(t, "c", "a secret of somebody else")))
		require.Error(t, refusal)
		keys, err := source.Keys(t.Context(), hmacsig.Query{})
		require.NoError(t, err)
		values = append(values, v, truhook.AllOf(v), verified.Proofs, refusal, keys, truhook.Audit(t.Context(), v))
	}
	for _, bad := range []string{secret + "\n", "\xef\xbb\xbf" + secret} {
		require.NoError(t, os.WriteFile(filepath.Join(path, "a"), []byte(bad), 0o600))
		_, err = hmacsig.NewFileKeys(path, hmacsig.FileConfig{})
		require.Error(t, err)
		values = append(values, err)
		t.Setenv("TRUHOOK_TEST_A", secret+"\n")
		_, err = hmacsig.EnvKeys("TRUHOOK_TEST_A")
		require.Error(t, err)
		values = append(values, err)
	}
	_, err = hmacsig.NewReloadableKeys(a, a)
	require.Error(t, err)
	for reported.Load() < failed.Load() { // what is printed must not change meanwhile
		runtime.Gosched()
	}
	for _, v := range append(values, err) {
		leaktest.Check(t, v, secret, other)
	}
}
