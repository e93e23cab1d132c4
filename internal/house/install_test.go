package house_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The README names every module that can be installed, with the Go version that its go.mod asks for.
func TestInstall_ReadmeNamesEachModuleAndItsGo(t *testing.T) {
	t.Parallel()
	r := repository(t)
	rows := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(github.com/[^`]+)` \\|.*\\| ([0-9.]+) \\|$").FindAllStringSubmatch(r.markdown["README.md"], -1) {
		rows[m[1]] = m[2]
	}
	want := map[string]string{}
	for _, dir := range publicModules() {
		if _, err := os.Stat(filepath.Join(root, dir, "go.mod")); os.IsNotExist(err) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, dir, "go.mod"))
		require.NoError(t, err)
		version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(string(text))
		require.NotNil(t, version, dir)
		want[strings.TrimSuffix(module+"/"+dir, "/")] = version[1]
	}
	assert.Equal(t, want, rows)
}
