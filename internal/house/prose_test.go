package house_test

import (
	"regexp"
	"slices"
	"testing"
)

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
