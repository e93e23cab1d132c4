package house_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// quoteOf is the line above a block that says which file the block is of. It does not show on the page.
var quoteOf = regexp.MustCompile("(?m)^<!-- of (\\S+) -->\n```\\w+\n((?s:.*?))^```$")

// What a page quotes stands in the file that it names, which a test runs: whole, or in pieces that are divided by a
// line "..." (in SQL, "-- ..."). Pieces stand there in this order, line by line, at any one depth of indentation.
func TestQuotes_StandInTheirFiles(t *testing.T) {
	t.Parallel()
	r := repository(t)
	var found []string
	quotes := 0
	for _, page := range slices.Sorted(maps.Keys(r.markdown)) {
		text := r.markdown[page]
		marks := len(regexp.MustCompile(`(?m)^<!-- of `).FindAllString(text, -1))
		for _, m := range quoteOf.FindAllStringSubmatch(text, -1) {
			marks--
			quotes++
			source, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(m[1])))
			if err != nil {
				found = append(found, fmt.Sprintf("%s: %v", page, err))
				continue
			}
			if missing := missingPiece(string(source), m[2]); missing != "" {
				found = append(found, fmt.Sprintf("%s: not in %s: %s", page, m[1], missing))
			}
		}
		if marks != 0 {
			found = append(found, page+": a mark without a block under it")
		}
	}
	assert.Greater(t, quotes, 5)
	assertKnown(t, nil, found, "a block is not what its file says")
}

// Go is compiled, and commands are run where they are marked as such. Any other language stands in a file.
func TestQuotes_WhatIsNoGoStandsInAFile(t *testing.T) {
	t.Parallel()
	r := repository(t)
	marked := regexp.MustCompile("(?m)^(<!-- of \\S+ -->\n)?```(\\w+)$")
	var found []string
	for _, page := range slices.Sorted(maps.Keys(r.markdown)) {
		if slices.Contains([]string{"README.md", "docs/start.md", "docs/adding-a-provider.md"}, page) {
			continue // followed to the letter by tools/release; the row is read by internal/catalogen
		}
		for _, m := range marked.FindAllStringSubmatch(r.markdown[page], -1) {
			if m[1] == "" && m[2] != "go" {
				found = append(found, page+": "+m[2])
			}
		}
	}
	assertKnown(t, nil, found, "a block that nothing checks")
}

func TestQuotes_APieceThatIsNotThereIsFound(t *testing.T) {
	t.Parallel()
	source := "a\n\tb {\n\t\tc\n\n\t\td\n\t}\ne\n"
	for _, right := range []string{"a\n", "b {\n\tc\n\n\td\n}\n", "a\n...\ne\n", "c\n...\nd\n", "c\n-- ...\nd\n", source} {
		require.Empty(t, missingPiece(source, right))
	}
	for _, wrong := range []string{"x\n", "b {\nc\n", "e\n...\na\n", "c\nd\n", "b\n", "d\n...\nd\n"} {
		assert.NotEmpty(t, missingPiece(source, wrong), wrong)
	}
}

// missingPiece returns the first line of the first piece that is not in the source, or "".
func missingPiece(source, quote string) string {
	lines := strings.Split(source, "\n")
	for _, piece := range regexp.MustCompile(`(?m)^(-- )?\.\.\.$`).Split(quote, -1) {
		want := strings.Split(strings.Trim(piece, "\n"), "\n")
		at := 0
		for at < len(lines) && !beginsWith(lines[at:], want) {
			at++
		}
		if at == len(lines) {
			return want[0]
		}
		lines = lines[at+len(want):]
	}
	return ""
}

// beginsWith reports whether the lines begin with those wanted, all behind the same blanks.
func beginsWith(lines, want []string) bool {
	if len(lines) < len(want) || !strings.HasSuffix(lines[0], want[0]) {
		return false
	}
	indent := strings.TrimSuffix(lines[0], want[0])
	if strings.TrimSpace(indent) != "" {
		return false
	}
	for i, line := range want {
		if line != "" {
			line = indent + line
		}
		if lines[i] != line {
			return false
		}
	}
	return true
}
