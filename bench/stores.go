package main

import (
	"fmt"
	"strings"
)

// perRaw is the quotient to the raw statement, as the benchmarks of the stores report it.
const perRaw = "x-raw"

func reportStores(r *report, f, _ figures) {
	redis, sql := storeSuites[0].dir, storeSuites[1].dir
	for _, p := range []struct {
		what, race, suite string
		most              float64
	}{
		{"Redis: claim", "Cost/Claim/goroutines=1", redis, 1.7},
		{"Redis: claim and complete", "Cost/Claim+Complete/goroutines=1", redis, 3.0},
		{"PostgreSQL: claim", "Cost/PostgreSQL/Claim/goroutines=1", sql, 1.3},
		{"PostgreSQL: claim and complete", "Cost/PostgreSQL/Claim+Complete/goroutines=1", sql, 2.3},
		{"PostgreSQL: duplicate", "Cost/PostgreSQL/Duplicate/goroutines=1", sql, 0.6},
	} {
		r.atMost(p.what, f.value(p.race, p.suite, perRaw), p.most, quotient)
	}
	t := table{head: []string{"", "to the raw statement", "ours", "raw"}}
	for _, x := range f {
		if _, ok := x.Values[perRaw]; ok {
			name := strings.TrimPrefix(x.Race, "Cost/")
			if x.Contender == redis {
				name = "redis/" + name
			}
			t.add(name, quotient(x.Values[perRaw]), duration(x.Values["ns/ours"]), duration(x.Values["ns/raw"]))
		}
	}
	r.tables = append(r.tables, t)
}

var rowCounts = []int{1_000, 10_000, 100_000, 1_000_000}

func reportQueue(r *report, f, _ figures) {
	dir := queueSuites[0].dir
	r.atMost("accept, one alone: to a bare INSERT and COMMIT", 1/f.value("Accept/alone-to-bare", dir, "x"), 1.4, quotient)
	r.atLeast("accept, 64 at the same time: times the rows a second of one", f.value("Accept/64-to-alone", dir, "x"), 8, quotient)
	r.atLeast("take and complete, 8 functions: times one row a commit", f.value("Handle/8-to-1", dir, "x"), 4, quotient)
	r.atLeast("take and complete, 64 functions: times one row a commit", f.value("Handle/64-to-1", dir, "x"), 10, quotient)
	rows := func(n int) string { return fmt.Sprintf("Rows/%d", n) }
	r.atMost("Stats, a million rows", f.value(rows(1_000_000), dir, "ns/stats"), 100e6, duration)
	t := table{head: []string{"rows that wait", "accept one", "take and complete one, 8 functions", "Stats"}}
	for _, n := range rowCounts {
		v := func(unit string) string { return duration(f.value(rows(n), dir, unit)) }
		t.add(fmt.Sprint(n), v("ns/accept"), v("ns/handle"), v("ns/stats"))
	}
	r.tables = append(r.tables, t, table{
		head: []string{"behind a million rows whose retention is over", "time"},
		rows: [][]string{{"from Enqueue to the first line of the function", duration(1e3 * f.value("Million/first-begun-behind-expired", dir, "us/begun"))}},
	})
}
