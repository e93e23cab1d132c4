package transunion_test

import (
	"crypto"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
)

// keyFolder returns a folder with keys of recorded/deliveries/transunion, under the given names, that have stood still.
func keyFolder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, from := range files {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, readPEM(t, from), 0o600))
		require.NoError(t, os.Chtimes(path, time.Time{}, time.Now().Add(-time.Hour)))
	}
	return dir
}

func TestFolder_KeysNeedTheIDsThatTheirFingerprintsAre(t *testing.T) {
	t.Parallel()
	byFingerprint := jose.FolderConfig{KeyID: func(_ string, key crypto.PublicKey) (string, error) { return transunion.Fingerprint(key) }}
	byName := jose.FolderConfig{}
	for name, c := range map[string]struct {
		platform, private         string // the names of the files
		platformConfig, ownConfig jose.FolderConfig
		want                      error
	}{
		"fingerprints":             {"platform.pem", "2026.pem", byFingerprint, byFingerprint, nil},
		"names":                    {"platform.pem", "2026.pem", byName, byName, truhook.UnknownKey},
		"the platform's by name":   {"platform.pem", "2026.pem", byName, byFingerprint, truhook.UnknownKey},
		"our own by name":          {"platform.pem", "2026.pem", byFingerprint, byName, truhook.UnknownDecryptionKey},
		"names that are the ids":   {platformKey(t).ID + ".pem", privateKey(t, "service-retired").ID + ".pem", byName, byName, nil},
		"the ids of others":        {privateKey(t, "stranger").ID + ".pem", "2026.pem", byName, byFingerprint, truhook.UnknownKey},
		"ids without an extension": {platformKey(t).ID, privateKey(t, "service-retired").ID, byName, byName, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			platform, err := jose.NewFileKeys(keyFolder(t, map[string]string{c.platform: "platform-public"}), c.platformConfig)
			require.NoError(t, err)
			private, err := jose.NewFilePrivateKeys(keyFolder(t, map[string]string{c.private: "service-retired"}), c.ownConfig)
			require.NoError(t, err)
			v, err := transunion.New(transunion.Config{Entity: entity, Keys: platform, PrivateKeys: private})
			require.NoError(t, err)
			_, err = v.Verify(t.Context(), delivery(t, "key-retired-in-grace"))
			if c.want == nil {
				require.NoError(t, err)
				return
			}
			assert.ErrorIs(t, err, c.want)
		})
	}
}
