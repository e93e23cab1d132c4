//go:build unix

package folder_test

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/internal/folder"
)

func TestFolder_DoesNotWaitForAPipe(t *testing.T) {
	t.Parallel()
	d := newDir(t)
	require.NoError(t, syscall.Mkfifo(d.file("pipe"), 0o600))
	_, err := folder.Open(d.path, d.config(nil))
	require.ErrorContains(t, err, "not a regular file")
	_, err = folder.Open(d.file("pipe"), d.config(nil))
	require.ErrorContains(t, err, "not a regular file")

	d.remove("pipe")
	d.old("a", "1")
	f := d.open(nil)
	require.NoError(t, syscall.Mkfifo(d.file("b"), 0o600))
	d.advance(2 * time.Second)
	require.ErrorContains(t, f.Refresh(t.Context()), "not a regular file")
	assert.Equal(t, []string{"a=1"}, f.State(false).Entries)
	require.NoError(t, os.Symlink("b", d.file("c")))
	require.Error(t, f.Refresh(t.Context()), "nor through a link")
}

func TestFolder_AFileThatMayNotBeReadIsAProblem(t *testing.T) {
	if os.Getuid() == 0 {
		t.Log("root may read everything: the mode changes nothing, and only the good file is looked at")
	}
	t.Parallel()
	d := newDir(t)
	d.old("a", "1")
	f := d.open(nil)
	d.old("b", "2")
	require.NoError(t, os.Chmod(d.file("b"), 0))
	d.advance(2 * time.Second)
	err := f.Refresh(t.Context())
	assert.Equal(t, os.Getuid() != 0, err != nil)
	assert.Contains(t, f.State(false).Entries, "a=1")
}
