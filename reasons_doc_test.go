package truhook_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryReasonHasItsCauseAndCureInTheDocs(t *testing.T) {
	t.Parallel()
	code, err := os.ReadFile("reason.go")
	require.NoError(t, err)
	page, err := os.ReadFile("docs/reasons.md")
	require.NoError(t, err)
	reasons := regexp.MustCompile(`Reason += "([a-z-]+)"`).FindAllStringSubmatch(string(code), -1)
	require.Greater(t, len(reasons), 40)
	for _, r := range reasons {
		assert.Regexp(t, "(?m)^\\|[^|]*`"+r[1]+"`", string(page))
	}
}
