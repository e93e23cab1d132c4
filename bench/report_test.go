package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// made returns figures of every contender of the groups that are measured by calls, all of them of one value.
func made(t *testing.T, name string, value float64) figures {
	t.Helper()
	var f figures
	for _, r := range allRaces()[name] {
		for _, c := range r.contenders {
			f = append(f, figure{r.name, c.name, map[string]float64{perCall: value, perAlloc: 1, perBytes: 48}})
		}
	}
	return f
}

func TestReport_MarksWhatIsMissed(t *testing.T) {
	t.Parallel()
	r := newReport()
	r.atMost("one", 680, 680, added)
	r.atMost("two", 681, 680, added)
	r.atLeast("three", 0.97, 0.97, quotient)
	r.atLeast("four", 0.96, 0.97, quotient)
	require.Equal(t, []string{"two: +681 ns, wanted at most +680 ns", "four: 0.96, wanted at least 0.97"}, r.missed)
	require.Contains(t, r.String(), "| one | +680 ns | at most +680 ns | yes |\n")
	require.Contains(t, r.String(), "| four | 0.96 | at least 0.97 | **no** |\n")
}

func TestReport_EveryGroupHasATableOfWhatIsMeasured(t *testing.T) {
	t.Parallel()
	for _, g := range groups() {
		if allRaces()[g.name] == nil {
			continue
		}
		r := newReport()
		f := made(t, g.name, 1000)
		g.report(r, f, f)
		text := r.String()
		for _, x := range f {
			if g.name != "encrypted" || x.Contender != oursForged { // in the first table, as a ratio
				require.Contains(t, text, "| "+x.Contender+" |", g.name)
			}
		}
		require.NotContains(t, text, "NaN")
		require.NotContains(t, text, "Inf")
	}
}

func TestReport_PanicsOverAFigureThatWasNotMeasured(t *testing.T) {
	t.Parallel()
	f := figures{{"1 KiB", ours, map[string]float64{perCall: 1}}}
	require.Panics(t, func() { f.value("1 KiB", floorName, perCall) })
	require.Panics(t, func() { f.value("1 KiB", ours, perAlloc) })
	require.InDelta(t, 1, f.value("1 KiB", ours, perCall), 0)
	require.ErrorContains(t, groups()[0].fill(newReport(), f, f), "was not measured", "and the other groups go on")
}

func TestReport_StoresAndQueue(t *testing.T) {
	t.Parallel()
	of := func(dir, text string) figures {
		f := figures(parseBenchmarks([]byte(text)))
		for i := range f {
			f[i].Contender = dir
		}
		return f
	}
	stores := append(of(storeSuites[0].dir, `goos: linux
BenchmarkCost/Claim/goroutines=1-2    5000   0 ns/op   30000 ns/ours   20000 ns/raw   1.500 x-raw
BenchmarkCost/Claim+Complete/goroutines=1-2    5000   0 ns/op   60000 ns/ours   20000 ns/raw   3.100 x-raw
PASS
`), of(storeSuites[1].dir, `
BenchmarkCost/PostgreSQL/Claim/goroutines=1-2    50   0 ns/op   3 ns/ours   2 ns/raw   1.2 x-raw
BenchmarkCost/PostgreSQL/Claim+Complete/goroutines=1    50   0 ns/op   3 ns/ours   2 ns/raw   2.3 x-raw
BenchmarkCost/PostgreSQL/Duplicate/goroutines=1-2    50   0 ns/op   3 ns/ours   2 ns/raw   0.3 x-raw
`)...)
	r := newReport()
	reportStores(r, stores, nil)
	require.Equal(t, []string{"Redis: claim and complete: 3.10, wanted at most 3.00"}, r.missed)
	require.Contains(t, r.String(), "| redis/Claim/goroutines=1 | 1.50 | 30.0 µs | 20.0 µs |")

	r = newReport()
	reportQueue(r, of(queueSuites[0].dir, `
BenchmarkAccept/alone-to-bare-2  1  0 ns/op  450000 ns/base  430000 ns/row  1.1 x
BenchmarkAccept/64-to-alone-2  1  0 ns/op  450000 ns/base  430000 ns/row  7.9 x
BenchmarkHandle/8-to-1-2  1  0 ns/op  450000 ns/base  430000 ns/row  8 x
BenchmarkHandle/64-to-1-2  1  0 ns/op  450000 ns/base  430000 ns/row  20 x
BenchmarkMillion/first-begun-behind-expired-2  1  5 ns/op  8000 us/begun
BenchmarkRows/1000-2  1  5 ns/op  8000 ns/accept  9000 ns/handle  100 ns/stats
BenchmarkRows/10000-2  1  5 ns/op  8000 ns/accept  9000 ns/handle  100 ns/stats
BenchmarkRows/100000-2  1  5 ns/op  8000 ns/accept  9000 ns/handle  100 ns/stats
BenchmarkRows/1000000-2  1  5 ns/op  8000 ns/accept  9000 ns/handle  100 ns/stats
`), nil)
	require.Len(t, r.missed, 1)
	require.Contains(t, r.String(), "| from Enqueue to the first line of the function | 8.00 ms |")
}

func TestChart_IsWellFormedAndShowsWhatWasMeasured(t *testing.T) {
	t.Parallel()
	f := made(t, handlerGroup, 1234)
	f[0].Values[perCall] = 567 // the floor of the first panel
	svg := drawChart(f)
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
	}
	for _, want := range []string{"567 ns", "1.23 µs", "go-github", "stripe-go", "prefers-color-scheme: dark"} {
		require.Contains(t, svg, want)
	}
}
