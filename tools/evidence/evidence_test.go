package main

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// The committed table is what the pages beside it say: after a target has written one, "make evidence" is due.
func TestEvidence_IsOfThePagesBesideIt(t *testing.T) {
	t.Parallel()
	want, err := page(func(name string) (string, error) {
		text, err := os.ReadFile("../../" + name)
		return string(text), err
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../bench/EVIDENCE.md")
	if err != nil || string(got) != want {
		t.Errorf("run make evidence (%v)", err)
	}
}

func TestClaims_ReadTheirFigures(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		read       func(c claim, text string) ([]row, error)
		text, want string
	}{
		"mutants": {mutants, "# Mutants\n\non 2026-11-27 with\n\n| rows | faults | killed | by time | survive, with a reason | survive | not judged | minutes |\n|---|---|\n" +
			"| form | 9 | 9 | 0 | 0 | 0 | 0 | 1 |\n| all | 412 | 400 | 3 | 9 | 3 | 0 | 80 |\n",
			"2026-11-27 412 faults: 400 killed, 9 survive with a reason, 3 without one, 0 not judged"},
		"timing": {timing, "2026-11-27\n\n| what | classes | n | t | difference | |\n|---|---|\n| MAC | a / b | 1,000,000 | -2.31 (all) | +0.1 ns | none is seen |\n" +
			"| hex | a / b | 1,000,000 | +1.00 (all) | +0.1 ns | none is seen |\n| leaky | a / b | 1,000,000 | +310.20 (all) | +9 ns | found, as it must be |\n",
			"2026-11-27 2 pairs: largest t 2.31 (below 4.5 is none seen); controls: smallest t 310"},
		"soak": {soak, "on 2026-11-27 with go1.26.8 on 2 cores, after\n10m0s: as it must be.\n\n| | | must be |\n|---|---|---|\n| false accepts | 0 | 0 |\n" +
			"| false refusals | 0 | 0 |\n| lost | 0 | 0 |\n| doubled, beyond what attempts announce | 0 | 0 |\n",
			"2026-11-27 10m0s, as it must be: false accepts 0, false refusals 0, lost 0, doubled 0"},
		"fuzzing": {fuzzing, "# Fuzzing\n\n| package | target | runs | processor time | inputs | finding | date |\n|---|---|---|---|---|---|---|\n" +
			"| a | FuzzA | 2400000 | 10m1s | 7 | none | 2026-11-27 |\n| b | FuzzB | 100000 | 2m30s | 7 | interrupted | 2026-11-27 |\n" +
			"\n1 of 69 targets are through; the same command goes on with the others.\n",
			"2026-11-27 1 of 69 targets are through: 2 million runs in 13m0s of processor time, 0 findings"},
		"rows": {tableRows, "2026-11-27\n\n| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n", "2026-11-27 2 rows"},
		"sections": {sections, "2026-11-20\n\n## Verify\n\nMeasured on 2026-11-27, `make bench`:\n\n| | floor | ratio |\n|---|---|---|\n| HMAC | 4 µs | **1.2** |\n\n## Words\n\nnone\n",
			"2026-11-27 HMAC; floor: 4 µs; ratio: 1.2"},
		"first": {first(`(?m)^runs all (\d+)\.`, "%s attacks"), "x\n\nruns all 85. More\n", " 85 attacks"},
	} {
		rows, err := c.read(claim{text: "claim", command: "make x"}, c.text)
		if err != nil || len(rows) != 1 {
			t.Errorf("%s: %v, %v", name, rows, err)
			continue
		}
		if got := rows[0].day + " " + rows[0].figure; got != c.want {
			t.Errorf("%s: %q, not %q", name, got, c.want)
		}
		if rows, err := c.read(claim{}, "# Nothing\n"); err == nil {
			t.Errorf("%s: a page without its figure gives %v", name, rows)
		}
	}
	rows, err := eachRow(claim{text: "claim", command: "make x"}, "2026-11-27\n\n| tool | figure |\n|---|---|\n| a | 1 |\n| b | **2** |\n")
	if err != nil || len(rows) != 2 || rows[1].figure != "2" || rows[1].claim != "claim (b)" {
		t.Error(rows, err)
	}
}

func TestPage_SaysWhatHasNotBeenRun(t *testing.T) {
	t.Parallel()
	text, err := page(func(string) (string, error) { return "", os.ErrNotExist })
	if err != nil || strings.Count(text, "| not run yet |") != len(claims) {
		t.Error(text, err)
	}
	if _, err := page(func(string) (string, error) { return "", errors.New("unreadable") }); err == nil {
		t.Error("no error")
	}
	if _, err := page(func(string) (string, error) { return "# Empty\n", nil }); err == nil {
		t.Error("a page without its figure is an error")
	}
}

func TestRow_IsOneLineOfATable(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	row{"a", "go test -bench 'A|B'", "", "1", "The claim engine, exhaustively"}.write(&b, "bench/RESULTS.md")
	want := "| a | `go test -bench 'A\\|B'` | - | [1](RESULTS.md#the-claim-engine-exhaustively) |\n"
	if b.String() != want {
		t.Error(b.String())
	}
	b.Reset()
	row{"a", "make x", "2026-11-27", "1", ""}.write(&b, "docs/fips.md")
	if want := "| a | `make x` | 2026-11-27 | [1](../docs/fips.md) |\n"; b.String() != want {
		t.Error(b.String())
	}
}
