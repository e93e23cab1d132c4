package main

import (
	"fmt"
	"slices"
	"strings"
)

// figures are what one group measured, in one mode.
type figures []figure

// value returns what was measured of a contender, and panics where it was not: a table has no made-up cell.
func (f figures) value(race, contender, unit string) float64 {
	i := slices.IndexFunc(f, func(x figure) bool { return x.Race == race && x.Contender == contender })
	if i < 0 {
		panic(fmt.Sprintf("%q of %q was not measured", contender, race))
	}
	v, ok := f[i].Values[unit]
	if !ok {
		panic(fmt.Sprintf("%s of %q of %q was not measured", unit, contender, race))
	}
	return v
}

// ratio is the quotient of two contenders of one race.
func (f figures) ratio(race, a, b, unit string) float64 {
	return f.value(race, a, unit) / f.value(race, b, unit)
}

// races returns the names of the races in their order, and contenders those of one of them.
func (f figures) races() (names []string) {
	for _, x := range f {
		if !slices.Contains(names, x.Race) {
			names = append(names, x.Race)
		}
	}
	return names
}

func (f figures) contenders(race string) (names []string) {
	for _, x := range f {
		if x.Race == race {
			names = append(names, x.Contender)
		}
	}
	return names
}

// A report is the text of one group. Its first table holds what is promised.
type report struct {
	promises table
	tables   []table
	missed   []string
}

func newReport() *report {
	return &report{promises: table{head: []string{"", "measured", "wanted", "held"}}}
}

// atMost adds a promise that is held if measured is not more than wanted.
func (r *report) atMost(what string, measured, wanted float64, show func(float64) string) {
	r.promise(what, show(measured), "at most "+show(wanted), measured <= wanted)
}

// atLeast adds a promise that is held if measured is not less than wanted.
func (r *report) atLeast(what string, measured, wanted float64, show func(float64) string) {
	r.promise(what, show(measured), "at least "+show(wanted), measured >= wanted)
}

func (r *report) promise(what, measured, wanted string, held bool) {
	mark := "yes"
	if !held {
		mark = "**no**"
		r.missed = append(r.missed, fmt.Sprintf("%s: %s, wanted %s", what, measured, wanted))
	}
	r.promises.add(what, measured, wanted, mark)
}

func (r *report) String() string {
	var b strings.Builder
	for _, t := range append([]table{r.promises}, r.tables...) {
		if len(t.rows) > 0 {
			b.WriteString("\n" + t.String())
		}
	}
	return b.String()
}

// A table is one of Markdown.
type table struct {
	caption string
	head    []string
	rows    [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t table) String() string {
	var b strings.Builder
	if t.caption != "" {
		b.WriteString(t.caption + "\n\n")
	}
	row := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	row(t.head)
	row(append([]string{"---"}, slices.Repeat([]string{"---:"}, len(t.head)-1)...))
	for _, cells := range t.rows {
		row(cells)
	}
	return b.String()
}

// matrix has a row for each contender and a column for each race, which shows the time and its ratio to the first row.
func matrix(caption string, f figures, races []string, unit string) table {
	t := table{caption: caption, head: append([]string{""}, races...)}
	contenders := f.contenders(races[0])
	for _, c := range contenders {
		cells := []string{c}
		for _, r := range races {
			cells = append(cells, fmt.Sprintf("%s ×%.2f", duration(f.value(r, c, unit)), f.ratio(r, c, contenders[0], unit)))
		}
		t.add(cells...)
	}
	return t
}

// withAllocations adds the allocations of a call in one race to a matrix.
func (t table) withAllocations(f figures, race string) table {
	t.head = append(t.head, "allocations", "bytes allocated at "+race)
	for i := range t.rows {
		c := t.rows[i][0]
		t.rows[i] = append(t.rows[i], number(f.value(race, c, perAlloc)), number(f.value(race, c, perBytes)))
	}
	return t
}

func number(v float64) string   { return fmt.Sprintf("%.0f", v) }
func quotient(v float64) string { return fmt.Sprintf("%.2f", v) }

func added(nanos float64) string { return fmt.Sprintf("%+.0f ns", nanos) }

func duration(nanos float64) string {
	switch {
	case nanos >= 1e6:
		return fmt.Sprintf("%.2f ms", nanos/1e6)
	case nanos >= 1e4:
		return fmt.Sprintf("%.1f µs", nanos/1e3)
	case nanos >= 1e3:
		return fmt.Sprintf("%.2f µs", nanos/1e3)
	}
	return fmt.Sprintf("%.0f ns", nanos)
}
