package main_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/catalog"
)

// What the program prints of a provider is what its page quotes: the file that both are of is compiled, and its tests
// deliver to it.
func TestProviders_PrintTheReceiverOfThePage(t *testing.T) {
	t.Parallel()
	for name, wanted := range map[string][]string{
		"truv":       {`os.Getenv("TRUV_ACCESS_SECRET")`, "Version: truv.EventVersion,"},
		"trulioo":    {"trulioo.AnswerChallenge(once.Handle(handle))", "Fingerprint: trulioo.Fingerprint,", "Version:     trulioo.EventVersion,"},
		"truval":     {`os.Getenv("TRUVAL_WEBHOOK_SECRET")`, "truval.RetryPolicy()"},
		"transunion": {"transunion.Fingerprint(platform)", "transunion.RetryPolicy()"},
	} {
		page, err := os.ReadFile("../../docs/" + name + ".md")
		require.NoError(t, err)
		quote := regexp.MustCompile("<!-- of cmd/truhook/internal/receivers/" + name + ".go -->\n```go\n((?s:.*?))```\n").FindSubmatch(page)
		require.NotNil(t, quote, name)
		code, out := program(t, "providers", name)
		require.Zero(t, code)
		assert.Contains(t, out, "\n\n"+string(quote[1]), name)
		for _, w := range wanted {
			assert.Contains(t, out, w, name)
		}
		assert.Contains(t, out, "docs/"+name+".md\n")
	}
}

// A row of the catalog has the lines of docs/providers.md, with its secret from the environment.
func TestProviders_PrintTheLinesOfTheCatalogsPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/providers.md")
	require.NoError(t, err)
	rows, handshakes := 0, 0
	for row := range catalog.All() {
		rows++
		block := regexp.MustCompile("\n## " + regexp.QuoteMeta(row.Name) + "\n(?s:.*?)```go\n((?s:.*?))```\n").FindSubmatch(page)
		require.NotNil(t, block, row.Name)
		code, out := program(t, "providers", row.Name)
		require.Zero(t, code)
		variable := `os.Getenv("` + strings.ToUpper(row.Name) + `_WEBHOOK_SECRET")`
		assert.Contains(t, out, "\n\n"+strings.Replace(string(block[1]), "secret)", variable+")", 1), row.Name)
		if strings.Contains(string(block[1]), "verify.Wrap(catalog.Answer") {
			handshakes++
		}
	}
	assert.Greater(t, rows, 90)
	assert.Equal(t, 3, handshakes, "Discord, Slack and Twitch ask with a signed POST, and want an answer")
}
