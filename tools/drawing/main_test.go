package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestDrawings_AreWhatTheirTextsMake(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("../../docs/drawings/*.txt")
	if err != nil || len(names) < 2 {
		t.Fatal("there are no texts", err)
	}
	for _, name := range names {
		if err := draw(name, name[:len(name)-len(".txt")]+".svg", true); err != nil {
			t.Error(err)
		}
	}
}

func TestDrawings_OddTextsAreErrors(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"node a", "node a x 0 step label", "edge a b", "edge a", "bend a b 0", "circle", "grid 1"} {
		if _, err := parse(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	name := filepath.Join(t.TempDir(), "a.txt")
	if err := os.WriteFile(name, []byte("node a 0 0 step a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := draw(name, filepath.Join(filepath.Dir(name), "a.svg"), true); err == nil {
		t.Error("a missing drawing is not noticed")
	}
}
