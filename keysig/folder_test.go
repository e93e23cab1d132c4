package keysig_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/keysig"
)

// While a file is there that is not in use, nobody can say that a signature fits no key.
func TestFileKeys_AreInDoubtWhileAFileIsNotInUse(t *testing.T) {
	t.Parallel()
	_, nextKey, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	current := pemOf(t, "PUBLIC KEY", spki(t, privateKeys()[keysig.Ed25519].Public()))
	next := pemOf(t, "PUBLIC KEY", spki(t, nextKey.Public()))
	for name, c := range map[string]struct {
		text  string
		age   time.Duration
		want  truhook.Reason // of what the next key signs
		named truhook.Reason // where the delivery names it
	}{
		"no file":           {"", 0, truhook.SignatureMismatch, truhook.UnknownKey},
		"just written":      {next, 0, truhook.KeysStale, truhook.KeysStale},
		"half written":      {next[:40], 0, truhook.KeysStale, truhook.KeysStale},
		"broken":            {"x", time.Hour, truhook.KeysStale, truhook.KeysStale},
		"has stood still":   {next, time.Hour, "", ""},
		"of another signer": {current, time.Hour, truhook.SignatureMismatch, truhook.SignatureMismatch},
	} {
		for _, named := range []bool{false, true} {
			dir, at := t.TempDir(), time.Now()
			var mu sync.Mutex
			write := func(name, text string, age time.Duration) {
				path := filepath.Join(dir, name)
				require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
				mu.Lock()
				defer mu.Unlock()
				require.NoError(t, os.Chtimes(path, time.Time{}, at.Add(-age)))
			}
			write("a.pem", current, time.Hour)
			s := scheme(keysig.Ed25519)
			want := c.want
			if named {
				s.KeyID, want = "Acme-Key", c.named
			}
			source, err := keysig.NewFileKeys(dir, s, hmacsig.FileConfig{Now: func() time.Time {
				mu.Lock()
				defer mu.Unlock()
				return at
			}})
			require.NoError(t, err)
			v, err := keysig.New(s, source, keysig.Config{})
			require.NoError(t, err)
			mu.Lock()
			at = at.Add(time.Minute)
			mu.Unlock()
			if c.text != "" {
				write("b.pem", c.text, c.age)
			}
			d := signedBy(t, s, nextKey)
			d.Header.Set("Acme-Key", "b")
			requireReason(t, want, v, d)
			d = signedBy(t, s, privateKeys()[keysig.Ed25519])
			d.Header.Set("Acme-Key", "a")
			requireReason(t, "", v, d)
			assert.NotPanics(t, func() { source.Audit(t.Context()) }, name)
		}
	}
}
