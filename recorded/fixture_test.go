package recorded_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/recorded"
	"github.com/truhook/truhook/recorded/deliveries"
)

// A checkout on Windows, or an editor, turns the line ends: that is told, and not as an odd verdict.
func TestRead_LineEndsThatWereChangedAreTold(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"truv/event-order-created.http", "truval/body-tampered.http", "transunion/event-device-link.http"} {
		file, err := recorded.ReadFS(deliveries.FS(), name)
		require.NoError(t, err)
		var whole strings.Builder
		require.NoError(t, recorded.Write(&whole, file))
		lines := strings.ReplaceAll(whole.String(), "\r\n", "\n")
		head, request, _ := strings.Cut(whole.String(), "\n\n")
		for how, text := range map[string]string{
			"all of it":     strings.ReplaceAll(lines, "\n", "\r\n"),
			"the head":      strings.ReplaceAll(head+"\n\n", "\n", "\r\n") + request,
			"the last line": head + "\r\n\n" + request,
			"the empty one": head + "\n\r\n" + request,
		} {
			_, err = recorded.Read(strings.NewReader(text))
			require.ErrorContains(t, err, "CR LF", "%s: %s", name, how)
			assert.ErrorContains(t, err, ".gitattributes")
			for _, s := range file.Secrets {
				assert.NotContains(t, err.Error(), s.Value)
			}
		}
		_, err = recorded.Read(strings.NewReader(whole.String()))
		require.NoError(t, err, "CR LF is right in the request")
	}
}

// Who copies the example of the format has a fixture that does not age.
func TestDoc_ExampleHasAnInstant(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	example, _, found := strings.Cut(string(text), "//\tPOST ")
	require.True(t, found)
	assert.Contains(t, example, "//\tnow: 20")
}
