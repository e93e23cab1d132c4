package timing

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// machine says what was measured on: figures are worth nothing without it.
func machine() string {
	cpu := runtime.GOARCH
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for text := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(text, ":"); ok && strings.TrimSpace(name) == "model name" {
				cpu = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d cores, %s, %s", cpu, runtime.NumCPU(), runtime.Version(), time.Now().UTC().Format(time.DateOnly))
}

// load is the load average of the last minute; "?" where the system does not say.
func load() string {
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		return strings.Fields(string(text))[0]
	}
	return "?"
}

// reportOf is bench/timing.md.
func reportOf(machine, loads string, n int, pairs []pair) string {
	var b strings.Builder
	fmt.Fprintf(&b, reportHead, machine, loads, thousands(n), thousands(n/dearer), threshold, controlThreshold)
	b.WriteString("| what the time must not tell | classes | measurements a class | t | difference of the means | |\n|---|---|---|---|---|---|\n")
	for _, p := range pairs {
		said := "none is seen"
		switch {
		case p.problem() != "":
			said = "**" + p.problem() + "**"
		case p.row.leaky:
			said = "found, as it must be"
		}
		fmt.Fprintf(&b, "| %s | %s / %s | %s | %+.2f (%s) | %+.1f ns | %s |\n",
			p.row.name, p.row.classes[p.a].name, p.row.classes[p.b].name, thousands(p.n), p.t, p.test, p.difference, said)
	}
	return b.String()
}

const reportHead = `# Timing

Written by ` + "`make timing`" + `: do not edit.
%s; load average %s.

Welch's t-test, dudect's way: for each row the classes are measured in random order, %s calls a class,
%s where a call takes a public or private key operation. The first tenth sets a hundred thresholds and is
not counted. The t of the row is the largest of 102 tests: all times; those below each threshold, which leave out what
the machine did in between; and the squared distances from the mean. A row fails at |t| >= %v. The controls are leaks
built on purpose: one that is not found with |t| > %d makes the run void. The difference is that of the means of the
shorter half of the times.

`

func thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
