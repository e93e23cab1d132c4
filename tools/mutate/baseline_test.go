package main

import (
	"os"
	"strings"
	"testing"
)

// BASELINE.md lists what the tests noticed before the house was rebuilt. Each of these faults still has a row, or the
// section "Gone" says why it cannot be made any more.
func TestRows_KeepWhatWasNoticed(t *testing.T) {
	t.Chdir("../..")
	text, err := os.ReadFile("tools/mutants/BASELINE.md")
	if err != nil {
		t.Fatal(err)
	}
	mutants, err := readAll("tools/mutants")
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[string]bool{}
	for _, m := range mutants {
		reasons[m.why] = true
	}
	listed, gone, _ := strings.Cut(string(text), "\n## Gone\n")
	for line := range strings.Lines(gone) {
		if reason, ok := strings.CutPrefix(line, "- "); ok {
			reason, because, _ := strings.Cut(strings.TrimSpace(reason), " · ")
			reasons[reason] = because != ""
		}
	}
	number := 0
	for line := range strings.Lines(listed) {
		if reason, ok := strings.CutPrefix(line, "- "); ok {
			number++
			if reason = strings.TrimSpace(reason); !reasons[reason] {
				t.Errorf("no row is about: %s", reason)
			}
		}
	}
	if number < 60 {
		t.Errorf("the baseline has %d faults, which is less than 60", number)
	}
}
