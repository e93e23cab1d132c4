package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The rows are kept: whoever changes a line that a row is about ports the row.
func TestRows_FitTheCode(t *testing.T) {
	t.Chdir("../..")
	mutants, err := readAll("tools/mutants")
	if err != nil {
		t.Fatal(err)
	}
	if len(mutants) < 250 {
		t.Errorf("%d mutants are fewer than 250", len(mutants))
	}
	unexplained := 0
	seen := map[string]string{}
	for _, m := range mutants {
		if err := m.fit(); err != nil {
			t.Error(err)
		}
		key := m.file + "\n" + m.find + "\n" + m.replacement
		if before := seen[key]; before != "" {
			t.Errorf("%s is %s again", m.at, before)
		}
		seen[key] = m.at
		if m.survives != "" {
			unexplained++
		}
	}
	if 20*unexplained > len(mutants) {
		t.Errorf("%d of %d mutants survive, which is more than one in twenty", unexplained, len(mutants))
	}
}

func TestParse_RefusesRowsThatSayNothing(t *testing.T) {
	for name, text := range map[string]string{
		"no file":        "- a\n+ b\n! why\n",
		"no reason":      "file f.go\n- a\n+ b\n",
		"no change":      "file f.go\n- a\n+ a\n! why\n",
		"no piece":       "file f.go\n+ b\n! why\n",
		"an odd line":    "file f.go\nfind a\n",
		"a row too late": "file f.go\n- a\n+ b\n! why\nfile g.go\n+ c\n",
	} {
		if _, err := parse("rows.txt", text); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestMutant_VerdictIsThatOfTheTests(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "go.mod", "module example.com/small\n\ngo 1.25\n")
	write(t, "limit/limit.go", "package limit\n\nfunc Over(n int) bool { return n > 10 }\n\nfunc Twice(n int) int { return n + n }\n")
	write(t, "limit/limit_test.go", "package limit\n\nimport \"testing\"\n\n"+
		"func TestOver(t *testing.T) {\n\tif Over(10) || !Over(11) {\n\t\tt.Fatal()\n\t}\n}\n")
	mutants, err := parse("rows.txt", strings.Join([]string{
		"file limit/limit.go",
		"- n > 10", "+ n >= 10", "! the limit is one too low",
		"- n + n", "+ n * n", "! nobody looks",
		"- n + n", "+ n +", "! is no Go",
	}, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	r := &runner{test: goTest, work: t.TempDir(), least: time.Minute, healthy: map[string]time.Duration{}, lengthy: map[string][]string{}}
	for i, want := range []record{{Verdict: killed, By: "TestOver"}, {Verdict: survived}, {Verdict: broken}} {
		if err := mutants[i].fit(); err != nil {
			t.Fatal(err)
		}
		if got, output := r.judge(t.Context(), &mutants[i]); got != want {
			t.Errorf("%s: %v, want %v\n%s", mutants[i].at, got, want, output)
		}
	}
	for _, find := range []string{"n > 11", "n int"} { // not there; there twice
		m := mutant{file: "limit/limit.go", find: find, replacement: "x"}
		if m.fit() == nil {
			t.Errorf("%q fits", find)
		}
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
