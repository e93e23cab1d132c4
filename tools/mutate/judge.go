package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

type verdict string

const (
	killed   verdict = "killed"
	survived verdict = "SURVIVED"
	accepted verdict = "survives" // with a reason
	undue    verdict = "UNDUE"    // has a reason to survive and does not
	unjudged verdict = "UNJUDGED" // the tests fail anyway, or did not end
	broken   verdict = "BROKEN"   // does not compile
)

// with is the verdict of the tests, seen with the row's reason to survive.
func (m *mutant) with(v verdict) verdict {
	switch {
	case m.survives != "" && v == survived:
		return accepted
	case m.survives != "" && v == killed:
		return undue
	}
	return v
}

// A runner runs tests with faults in place, one at a time.
type runner struct {
	test    func(ctx context.Context, dir string, args []string, limit time.Duration) outcome // goTest
	work    string
	least   time.Duration            // for the tests of one package
	healthy map[string]time.Duration // how long tests take without a fault, by command; below zero: they fail
	lengthy map[string][]string      // those that take a second or more, by the same; the others are asked first
}

const (
	patience = 6               // how many times as long tests may take with a fault as without it
	tries    = 3               // at tests that must pass
	slow     = 5 * time.Second // tests that take this long wait for servers and clocks, and may fail by chance
)

// judge runs the tests with the fault in place, those of one package after the other. Where they fail anyway, nothing
// is shown.
func (r *runner) judge(ctx context.Context, m *mutant) (record, string) {
	overlay, err := r.overlay(m)
	if err != nil {
		return record{Verdict: broken}, err.Error()
	}
	for _, p := range m.packages { // the first usually notices
		if verdict, output := r.judgeBy(ctx, m, p, overlay); verdict.Verdict != survived {
			return verdict, output
		}
	}
	return record{Verdict: survived}, ""
}

// judgeBy runs the tests of one package. A machine that has other things to do notices nothing: a fault that makes
// tests run out of time counts as noticed if they still pass without it at that moment, and run out of time with it
// again; and a slow test that fails has to fail twice.
func (r *runner) judgeBy(ctx context.Context, m *mutant, p, overlay string) (record, string) {
	healthy, output := r.passes(ctx, m, p)
	if healthy < 0 {
		return record{Verdict: unjudged, By: "the tests fail without the fault"}, output
	}
	command, limit, all := m.command(overlay, p), r.limit(healthy), true
	var got outcome
	if lengthy := r.lengthy[m.healthy(p)]; len(lengthy) > 0 {
		quick := m.quick(lengthy, overlay, p)
		if got = r.test(ctx, m.module, quick, r.least); got.timedOut {
			command, limit, all = quick, r.least, false
		}
	}
	if got.failed == "" && !got.timedOut {
		got = r.test(ctx, m.module, command, limit)
	}
	if got.timedOut {
		delete(r.healthy, m.healthy(p))
		if healthy, output = r.passes(ctx, m, p); healthy < 0 {
			return record{Verdict: unjudged, By: "the tests fail without the fault"}, output
		}
		got = r.test(ctx, m.module, command, limit)
		if got.ok && !all {
			got = r.test(ctx, m.module, m.command(overlay, p), r.limit(healthy))
		}
	}
	if got.failed != "" && healthy >= slow {
		alone := append([]string{command[0], "-run", "^" + got.failed + "$"}, command[1:]...)
		if again := r.test(ctx, m.module, alone, r.limit(healthy)); again.ok {
			got = r.test(ctx, m.module, command, r.limit(healthy))
		}
	}
	switch {
	case got.ok:
		return record{Verdict: survived}, ""
	case got.broken:
		return record{Verdict: broken}, got.output
	case got.stuck:
		return record{Verdict: unjudged, By: "the go command did not end"}, got.output
	case got.timedOut:
		return record{Verdict: killed, By: "running out of time, twice", Late: true}, ""
	}
	return record{Verdict: killed, By: got.by()}, ""
}

func (r *runner) limit(healthy time.Duration) time.Duration { return max(r.least, patience*healthy) }

// healthy is the command without the fault.
func (m *mutant) healthy(p string) string {
	return m.module + " " + strings.Join(m.command("", p), " ")
}

// passes returns how long the tests of p take without the fault; below zero, and what they say, if they fail. Each
// package is asked once.
func (r *runner) passes(ctx context.Context, m *mutant, p string) (took time.Duration, output string) {
	key := m.healthy(p)
	if took, asked := r.healthy[key]; asked {
		return took, ""
	}
	for range tries {
		got := r.test(ctx, m.module, append(m.command("", p), "-v"), 10*r.least)
		if took, output = got.took, ""; got.ok {
			r.lengthy[key] = got.lengthy()
			break
		}
		took, output = -1, fmt.Sprintf("%s fails:\n%s", key, got.output)
	}
	r.healthy[key] = took
	return took, output
}

// overlay writes the fault, and the file that puts it in place.
func (r *runner) overlay(m *mutant) (string, error) {
	original, err := filepath.Abs(m.file)
	if err != nil {
		return "", err
	}
	mutated := filepath.Join(r.work, "mutated.go.txt")
	overlay := filepath.Join(r.work, "overlay.json")
	text, err := json.Marshal(map[string]map[string]string{"Replace": {original: mutated}})
	if err != nil {
		return "", err
	}
	return overlay, errors.Join(os.WriteFile(mutated, m.mutated, 0o600), os.WriteFile(overlay, text, 0o600))
}

// command is what runs the tests of some packages. A fault that go vet would see is for the tests all the same.
func (m *mutant) command(overlay string, packages ...string) []string {
	args := []string{"test", "-failfast", "-count=1", "-vet=off"}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	if m.skip != "" {
		args = append(args, "-skip", m.skip)
	}
	return append(args, packages...)
}

// quick is the command without the tests of these names.
func (m *mutant) quick(names []string, overlay, p string) []string {
	q := *m
	q.skip = "^(" + strings.Join(names, "|") + ")$"
	if m.skip != "" {
		q.skip += "|" + m.skip
	}
	return q.command(overlay, p)
}

// An outcome is what a run of tests has shown.
type outcome struct {
	ok       bool
	broken   bool   // nothing was run
	timedOut bool   // the tests
	stuck    bool   // the go command
	failed   string // the first test that did; may be empty
	took     time.Duration
	output   string
}

// building is the time that the go command has besides the tests.
const building = 10 * time.Minute

var (
	passed  = regexp.MustCompile(`(?m)^ok\s+\S+\s+([0-9.]+)s`)
	failing = regexp.MustCompile(`(?m)^--- FAIL: (\w+)`)
	second  = regexp.MustCompile(`(?m)^--- PASS: (Test\w+) \([1-9]\d*\.\d+s\)`)
)

// goTest runs the go command in a folder. The limit is for the tests; building them has its own.
func goTest(ctx context.Context, dir string, args []string, limit time.Duration) (o outcome) {
	limited, cancel := context.WithTimeout(ctx, limit+building)
	defer cancel()
	args = append([]string{args[0], "-timeout", limit.String()}, args[1:]...)
	cmd := exec.CommandContext(limited, "go", args...) //nolint:gosec // the rows of this repository
	cmd.Dir = dir
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	o.output, o.ok = string(out), err == nil
	if ok := passed.FindStringSubmatch(o.output); ok != nil {
		o.took, _ = time.ParseDuration(ok[1] + "s")
	}
	o.broken = strings.Contains(o.output, "[build failed]") || strings.Contains(o.output, "[setup failed]")
	o.timedOut = strings.Contains(o.output, "panic: test timed out after")
	o.stuck = !o.ok && limited.Err() != nil
	if m := failing.FindStringSubmatch(o.output); m != nil && !o.timedOut {
		o.failed = m[1]
	}
	return o
}

// lengthy returns the tests that took a second or more.
func (o outcome) lengthy() (names []string) {
	for _, m := range second.FindAllStringSubmatch(o.output, -1) {
		names = append(names, m[1])
	}
	return names
}

// by is what failed first.
func (o outcome) by() string {
	if o.failed != "" {
		return o.failed
	}
	for _, sign := range []string{"fatal error: ", "panic: "} {
		if _, rest, ok := strings.Cut(o.output, sign); ok {
			line, _, _ := strings.Cut(rest, "\n")
			return "a process that ended: " + strings.ReplaceAll(line, "|", " ")
		}
	}
	return "a process that ended"
}
