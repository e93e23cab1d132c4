package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// table is what is recorded of each target, by its name.
type table map[string]result

// has reports whether a target had its time and nothing was found.
func (t table) has(of target, spend time.Duration) bool {
	r, ok := t[of.String()]
	return ok && r.cpu >= spend.Truncate(time.Second) && r.finding == "none"
}

// interrupted returns the row of a target that was interrupted, or none.
func (t table) interrupted(of target) result {
	if r := t[of.String()]; r.finding == interrupted {
		return r
	}
	return result{}
}

func (t table) with(of target, r result) table {
	if t == nil {
		t = table{}
	}
	t[of.String()] = r
	return t
}

const (
	tableHead = "# Fuzzing\n\n" +
		"Written by `make fuzz FUZZTIME=10m RECORD=bench/fuzz.md`: do not edit. Each target ran in one worker, with the\n" +
		"processor time that is given here, by the code of that day. A target under 1,000 runs would have failed.\n\n" +
		"| package | target | runs | processor time | inputs that reach code of their own | finding | date |\n" +
		"|---|---|---|---|---|---|---|\n"
	columns = 7
)

// write puts the rows in the order of targets. Rows of targets that are no more are dropped.
func (t table) write(path string, targets []target) error {
	var b strings.Builder
	b.WriteString(tableHead)
	through := 0
	for _, of := range targets {
		if r, ok := t[of.String()]; ok {
			if r.finding == "none" {
				through++
			}
			fmt.Fprintf(&b, "| %s | %s | %d | %s | %d | %s | %s |\n",
				of.dir, of.name, r.runs, r.cpu.Round(time.Second), r.inputs, r.finding, r.date)
		}
	}
	fmt.Fprintf(&b, "\n%d of %d targets are through; the same command goes on with the others.\n", through, len(targets))
	return os.WriteFile(path, []byte(b.String()), 0o600)
}

// readTable reads what write has written. No path and no file are an empty table.
func readTable(path string) (table, error) {
	text, err := os.ReadFile(path)
	if path == "" || errors.Is(err, os.ErrNotExist) {
		return table{}, nil
	}
	if err != nil {
		return nil, err
	}
	t := table{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if len(cells) != columns || !strings.HasPrefix(cells[1], "Fuzz") {
			continue
		}
		runs, err := strconv.Atoi(cells[2])
		cpu, cpuErr := time.ParseDuration(cells[3])
		inputs, inputsErr := strconv.Atoi(cells[4])
		if err := errors.Join(err, cpuErr, inputsErr); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		t[cells[0]+" "+cells[1]] = result{runs: runs, cpu: cpu, inputs: inputs, finding: cells[5], date: cells[6]}
	}
	return t, nil
}
