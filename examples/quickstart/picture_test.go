package main

import (
	"bytes"
	"flag"
	"fmt"
	"html"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write docs/quickstart.svg anew")

const pictureFile = "../../docs/quickstart.svg"

// README shows what the quickstart prints today:
//
//	go test ./examples/quickstart -run Picture -update
func TestPicture_ShowsWhatIsPrinted(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, options{addr: "127.0.0.1:0"}))
	picture := draw(out.String())
	if *update {
		require.NoError(t, os.WriteFile(pictureFile, []byte(picture), 0o600))
	}
	kept, err := os.ReadFile(pictureFile)
	require.NoError(t, err)
	assert.Equal(t, picture, string(kept), "run it with -update")
}

// draw makes an SVG of the lines up to the invitation, in the colours of a terminal.
func draw(text string) string {
	text, _, _ = strings.Cut(text, "\nMore of them")
	text = regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(text, "127.0.0.1:41234") // another one each time
	colours := strings.NewReplacer(
		"accepted", `<tspan fill="#3fb950">accepted</tspan>`, "refused", `<tspan fill="#f85149">refused</tspan>`,
		"known\u00a0", `<tspan fill="#d29922">known</tspan>`+"\u00a0",
	)
	lines := strings.Split("$ go run ./examples/quickstart\n\n"+strings.TrimRight(text, "\n"), "\n")
	const width, lineHeight, margin = 890, 19, 16
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14">`+"\n",
		width, len(lines)*lineHeight+2*margin)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" rx="6" fill="#0d1117"/>`+"\n"+`<g fill="#e6edf3">`+"\n")
	for i, line := range lines {
		if line != "" {
			fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text>`+"\n", margin, margin+(i+1)*lineHeight-5, colours.Replace(fixed(html.EscapeString(line))))
		}
	}
	b.WriteString("</g>\n</svg>\n")
	return b.String()
}

// fixed keeps columns where a viewer takes several blanks for one.
func fixed(line string) string { return strings.ReplaceAll(line, " ", "\u00a0") }
