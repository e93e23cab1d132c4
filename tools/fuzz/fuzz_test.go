package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const head = "package p_test\n\nimport \"testing\"\n\n"

// A target that finds nothing has its row; one that fails, one that is slow and one that does not build are failures;
// the rest goes on, and what is recorded does not run again.
func TestRun_GoesOnAndRecords(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "go.mod"), "module example.com/small\n\ngo 1.25\n")
	write(t, filepath.Join(root, "a", "a_test.go"), head+"func FuzzGood(f *testing.F) { f.Add(1); f.Fuzz(func(t *testing.T, n int) {}) }\n"+
		"func FuzzBad(f *testing.F) { f.Add(1); f.Fuzz(func(t *testing.T, n int) { if n == 1 { t.Fatal(n) } }) }\n")
	write(t, filepath.Join(root, "b", "b_test.go"), head+"func FuzzBroken(f *testing.F) { return 1 }\n")
	write(t, filepath.Join(root, "testdata", "c_test.go"), head+"func FuzzHidden(f *testing.F) {}\n")
	record := filepath.Join(root, "fuzz.md")
	o := options{time: time.Second, record: record}
	err := run(context.Background(), root, o)
	if err == nil || !strings.Contains(err.Error(), "a FuzzBad: ") || !strings.Contains(err.Error(), "b FuzzBroken: ") ||
		strings.Contains(err.Error(), "FuzzGood") || strings.Contains(err.Error(), "FuzzHidden") {
		t.Fatalf("the failures are those of two targets: %v", err)
	}
	rows, err := readTable(record)
	if err != nil || len(rows) != 3 {
		t.Fatalf("%v, %v", rows, err)
	}
	if page, err := os.ReadFile(record); err != nil || !strings.Contains(string(page), "\n1 of 3 targets are through") {
		t.Fatalf("%s, %v", page, err)
	}
	good := rows["a FuzzGood"]
	if good.finding != "none" || good.runs < fewest || good.cpu < time.Second {
		t.Fatalf("%+v", good)
	}
	if rows["a FuzzBad"].finding == "none" || rows["b FuzzBroken"].finding != "does not build" {
		t.Fatalf("%+v", rows)
	}
	targets, err := find(root)
	if err != nil || len(targets) != 3 {
		t.Fatalf("%v, %v", targets, err)
	}
	for _, x := range targets {
		if got, want := rows.has(x, time.Second), x.name == "FuzzGood"; got != want {
			t.Errorf("%s has its time: %v", x, got)
		}
		if rows.has(x, time.Minute) {
			t.Errorf("%s had no minute", x)
		}
	}
	o.only = []string{"FuzzGood"}
	before := good
	if err := run(context.Background(), root, o); err != nil {
		t.Fatal(err)
	}
	if rows, err = readTable(record); err != nil || rows["a FuzzGood"] != before {
		t.Fatalf("it ran again: %+v, %v", rows, err)
	}
}

// A target that is stopped keeps what it had, and goes on from there.
func TestRun_AnInterruptedTargetGoesOn(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "go.mod"), "module example.com/small\n\ngo 1.25\n")
	write(t, filepath.Join(root, "a", "a_test.go"), head+"func FuzzGood(f *testing.F) { f.Add(1); f.Fuzz(func(t *testing.T, n int) {}) }\n")
	o := options{time: time.Second, record: filepath.Join(root, "fuzz.md")}
	targets, err := find(root)
	if err != nil || len(targets) != 1 {
		t.Fatalf("%v, %v", targets, err)
	}
	half := result{runs: 5_000_000_000, cpu: time.Minute, inputs: 7, finding: interrupted, date: "2026-01-02"}
	if err := (table{}).with(targets[0], half).write(o.record, targets); err != nil {
		t.Fatal(err)
	}
	o.time = time.Minute + time.Second
	if err := run(context.Background(), root, o); err != nil {
		t.Fatal(err)
	}
	rows, err := readTable(o.record)
	if err != nil {
		t.Fatal(err)
	}
	whole := rows["a FuzzGood"]
	if whole.finding != "none" || whole.runs <= half.runs || whole.cpu < o.time || whole.cpu > 2*time.Minute || whole.date == half.date {
		t.Fatalf("%+v", whole)
	}
	o.time = time.Hour
	for what, after := range map[string]time.Duration{"fuzzing": time.Second, "being built": 20 * time.Millisecond} {
		ctx, stop := context.WithTimeout(context.Background(), after)
		defer stop()
		if err := (table{}).with(targets[0], half).write(o.record, targets); err != nil {
			t.Fatal(err)
		}
		if err := run(ctx, root, o); err == nil {
			t.Fatal("it had no hour")
		}
		rows, err := readTable(o.record)
		if r := rows["a FuzzGood"]; err != nil || r.finding != interrupted || r.runs < half.runs || r.cpu < half.cpu {
			t.Fatalf("stopped while %s: %+v, %v", what, r, err)
		}
	}
}

func TestCounts_AreThoseOfTheLastLine(t *testing.T) {
	out := "fuzz: elapsed: 0s, gathering baseline coverage: 0/3 completed\n" +
		"fuzz: elapsed: 3s, execs: 1200 (400/sec), new interesting: 2 (total: 5)\n" +
		"fuzz: elapsed: 6s, execs: 2468 (422/sec), new interesting: 4 (total: 7)\nPASS\n"
	if runs, inputs := counts([]byte(out)); runs != 2468 || inputs != 7 {
		t.Errorf("%d runs and %d inputs", runs, inputs)
	}
	if runs, _ := counts([]byte("panic: x\n")); runs != 0 {
		t.Errorf("%d runs of nothing", runs)
	}
	if got := found([]byte("    Failing input written to testdata/fuzz/FuzzX/0123\n    To re-run:\n")); got != "testdata/fuzz/FuzzX/0123" {
		t.Error(got)
	}
}

func TestSpread_TakesShortAndLong(t *testing.T) {
	if got := spread([]int{1, 2, 3, 4, 5, 6}, 3); len(got) != 3 || got[0] != 1 || got[2] != 5 {
		t.Error(got)
	}
	if got := spread([]int{1}, 3); len(got) != 1 {
		t.Error(got)
	}
}

// Every target of this repository is found, and every recorded one is still there.
func TestFind_ThisRepository(t *testing.T) {
	targets, err := find("../..")
	if err != nil || len(targets) < 60 {
		t.Fatalf("%d targets, %v", len(targets), err)
	}
	names := map[string]bool{}
	for _, x := range targets {
		names[x.String()] = true
	}
	known, err := readTable("../../bench/fuzz.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range known {
		if !names[name] || r.runs < fewest || r.finding != "none" {
			t.Errorf("the row of %s: %+v", name, r)
		}
	}
}

func TestIsOver_IsNoFailureOfTheTarget(t *testing.T) {
	const began = "fuzz: elapsed: 1s, execs: 76381 (75360/sec)\n--- FAIL: FuzzGood (1.01s)\n"
	for out, want := range map[string]bool{
		began + "    context deadline exceeded\nFAIL\n":                                                                                                     true,
		began + "    --- FAIL: FuzzGood (0.00s)\n        a_test.go:6: context deadline exceeded\nFAIL\n":                                                    false,
		began + "    context deadline exceeded\n    Failing input written to testdata/fuzz/FuzzGood/0123\nFAIL\n":                                           false,
		began + "    --- FAIL: FuzzGood (0.00s)\n        testing.go:1: panic: context deadline exceeded, and more\nFAIL\n":                                  false,
		began + "    --- FAIL: FuzzGood (0.00s)\n        a_test.go:6: \n            \tError:\tunexpected:\n            \tcontext deadline exceeded\nFAIL\n": false,
		"PASS\n": false,
	} {
		if got := isOver([]byte(out)); got != want {
			t.Errorf("%v for %q", got, out)
		}
	}
}
