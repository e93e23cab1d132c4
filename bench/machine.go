package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// A moment is where and when a group is measured.
type moment struct {
	start  time.Time
	before string // load average
}

func begin() moment { return moment{time.Now(), loadAverage()} }

// describe returns the paragraph under the heading of a group that has just ended.
func (m moment) describe(o options) string {
	text := fmt.Sprintf("Measured on %s at commit %s: %s, %d cores, SHA extensions: %s; %s, %s/%s; load average %s before and %s after; %d rounds.",
		m.start.UTC().Format("2006-01-02 15:04 UTC"), o.commit, cpuLine("model name"), runtime.NumCPU(), shaExtensions(),
		runtime.Version(), runtime.GOOS, runtime.GOARCH, m.before, loadAverage(), o.rounds)
	return wrap(text, 118)
}

func loadAverage() string {
	raw, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Fields(string(raw))[0]
}

func cpuLine(name string) string {
	raw, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(raw)) {
		if key, value, _ := strings.Cut(line, ":"); strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func shaExtensions() string {
	if slices.Contains(strings.Fields(cpuLine("flags")), "sha_ni") {
		return "yes"
	}
	return "no"
}

// commitOf returns the commit of the tree, which is told before RESULTS.md is written.
func commitOf(root string) string {
	out, err := exec.Command("git", "-C", root, "describe", "--always", "--dirty", "--exclude=*").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// wrap breaks text at blanks into lines of at most so many columns.
func wrap(text string, columns int) string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len([]rune(line))+1+len([]rune(word)) > columns {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return strings.Join(append(lines, line), "\n") + "\n"
}
