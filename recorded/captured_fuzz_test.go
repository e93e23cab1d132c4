package recorded_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/recorded"
)

// FuzzCapturedName takes any name of a file in the folder of captures: what is taken for ours, and removed when it is
// old, is a plain name with a reason.
func FuzzCapturedName(f *testing.F) {
	at := time.UnixMilli(1772443800123)
	f.Add(recorded.CapturedName(at, 7, "signature-mismatch"))
	f.Add("refused-1-2-3-..%2f.http")
	f.Add("refused-99999999999999999999-1-1-x.http")
	f.Add(".refused-1")
	f.Fuzz(func(t *testing.T, name string) {
		again, reason, ok := recorded.ParseCaptured(recorded.CapturedName(at, 7, "signature-mismatch"))
		require.True(t, ok)
		require.True(t, at.Equal(again))
		require.Equal(t, "signature-mismatch", reason)
		if _, reason, ok := recorded.ParseCaptured(name); ok && filepath.Base(name) == name {
			require.LessOrEqual(t, len(reason), len(name))
			require.Equal(t, ".http", filepath.Ext(name))
		}
	})
}
