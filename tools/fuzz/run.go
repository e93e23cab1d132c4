package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// result is what became of a target.
type result struct {
	runs    int
	inputs  int           // that reach code which no other reaches
	cpu     time.Duration // of the worker and of the process that hands it inputs
	finding string        // "none", or what failed
	date    string
}

// slice is how long one process fuzzes by the clock on the wall; whether the processor time is spent is seen after it.
const slice = time.Minute

// interrupted is the finding of a target that was stopped before its time was over, and goes on from there.
const interrupted = "interrupted"

// run fuzzes until the processor time is spent or something fails. before is what it had of an interrupted run.
func (t target) run(ctx context.Context, work string, o options, before result) (r result, err error) {
	r = before
	r.finding, r.date = interrupted, time.Now().UTC().Format(time.DateOnly)
	binary, err := t.build(ctx, work, o.build)
	if err != nil {
		if ctx.Err() == nil {
			r.finding = "does not build"
		}
		return r, err
	}
	cache, err := t.cache(ctx)
	if err != nil {
		return r, err
	}
	for r.cpu < o.time {
		// Each process begins with what is known, which takes a while: none is so short that nothing new comes after it.
		length := max(min(o.time, slice/6), min(slice, o.time-r.cpu))
		// One input at the most is tried to be made shorter, once: an expensive target would do nothing else.
		c := exec.CommandContext(ctx, binary, "-test.run=^$", "-test.fuzz=^"+t.name+"$", "-test.parallel=1", "-test.timeout=0",
			"-test.fuzztime="+length.String(), "-test.fuzzminimizetime=1x", "-test.fuzzcachedir="+cache)
		c.Dir = filepath.Join(t.root, filepath.FromSlash(t.dir))
		c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
		c.WaitDelay = 10 * time.Second
		out, failed := c.CombinedOutput()
		runs, inputs := counts(out)
		r.runs += runs
		r.inputs = max(r.inputs, inputs)
		if c.ProcessState != nil {
			r.cpu += c.ProcessState.UserTime() + c.ProcessState.SystemTime()
		}
		if ctx.Err() != nil {
			return r, ctx.Err()
		}
		if failed != nil && !isOver(out) {
			r.finding = found(out)
			return r, fmt.Errorf("%w\n%s", failed, tail(out))
		}
		if runs == 0 && r.cpu == 0 {
			r.finding = "nothing ran"
			return r, fmt.Errorf("nothing ran\n%s", tail(out))
		}
	}
	if r.runs < fewest {
		r.finding = "too slow"
		return r, fmt.Errorf("%d runs in %.0f s of processor time: make it cheaper", r.runs, r.cpu.Seconds())
	}
	r.finding = "none"
	return r, nil
}

// build compiles the package's tests once.
func (t target) build(ctx context.Context, work string, flags []string) (string, error) {
	binary := filepath.Join(work, strings.ReplaceAll(t.dir, "/", "-")+".test")
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	c := exec.CommandContext(ctx, "go", slices.Concat([]string{"test", "-c", "-o", binary}, flags, []string{"."})...)
	c.Dir = filepath.Join(t.root, filepath.FromSlash(t.dir))
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, tail(out))
	}
	return binary, nil
}

// cache returns the folder where "go test -fuzz" keeps inputs of this package.
func (t target) cache(ctx context.Context) (string, error) {
	c := exec.CommandContext(ctx, "go", "list", "-f", "{{.ImportPath}}", ".")
	c.Dir = filepath.Join(t.root, filepath.FromSlash(t.dir))
	path, err := c.Output()
	if err != nil {
		return "", err
	}
	root, err := exec.CommandContext(ctx, "go", "env", "GOCACHE").Output()
	if err != nil {
		return "", err
	}
	return filepath.Join(strings.TrimSpace(string(root)), "fuzz", filepath.FromSlash(strings.TrimSpace(string(path)))), nil
}

var progress = regexp.MustCompile(`execs: (\d+)(?: .*\(total: (\d+)\))?`)

// counts reads the last line of progress: how often the target ran, and how many inputs reach code of their own.
func counts(out []byte) (runs, inputs int) {
	all := progress.FindAllSubmatch(out, -1)
	if len(all) == 0 {
		return 0, 0
	}
	last := all[len(all)-1]
	runs, _ = strconv.Atoi(string(last[1]))
	inputs, _ = strconv.Atoi(string(last[2]))
	return runs, inputs
}

var failing = regexp.MustCompile(`testdata/fuzz/\S+`)

var deadline = regexp.MustCompile(`(?m)^--- FAIL: \S+ \(\S+\)\n    context deadline exceeded$`)

// isOver reports whether a process failed only because its time was over: now and then the testing package calls that a
// failure. A target's own words stand deeper, or behind a line of the source.
func isOver(out []byte) bool { return deadline.Match(out) && !failing.Match(out) }

// found names the input that failed, where there is one.
func found(out []byte) string {
	if path := failing.Find(out); path != nil {
		return string(path)
	}
	return "failed"
}

func tail(out []byte) []byte {
	const most = 4 << 10
	return bytes.TrimSpace(out[max(0, len(out)-most):])
}

// keep copies the shortest inputs that the fuzzer kept to testdata, where every run of the tests begins with them.
func (t target) keep(most int) error {
	const longest = 1 << 10 // bytes
	cache, err := t.cache(context.Background())
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(filepath.Join(cache, t.name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	type input struct {
		name string
		text []byte
	}
	var inputs []input
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(cache, t.name, e.Name()))
		if err != nil {
			return err
		}
		if len(text) <= longest {
			inputs = append(inputs, input{e.Name(), text})
		}
	}
	slices.SortFunc(inputs, func(a, b input) int {
		return cmp.Or(cmp.Compare(len(a.text), len(b.text)), strings.Compare(a.name, b.name))
	})
	to := filepath.Join(t.root, filepath.FromSlash(t.dir), "testdata", "fuzz", t.name)
	for _, i := range spread(inputs, most) {
		if err := os.MkdirAll(to, 0o750); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, i.name), i.text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// spread returns at most n of all, at equal distances: short ones and long ones.
func spread[T any](all []T, n int) []T {
	if len(all) <= n {
		return all
	}
	out := make([]T, 0, n)
	for i := range n {
		out = append(out, all[i*len(all)/n])
	}
	return out
}
