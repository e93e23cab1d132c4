package main

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A claim is what a page shows, and how its figure is read out of it.
type claim struct {
	text, command, page string
	read                func(c claim, text string) ([]row, error)
}

var claims = []claim{
	{"the known failures of others are tests here", "go test -run TestAdvisory ./...", "docs/advisories.md", first(`(?m)^runs all (\d+)\.`, "%s attacks, all refused")},
	{"faults in critical lines are noticed by the tests", "make mutate", "bench/mutants.md", mutants},
	{"the time of a refusal does not tell a secret", "make timing", "bench/timing.md", timing},
	{"hostile inputs find no crash", "make fuzz", "bench/fuzz.md", fuzzing},
	{"nothing is accepted, refused, lost or doubled wrongly under attack and outages", "make soak", "bench/soak.md", soak},
	{"stores and queues lose nothing that was acknowledged", "make crash", "bench/stores.md", sections},
	{"FIPS 140-3 mode: what works and what is refused at construction", "make fips", "docs/fips.md", tableRows},
	{"the core's tests pass elsewhere too", "make stress portable fips", "bench/suites.md", eachRow},
	{"every test of every module, on a clean checkout", "make test-time", "bench/time.md", eachRow},
	{"no known vulnerability, no unsafe code without a reason, a bill of materials", "make audit", "bench/audit.md", eachRow},
	{"the command can be built again, byte for byte", "make reproducible", "bench/reproducible.md", tableRows},
	{"costs, beside the floor and beside peers", "make bench", "bench/RESULTS.md", sections},
}

var (
	day     = regexp.MustCompile(`\b20\d\d-\d\d-\d\d\b`)
	heading = regexp.MustCompile(`(?m)^## (.*)$`)
	code    = regexp.MustCompile("`((?:make|cd|go) [^`]+)`")
)

// dayOf is the day that stands in the text, or before it.
func dayOf(text, before string) string {
	if d := day.FindString(text); d != "" {
		return d
	}
	return day.FindString(before)
}

func anchor(heading string) string {
	kept := regexp.MustCompile(`[^\w\- ]`).ReplaceAllString(strings.ToLower(heading), "")
	return strings.ReplaceAll(kept, " ", "-")
}

// first reads a figure by an expression with one group.
func first(expression, format string) func(c claim, text string) ([]row, error) {
	re := regexp.MustCompile(expression)
	return func(c claim, text string) ([]row, error) {
		m := re.FindStringSubmatch(text)
		if m == nil {
			return nil, errors.New("it does not have its figure")
		}
		return []row{{c.text, c.command, dayOf(text, ""), fmt.Sprintf(format, m[1]), ""}}, nil
	}
}

// table returns the cells of the rows of all tables in text, without headings.
func table(text string) (rows [][]string) {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|--") {
			continue
		}
		if i+1 < len(lines) && strings.HasPrefix(lines[i+1], "|--") {
			continue // a heading
		}
		var cells []string
		for _, c := range strings.Split(strings.Trim(line, "|"), "|") {
			cells = append(cells, strings.TrimSpace(c))
		}
		rows = append(rows, cells)
	}
	return rows
}

// number reads a cell such as "+1.23 (all)", "**12**" or "1,234".
func number(cell string) (float64, bool) {
	m := regexp.MustCompile(`[-+]?\d+(?:,\d{3})*(?:\.\d+)?`).FindString(cell)
	f, err := strconv.ParseFloat(strings.ReplaceAll(m, ",", ""), 64)
	return f, err == nil
}

// mutants reads the row "all" of the summary.
func mutants(c claim, text string) ([]row, error) {
	for _, r := range table(text) {
		if r[0] == "all" && len(r) >= 7 {
			figure := fmt.Sprintf("%s faults: %s killed, %s survive with a reason, %s without one, %s not judged", r[1], r[2], r[4], r[5], r[6])
			return []row{{c.text, c.command, dayOf(text, ""), figure, ""}}, nil
		}
	}
	return nil, errors.New("it has no row for all")
}

// timing reads the largest |t| of what must not show, and the smallest of the leaks that were built on purpose.
func timing(c claim, text string) ([]row, error) {
	most, least, pairs := 0.0, math.Inf(1), 0
	for _, r := range table(text) {
		if len(r) < 6 {
			continue
		}
		t, ok := number(r[3])
		if !ok {
			continue
		}
		if strings.Contains(r[5], "found, as it must be") {
			least = min(least, math.Abs(t))
		} else {
			most, pairs = max(most, math.Abs(t)), pairs+1
		}
	}
	if pairs == 0 || math.IsInf(least, 1) {
		return nil, errors.New("it has no pairs, or no control")
	}
	figure := fmt.Sprintf("%d pairs: largest t %.2f (below 4.5 is none seen); controls: smallest t %.0f", pairs, most, least)
	return []row{{c.text, c.command, dayOf(text, ""), figure, ""}}, nil
}

// soak reads how long it ran and the four zeros.
func soak(c claim, text string) ([]row, error) {
	m := regexp.MustCompile(`(?s)after\s+(\S+): (.*?)\.\n`).FindStringSubmatch(text)
	if m == nil {
		return nil, errors.New("it does not say how long it ran")
	}
	figure := m[1] + ", " + strings.Trim(m[2], "*") + ": "
	found := 0
	for _, r := range table(text) {
		for _, what := range []string{"false accepts", "false refusals", "lost", "doubled"} {
			if strings.HasPrefix(r[0], what) && len(r) > 2 {
				figure, found = figure+what+" "+r[1]+", ", found+1
			}
		}
	}
	if found < 4 {
		return nil, errors.New("it lacks one of the four counts")
	}
	return []row{{c.text, c.command, dayOf(text, ""), strings.TrimSuffix(figure, ", "), ""}}, nil
}

// fuzzing adds up what the targets had, and says how many there are.
func fuzzing(c claim, text string) ([]row, error) {
	of := regexp.MustCompile(`(\d+) of (\d+) targets are through`).FindStringSubmatch(text)
	runs, spent, findings := 0.0, time.Duration(0), 0
	rows := table(text)
	for _, r := range rows {
		if len(r) < 7 {
			return nil, errors.New("it has a row of another form")
		}
		n, ok := number(r[2])
		had, err := time.ParseDuration(r[3])
		if !ok || err != nil {
			return nil, errors.New("it has a row without its runs or its time")
		}
		runs, spent = runs+n, spent+had
		if r[5] != "none" && r[5] != "interrupted" {
			findings++
		}
	}
	if of == nil || len(rows) == 0 {
		return nil, errors.New("it does not say how many targets there are, or has no table")
	}
	figure := fmt.Sprintf("%s of %s targets are through: %.0f million runs in %s of processor time, %d findings",
		of[1], of[2], runs/1e6, spent.Round(time.Minute), findings)
	return []row{{c.text, c.command, dayOf(text, ""), figure, ""}}, nil
}

// tableRows counts.
func tableRows(c claim, text string) ([]row, error) {
	n := len(table(text))
	if n == 0 {
		return nil, errors.New("it has no table")
	}
	return []row{{c.text, c.command, dayOf(text, ""), fmt.Sprintf("%d rows", n), ""}}, nil
}

// eachRow makes a line of each row of two cells.
func eachRow(c claim, text string) (rows []row, err error) {
	for _, r := range table(text) {
		if len(r) == 2 {
			rows = append(rows, row{c.text + " (" + r[0] + ")", c.command, dayOf(r[1], text), strings.Trim(r[1], "*"), ""})
		}
	}
	if len(rows) == 0 {
		return nil, errors.New("it has no rows")
	}
	return rows, nil
}

// sections makes a line of each section: its first row, under the headings of its columns.
func sections(c claim, text string) (rows []row, err error) {
	at := heading.FindAllStringSubmatchIndex(text, -1)
	for i, m := range at {
		end := len(text)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		title, part := text[m[2]:m[3]], text[m[1]:end]
		figure := firstRow(part)
		if figure == "" {
			continue // text only
		}
		command := c.command
		if m := code.FindStringSubmatch(part); m != nil && !strings.Contains(m[1], "\n") {
			command = m[1]
		}
		rows = append(rows, row{c.text + ": " + title, command, dayOf(part, text[:m[0]]), figure, title})
	}
	if len(rows) == 0 {
		return nil, errors.New("it has no section with a table")
	}
	return rows, nil
}

// firstRow returns the first row of the first table of text, each cell under its heading.
func firstRow(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if !strings.HasPrefix(line, "|--") || i == 0 || i+1 == len(lines) || !strings.HasPrefix(lines[i+1], "|") {
			continue
		}
		heads := strings.Split(strings.Trim(lines[i-1], "|"), "|")
		cells := strings.Split(strings.Trim(lines[i+1], "|"), "|")
		var parts []string
		for j, cell := range cells {
			cell = strings.Trim(strings.TrimSpace(cell), "*")
			name := ""
			if j < len(heads) {
				name = strings.TrimSpace(heads[j])
			}
			switch {
			case cell == "" || strings.Contains(cell, "]("):
			case name == "" || j == 0:
				parts = append(parts, cell)
			default:
				parts = append(parts, name+": "+cell)
			}
		}
		return strings.Join(parts, "; ")
	}
	return ""
}
