package main

import (
	"context"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// A fault that makes tests slow is not told from a machine that is busy by one look at the clock.
func TestJudge_RunningOutOfTimeIsNoVerdictUntilItHappensTwice(t *testing.T) {
	const fails = "the tests fail without the fault"
	ok, quick, late := outcome{ok: true, took: 30 * time.Second}, outcome{ok: true, took: time.Second}, outcome{timedOut: true}
	long := outcome{ok: true, took: 2 * time.Second, output: "--- PASS: TestQuick (0.99s)\n--- PASS: TestLong (1.00s)\n"}
	red, other := outcome{failed: "TestOver"}, outcome{failed: "TestOther"}
	over, other2, twice := record{Verdict: killed, By: "TestOver"}, record{Verdict: killed, By: "TestOther"}, record{Verdict: killed, By: "running out of time, twice", Late: true}
	for name, tt := range map[string]struct {
		runs   []outcome
		how    string // a run is healthy, with the fault, of one test with the fault, or of the quick ones with the fault
		limits []time.Duration
		want   record
	}{
		"quick tests notice":        {[]outcome{quick, red}, "hf", []time.Duration{600, 60}, over},
		"slow tests notice, twice":  {[]outcome{ok, red, red}, "hf1", []time.Duration{600, 180, 180}, over},
		"a slow test failed once":   {[]outcome{ok, red, ok, ok}, "hf1f", nil, record{Verdict: survived}},
		"another one fails then":    {[]outcome{ok, red, ok, other}, "hf1f", nil, other2},
		"it hangs":                  {[]outcome{ok, late, ok, late}, "hfhf", []time.Duration{600, 180, 600, 180}, twice},
		"it passes when it is calm": {[]outcome{ok, late, ok, ok}, "hfhf", nil, record{Verdict: survived}},
		"it fails when it is calm":  {[]outcome{ok, late, ok, red, red}, "hfhf1", nil, over},
		"the machine was too slow":  {[]outcome{ok, late, late, late, late}, "hfhhh", nil, record{Verdict: unjudged, By: fails}},
		"the quick ones notice":     {[]outcome{long, red}, "hq", []time.Duration{600, 60}, over},
		"the lengthy ones notice":   {[]outcome{long, {ok: true}, red}, "hqf", nil, over},
		"the quick ones hang":       {[]outcome{long, late, long, late}, "hqhq", []time.Duration{600, 60, 600, 60}, twice},
		"they hang by chance":       {[]outcome{long, late, long, {ok: true}, red}, "hqhqf", nil, over},
		"no test notices":           {[]outcome{long, {ok: true}, {ok: true}}, "hqf", nil, record{Verdict: survived}},
		"the tests fail anyway":     {[]outcome{red, red, red}, "hhh", nil, record{Verdict: unjudged, By: fails}},
		"they failed by chance":     {[]outcome{red, quick, red}, "hhf", nil, over},
		"the command does not end":  {[]outcome{ok, {stuck: true}}, "hf", nil, record{Verdict: unjudged, By: "the go command did not end"}},
		"a process that ends":       {[]outcome{ok, {output: "x\npanic: oh | no\n"}}, "hf", nil, record{Verdict: killed, By: `a process that ended: oh   no`}},
		"it does not compile":       {[]outcome{ok, {broken: true}}, "hf", nil, record{Verdict: broken}},
	} {
		t.Run(name, func(t *testing.T) {
			var limits []time.Duration
			r := &runner{work: t.TempDir(), least: time.Minute, healthy: map[string]time.Duration{}, lengthy: map[string][]string{}}
			r.test = func(_ context.Context, _ string, args []string, limit time.Duration) outcome {
				i := len(limits)
				limits = append(limits, limit/time.Second)
				how := byte('h')
				if slices.Contains(args, "-overlay") {
					how = 'f'
				}
				if slices.Contains(args, "-run") {
					how = '1'
				}
				if i := slices.Index(args, "-skip"); i >= 0 {
					how = 'q'
					if args[i+1] != "^(TestLong)$" {
						t.Error(args)
					}
				}
				if tt.how[i] != how {
					t.Errorf("run %d: go %v", i, args)
				}
				return tt.runs[i]
			}
			got, _ := r.judge(t.Context(), &mutant{file: "limit.go", packages: []string{"./limit"}})
			if got != tt.want || len(limits) != len(tt.runs) || tt.limits != nil && !slices.Equal(limits, tt.limits) {
				t.Errorf("%v with limits %v, want %v with %v", got, limits, tt.want, tt.limits)
			}
		})
	}
}

func TestGoTest_KnowsATestThatRanOutOfTime(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "go.mod", "module example.com/small\n\ngo 1.25\n")
	write(t, "slow_test.go", "package small\n\nimport (\n\t\"testing\"\n\t\"time\"\n)\n\nfunc TestSlow(*testing.T) { time.Sleep(time.Hour) }\n")
	if o := goTest(t.Context(), ".", []string{"test", "."}, time.Second); o.ok || o.broken || o.stuck || !o.timedOut {
		t.Errorf("%+v", o)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if o := goTest(ended, ".", []string{"test", "."}, time.Second); o.ok || !o.stuck {
		t.Errorf("%+v", o)
	}
}

// A verdict is kept while what it depends on is the same, also when the run before was cut off.
func TestState_AnInterruptedRunGoesOnWhereItWas(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "limit/limit.go", "package limit\n\nfunc Over(n int) bool { return n > 10 }\n")
	write(t, "limit/limit_test.go", "package limit\n")
	const rows = "file limit/limit.go\n- n > 10\n+ n >= 10\n! the limit is one too low\n- return n\n+ return 9 + n\n! it is nine too low\n"
	write(t, "rows/one.txt", rows)
	judged := 0
	run := func(by string) map[string]record {
		t.Helper()
		all, err := readAll("rows")
		if err != nil {
			t.Fatal(err)
		}
		for i := range all {
			all[i].packages = nil
			write(t, "go.mod", "module example.com/small\n")
			if err := all[i].fit(); err != nil {
				t.Fatal(err)
			}
		}
		verdicts, err := openState("bin/state.jsonl")
		if err != nil {
			t.Fatal(err)
		}
		defer verdicts.close()
		r := &runner{work: t.TempDir(), least: time.Minute, healthy: map[string]time.Duration{}, lengthy: map[string][]string{}}
		r.test = func(_ context.Context, _ string, args []string, _ time.Duration) outcome {
			if !slices.Contains(args, "-overlay") {
				return outcome{ok: true}
			}
			judged++
			return outcome{failed: by}
		}
		if _, err := judgeAll(t.Context(), r, verdicts, all); err != nil {
			t.Fatal(err)
		}
		if err := verdicts.keep(all); err != nil {
			t.Fatal(err)
		}
		page := summary(all, verdicts.known)
		if !strings.Contains(page, "| all | 2 | 2 | 0 | 0 | 0 | 0 |") || !strings.Contains(page, "| it is nine too low | "+by+" |") {
			t.Error(page)
		}
		return maps.Clone(verdicts.known)
	}
	expect := func(want int, what string) {
		t.Helper()
		if judged != want {
			t.Errorf("%s: %d judged, want %d", what, judged, want)
		}
		judged = 0
	}
	run("TestA")
	expect(2, "nothing is known")
	run("TestA")
	expect(0, "both are known")
	text, err := os.ReadFile("bin/state.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	write(t, "bin/state.jsonl", string(text[:len(text)-5])) // the machine went away
	run("TestA")
	expect(1, "the last line is cut off")
	write(t, "limit/.git", "gitdir: elsewhere\n") // as at the root of a worktree
	run("TestA")
	expect(0, "nothing that a test reads has changed")
	write(t, "limit/limit_test.go", "package limit\n\n// changed\n")
	run("TestB")
	expect(2, "the tests have changed")
	write(t, "rows/one.txt", strings.Replace(rows, "+ n >= 10", "+ n >= 11", 1))
	run("TestB")
	expect(1, "a row has changed")
}

func TestSummary_ListsWhatNeedsALookAndWhy(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "f/f.go", "package f\n")
	of := func(why, survives string) mutant {
		return mutant{file: "f/f.go", at: "rows/f.txt:1", packages: []string{"./f"}, find: why, why: why, survives: survives}
	}
	all := []mutant{of("a", ""), of("b", "no test can"), of("c", ""), of("d", "wrong"), of("e", ""), of("g", "")}
	known := map[string]record{}
	for i, r := range []record{
		{Verdict: killed, By: "TestA", Seconds: 90, Commit: "one"}, {Verdict: survived, Commit: "two"}, {Verdict: survived},
		{Verdict: killed, By: "TestD", Late: true}, {Verdict: broken},
	} {
		key, err := all[i].key()
		if err != nil {
			t.Fatal(err)
		}
		known[key] = r
	}
	page := summary(all, known)
	for line := range strings.Lines(page) { // as wide as the pages of this repository are
		if !strings.HasPrefix(line, "|") && len(line) > 121 {
			t.Errorf("%d bytes: %s", len(line), line)
		}
	}
	for _, want := range []string{
		"| f.txt | 6 | 1 | 1 | 1 | 1 | 3 | 2 |", "| all | 6 | 1 | 1 | 1 | 1 | 3 | 2 |", "at commit one (1),\nat two (1).",
		"| `f/f.go` | b | no test can |", "| `f/f.go` | c | SURVIVED  |", "| `f/f.go` | d | UNDUE TestD |",
		"| `f/f.go` | e | BROKEN  |", "| `f/f.go` | g | UNJUDGED not run |", "| a | TestA |",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is missing in\n%s", want, page)
		}
	}
}
