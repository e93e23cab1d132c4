package hmacsig_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
)

// The keys at hand are those that the source has, also before the first delivery has asked it.
func TestExplain_KnowsTheKeysOfASourceFromTheStart(t *testing.T) {
	t.Parallel()
	key := testKey(t, "current", testSecret)
	path := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(path, []byte(testSecret), 0o600))
	files, err := hmacsig.NewFileKeys(path, hmacsig.FileConfig{})
	require.NoError(t, err)
	reloadable, err := hmacsig.NewReloadableKeys(key)
	require.NoError(t, err)
	for name, source := range map[string]hmacsig.KeySource{"static": hmacsig.StaticKeys(key), "files": files, "reloadable": reloadable} {
		v, err := hmacsig.New(hmacsig.Scheme{Name: "acme", Header: "X-Sign"}, source, hmacsig.Config{})
		require.NoError(t, err)
		d := &truhook.Delivery{Header: http.Header{"X-Sign": {hexOf(testSecret, body+"\n")}}, Body: []byte(body)}
		e := truhook.Explain(t.Context(), v, d, truhook.ExplainConfig{})
		assert.Equal(t, truhook.SignatureMismatch, e.Reason, name)
		assert.Contains(t, firstCause(e), "body-text-changed", name)
	}
}
