package jose_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/leaktest"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
)

func privatePEM(t testing.TB, key crypto.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func publicPEM(t testing.TB, key crypto.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// keyFolder is a folder with a clock of its own.
type keyFolder struct {
	testing.TB
	path  string
	nanos atomic.Int64
}

func newKeyFolder(t testing.TB) *keyFolder {
	f := &keyFolder{TB: t, path: t.TempDir()}
	f.nanos.Store(now.UnixNano())
	return f
}

func (f *keyFolder) clock() time.Time { return time.Unix(0, f.nanos.Load()) }

func (f *keyFolder) write(name string, content []byte) {
	path, at := filepath.Join(f.path, name), f.clock()
	require.NoError(f, os.WriteFile(path, content, 0o600))
	require.NoError(f, os.Chtimes(path, at, at))
}

func (f *keyFolder) remove(name string) { require.NoError(f, os.Remove(filepath.Join(f.path, name))) }

func (f *keyFolder) config() jose.FolderConfig { return jose.FolderConfig{Now: f.clock} }

// knows looks now and after a second, when what was written or removed counts.
func (f *keyFolder) knows(set jose.KeySource, id string) (found bool) {
	for range 3 {
		f.nanos.Add(int64(time.Second))
		keys, err := set.PublicKeys(f.Context(), jose.Query{KeyID: id})
		require.NoError(f, err)
		found = len(keys) > 0
	}
	return found
}

func TestFileKeySetFollowsARotation(t *testing.T) {
	t.Parallel()
	keys, f := testKeys(), newKeyFolder(t)
	f.write("k1.pem", publicPEM(t, &keys.rsa.PublicKey))
	set, err := jose.NewFileKeys(f.path, f.config())
	require.NoError(t, err)
	require.True(t, f.knows(set, "k1"))
	require.False(t, f.knows(set, "k2"))
	require.False(t, f.knows(set, "k1.pem"))

	f.write("k2.pem", publicPEM(t, keys.ed.Public()))
	require.True(t, f.knows(set, "k2"))
	f.remove("k1.pem")
	assert.False(t, f.knows(set, "k1"), "a removed key is gone")
	f.write("k2.pem", publicPEM(t, keys.ec.Public()))
	require.True(t, f.knows(set, "k2"))
	got, err := set.PublicKeys(t.Context(), jose.Query{KeyID: "k2"})
	require.NoError(t, err)
	assert.True(t, keys.ec.PublicKey.Equal(got[0].Key), "its new key")
	f.write("k2.pem", []byte("-----BEGIN PUBLIC KEY-----\n"))
	assert.True(t, f.knows(set, "k2"), "its last good key")
	f.remove("k2.pem")
	assert.True(t, f.knows(set, "k2"), "an empty folder withdraws nothing")
	require.Error(t, set.Refresh(t.Context()))
	found := set.Audit(t.Context())
	require.Len(t, found, 1)
	assert.Equal(t, "files-unreadable", found[0].Name)
}

func TestFilePrivateKeysFollowARotationAndKeepRetiredKeys(t *testing.T) {
	t.Parallel()
	keys, f := testKeys(), newKeyFolder(t)
	f.write("old.pem", privatePEM(t, keys.rsa))
	set, err := jose.NewFilePrivateKeys(f.path, f.config())
	require.NoError(t, err)
	f.nanos.Add(int64(time.Minute))
	f.write("new.pem", privatePEM(t, keys.other))
	for range 3 {
		f.nanos.Add(int64(time.Second))
		_, _ = set.PrivateKeys(t.Context(), "new")
	}
	for id, want := range map[string]*rsa.PrivateKey{"old": keys.rsa, "new": keys.other} {
		got, err := set.PrivateKeys(t.Context(), id)
		require.NoError(t, err)
		require.Len(t, got, 1)
		assert.True(t, want.Equal(got[0].Key), id)
	}
	f.remove("old.pem")
	for range 3 {
		f.nanos.Add(int64(time.Second))
		_, _ = set.PrivateKeys(t.Context(), "old")
	}
	got, err := set.PrivateKeys(t.Context(), "old")
	require.NoError(t, err)
	assert.Empty(t, got)
	assert.Empty(t, findingNames(set.Audit(t.Context())))
}

func TestFileKeysTakeIdsOfTheKeysThemselves(t *testing.T) {
	t.Parallel()
	keys, f := testKeys(), newKeyFolder(t)
	f.write("whatever", privatePEM(t, keys.rsa))
	cfg := f.config()
	cfg.KeyID = func(_ string, key crypto.PublicKey) (string, error) { return transunion.Fingerprint(key) }
	set, err := jose.NewFilePrivateKeys(f.path, cfg)
	require.NoError(t, err)
	id, err := transunion.Fingerprint(keys.rsa)
	require.NoError(t, err)
	got, err := set.PrivateKeys(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, got, 1)
	assert.Equal(t, id, got[0].ID)
}

func TestFileKeysRefuseAtStartWhatIsNotAKey(t *testing.T) {
	t.Parallel()
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	keys := testKeys()
	for name, make := range map[string]func(f *keyFolder, public bool){
		"nothing":       func(*keyFolder, bool) {},
		"an empty file": func(f *keyFolder, _ bool) { f.write("a.pem", nil) },
		"no PEM":        func(f *keyFolder, _ bool) { f.write("a.pem", []byte("made for this test")) },
		"the other kind of key": func(f *keyFolder, public bool) {
			if public {
				f.write("a.pem", privatePEM(t, keys.rsa))
			} else {
				f.write("a.pem", publicPEM(t, &keys.rsa.PublicKey))
			}
		},
		"a weak key": func(f *keyFolder, public bool) {
			if public {
				f.write("a.pem", publicPEM(t, &weak.PublicKey))
			} else {
				f.write("a.pem", privatePEM(t, weak))
			}
		},
		"two files of one id": func(f *keyFolder, public bool) {
			for _, name := range []string{"a.pem", "a.key"} {
				if public {
					f.write(name, publicPEM(t, &keys.rsa.PublicKey))
				} else {
					f.write(name, privatePEM(t, keys.rsa))
				}
			}
		},
		"a good one beside a bad one": func(f *keyFolder, public bool) {
			f.write("a.pem", publicPEM(t, &keys.rsa.PublicKey))
			f.write("b.pem", privatePEM(t, keys.rsa))
		},
		"more than 32 KiB": func(f *keyFolder, _ bool) { f.write("a.pem", []byte(string(make32KiB()))) },
	} {
		for _, public := range []bool{true, false} {
			f := newKeyFolder(t)
			make(f, public)
			var err error
			if public {
				_, err = jose.NewFileKeys(f.path, f.config())
			} else {
				_, err = jose.NewFilePrivateKeys(f.path, f.config())
			}
			assert.Error(t, err, "%s, public %v", name, public)
		}
	}
	f := newKeyFolder(t)
	f.write("a.pem", publicPEM(t, &keys.rsa.PublicKey))
	cfg := f.config()
	cfg.KeyID = func(string, crypto.PublicKey) (string, error) { return "with a space", nil }
	_, err = jose.NewFileKeys(f.path, cfg)
	assert.Error(t, err)
}

func make32KiB() []byte { return make([]byte, 32<<10+1) }

func TestNilAndZeroFileKeysCannotTell(t *testing.T) {
	t.Parallel()
	for _, set := range []*jose.FileKeys{nil, {}} {
		_, err := set.PublicKeys(t.Context(), jose.Query{KeyID: "a"})
		assert.Equal(t, truhook.KeysUnavailable, truhook.ReasonOf(err))
		assert.Error(t, set.Refresh(t.Context()))
		assert.Error(t, set.Run(t.Context()))
		assert.NotEmpty(t, set.Audit(t.Context()))
	}
	for _, set := range []*jose.FilePrivateKeys{nil, {}} {
		_, err := set.PrivateKeys(t.Context(), "a")
		assert.Equal(t, truhook.KeysUnavailable, truhook.ReasonOf(err))
		assert.Error(t, set.Refresh(t.Context()))
		assert.Error(t, set.Run(t.Context()))
		assert.NotEmpty(t, set.Audit(t.Context()))
	}
}

func TestFilePrivateKeysDoNotShowTheirKeys(t *testing.T) {
	t.Parallel()
	key, f := testKeys().rsa, newKeyFolder(t)
	f.write("a.pem", privatePEM(t, key))
	set, err := jose.NewFilePrivateKeys(f.path, f.config())
	require.NoError(t, err)
	leaktest.Check(t, set, key.D.String(), string(key.D.Bytes()), key.Primes[0].String(), string(key.Primes[0].Bytes()))
	d, err := jose.NewDecrypter(jose.DecrypterConfig{
		Keys: set, KeyAlgorithms: []string{"RSA-OAEP-256"}, ContentAlgorithms: []string{"A256CBC-HS512"},
	})
	require.NoError(t, err)
	leaktest.Check(t, d, key.D.String(), string(key.D.Bytes()), key.Primes[0].String())
	leaktest.Check(t, set.Audit(t.Context()), key.D.String())
}
