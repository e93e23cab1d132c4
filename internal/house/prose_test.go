package house_test

import (
	"fmt"
	"go/ast"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

const columns = 120

// Comments and pages are at most 120 columns wide, a tab being one. Tables, code and lines with an address are as long
// as they must be.
func TestProse_IsAtMost120ColumnsWide(t *testing.T) {
	t.Parallel()
	r := repository(t)
	var found []string
	for path, text := range r.markdown {
		if path == "docs/providers.md" { // made from the catalog
			continue
		}
		text = fenced.ReplaceAllStringFunc(text, func(code string) string { return strings.Repeat("\n", strings.Count(code, "\n")) })
		for i, line := range strings.Split(text, "\n") {
			exempt := strings.HasPrefix(line, "|") || strings.HasPrefix(line, "    ") || strings.Contains(line, "](")
			if !exempt && utf8.RuneCountInString(line) > columns {
				found = append(found, fmt.Sprintf("%s:%d", path, i+1))
			}
		}
	}
	for _, s := range r.sources {
		if ast.IsGenerated(s.file) {
			continue
		}
		for _, group := range s.file.Comments {
			for _, c := range group.List {
				at := s.set.Position(c.Pos())
				for i, line := range strings.Split(c.Text, "\n") {
					width := utf8.RuneCountInString(line)
					if i == 0 {
						width += at.Column - 1
					}
					code := at.Column > 12 || strings.HasPrefix(line, "//\t") // beside code, or code itself
					if width > columns && !code && !strings.Contains(line, "://") && !strings.HasPrefix(line, "//nolint") {
						found = append(found, fmt.Sprintf("%s:%d", s.path, at.Line+i))
					}
				}
			}
		}
	}
	slices.Sort(found)
	assertKnown(t, wideLines, found, "a line of prose is wider than 120 columns")
}

// Plain technical English: these turns are not.
func TestProse_HasNoOddTurns(t *testing.T) {
	t.Parallel()
	r := repository(t)
	odd := regexp.MustCompile(`(?i)\bwhich see\b|\bto be had\b|\bbe it (that|by|a|the)\b|\bthe like of\b|\bwhat is not signed proves nothing\b`)
	var found []string
	for path, text := range r.markdown {
		for _, m := range odd.FindAllString(text, -1) {
			found = append(found, path+": "+m)
		}
	}
	for _, s := range r.sources {
		if s.path == "internal/house/prose_test.go" {
			continue
		}
		for _, group := range s.file.Comments {
			for _, m := range odd.FindAllString(group.Text(), -1) {
				found = append(found, s.path+": "+m)
			}
		}
	}
	slices.Sort(found)
	assertKnown(t, oddTurns, found, "a turn that no manual uses")
}
