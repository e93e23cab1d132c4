//go:build unix

package proxytest_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/internal/proxytest"
)

// What docs/proxies.md gives to copy is what the tests start the proxies with.
func TestFiles_StandInTheDocumentation(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/proxies.md")
	require.NoError(t, err)
	files := proxytest.Files(t)
	require.Len(t, files, 4)
	for name, text := range files {
		assert.True(t, strings.Contains(string(page), "\n"+text+"```\n"), "docs/proxies.md has another %s", name)
	}
}
