//go:build unix

package hmacsig_test

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/hmacsig"
)

func TestFileKeysDoesNotWaitForAPipeOrADevice(t *testing.T) {
	t.Parallel()
	for name, put := range map[string]func(path string) error{
		"a pipe":   func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a device": func(path string) error { return os.Symlink("/dev/zero", path) },
	} {
		f := newSecretFolder(t)
		require.NoError(t, put(f.file("a")))
		_, err := hmacsig.NewFileKeys(f.path, f.config())
		require.ErrorContains(t, err, "not a regular file", name)

		f = newSecretFolder(t)
		f.write("a", "secret-a")
		keys := f.open()
		f.remove("a")
		require.NoError(t, put(f.file("a")))
		f.advance(time.Minute)
		assert.True(t, f.accepts(keys, "secret-a"), name)
		assert.Len(t, f.problems, 1, name)
	}
}
