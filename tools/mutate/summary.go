package main

import (
	"fmt"
	"maps"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"
)

// tally counts the verdicts of one file of rows.
type tally struct {
	count   map[verdict]int
	late    int
	seconds float64
}

// summary is the page of all verdicts. A row without a verdict is counted as not judged.
func summary(all []mutant, known map[string]record) string {
	of := map[string]*tally{}
	sum := &tally{count: map[verdict]int{}}
	commits := map[string]int{}
	var reasons, open, noticed strings.Builder
	file := ""
	for i := range all {
		m := &all[i]
		name := path.Base(strings.SplitN(m.at, ":", 2)[0])
		if of[name] == nil {
			of[name] = &tally{count: map[verdict]int{}}
		}
		key, err := m.key()
		r, ok := known[key]
		if err != nil || !ok {
			r = record{Verdict: unjudged, By: "not run"}
		}
		v := m.with(r.Verdict)
		for _, t := range []*tally{of[name], sum} {
			t.count[v]++
			t.seconds += r.Seconds
			if r.Late {
				t.late++
			}
		}
		if r.Commit != "" {
			commits[r.Commit]++
		}
		switch v {
		case killed:
			if m.file != file {
				file = m.file
				fmt.Fprintf(&noticed, "\n`%s`\n\n| fault | noticed by |\n|---|---|\n", file)
			}
			fmt.Fprintf(&noticed, "| %s | %s |\n", cell(m.why), cell(r.By))
		case accepted:
			fmt.Fprintf(&reasons, "| `%s` | %s | %s |\n", m.file, cell(m.why), cell(m.survives))
		default:
			fmt.Fprintf(&open, "| `%s` | %s | %s %s |\n", m.file, cell(m.why), v, cell(r.By))
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, `# Mutants

%smake mutate%s puts one fault at a time into a critical line and runs the tests of its package. The rows are in
%stools/mutants%s. This page is what it wrote on %s with %s on %d cores.
%s

A verdict "by time" means: with the fault the tests ran out of time twice, and without it they passed in between.

| rows | faults | killed | of these by time | survive, with a reason | survive | not judged | minutes |
|---|---|---|---|---|---|---|---|
`, "`", "`", "`", "`", time.Now().UTC().Format(time.DateOnly), runtime.Version(), runtime.NumCPU(), trees(commits))
	for _, name := range slices.Sorted(maps.Keys(of)) {
		of[name].line(&b, name)
	}
	sum.line(&b, "all")
	section(&b, "In need of a look", "file | fault | verdict", open.String())
	section(&b, "Survivors", "file | fault | why no test can notice", reasons.String())
	b.WriteString("\n## Noticed\n" + noticed.String())
	return b.String()
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

func (t *tally) line(b *strings.Builder, name string) {
	n := 0
	for _, c := range t.count {
		n += c
	}
	fmt.Fprintf(b, "| %s | %d | %d | %d | %d | %d | %d | %.0f |\n", name, n, t.count[killed], t.late, t.count[accepted],
		t.count[survived], n-t.count[killed]-t.count[accepted]-t.count[survived], t.seconds/60)
}

func section(b *strings.Builder, title, columns, rows string) {
	if rows == "" {
		rows = "None.\n"
	} else {
		rows = "| " + columns + " |\n|" + strings.Repeat("---|", strings.Count(columns, "|")+1) + "\n" + rows
	}
	fmt.Fprintf(b, "\n## %s\n\n%s", title, rows)
}

// trees names the commits that were judged, the one with most verdicts first.
func trees(commits map[string]int) string {
	names := slices.SortedFunc(maps.Keys(commits), func(a, b string) int {
		if commits[a] != commits[b] {
			return commits[b] - commits[a]
		}
		return strings.Compare(a, b)
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%s (%d)", name, commits[name])
	}
	if len(names) == 0 {
		return "Nothing was judged."
	}
	return "Judged at commit " + strings.Join(names, ",\nat ") + "."
}
