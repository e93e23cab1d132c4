package timing

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	measurements = flag.Int("measurements", 0, "calls a class that count; 0 measures nothing, 1000000 is the full form")
	report       = flag.String("report", "", "the file to write the figures to")
	only         = flag.String("only", "", "measure the rows whose name matches; the controls always are")
)

const dearer = 10 // how many times fewer measurements where a call takes a key operation

// TestTiming measures if it is told to. Without the flag it runs the whole way with calls that take no time worth the
// name, and asserts nothing about it, as a test must not depend on the machine.
func TestTiming(t *testing.T) {
	if *measurements == 0 {
		for _, row := range rows(t) {
			samples := row.measure(row.classes, 5, 1)
			require.Len(t, samples, 5*len(row.classes), row.name)
		}
		return
	}
	chosen := regexp.MustCompile(*only)
	var pairs []pair
	before := load()
	for i, row := range rows(t) {
		if !row.leaky && !chosen.MatchString(row.name) {
			continue
		}
		n := *measurements
		if row.dear {
			n /= dearer
		}
		samples := row.measure(row.classes, n*calibrate/(calibrate-1), uint64(i))
		for a := range row.classes {
			for b := range a {
				p := pair{row: row, a: b, b: a, result: compare(samples, b, a)}
				t.Logf("%-50s %-25s %-25s t %+9.2f (%s), %+.1f ns", row.name, row.classes[b].name, row.classes[a].name, p.t, p.test, p.difference)
				assert.Empty(t, p.problem(), "%s: %s / %s: t = %.2f", row.name, row.classes[b].name, row.classes[a].name, p.t)
				pairs = append(pairs, p)
			}
		}
	}
	if *report != "" {
		text := reportOf(machine(), before+" to "+load(), *measurements, pairs)
		require.NoError(t, os.WriteFile(*report, []byte(text), 0o600))
	}
}

// made returns times as a machine gives them: mostly near one value, with a long tail, and now and then an interrupt.
// Those of class 1 are slower by a difference, and scattered more widely.
func made(n int, difference, wider float64) []sample {
	r := rand.New(rand.NewPCG(7, 7)) //nolint:gosec // not a secret
	samples := make([]sample, 2*n)
	for i := range samples {
		class := i % 2
		took := 500 + 20*math.Abs(r.NormFloat64()) + 15*r.ExpFloat64()
		if r.IntN(1000) == 0 {
			took += 50_000 * r.Float64()
		}
		if class == 1 {
			took += difference + wider*r.NormFloat64()
		}
		samples[i] = sample{class: class, took: math.Round(took)}
	}
	return samples
}

// The statistics find leaks in times that were made up, and none where there is none.
func TestCompare_FindsALeakAndNothingElse(t *testing.T) {
	t.Parallel()
	const n = 60_000
	none := compare(made(n, 0, 0), 0, 1)
	assert.Less(t, math.Abs(none.t), threshold)
	assert.Equal(t, n*(calibrate-1)/calibrate, none.n, "the first ones do not count")

	leak := compare(made(n, 3, 0), 0, 1)
	assert.Less(t, leak.t, -10.0, "3 ns in 500, between interrupts of 50,000")
	assert.Equal(t, "cropped", leak.test)
	assert.InDelta(t, -3, leak.difference, 2)
	assert.InDelta(t, -leak.t, compare(made(n, 3, 0), 1, 0).t, 1e-9, "the other way round")

	wide := compare(made(n, 0, 30), 0, 1)
	assert.Greater(t, math.Abs(wide.t), 10.0, "equal means, another spread")
	assert.Zero(t, compare(nil, 0, 1).n)
}

// The t is that of Welch's paper for his own kind of numbers: unequal variances and sizes.
func TestWelch_IsWhatIsKnown(t *testing.T) {
	t.Parallel()
	of := func(xs ...float64) (m moments) {
		for _, x := range xs {
			m.add(x)
		}
		return m
	}
	a := of(27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4)
	b := of(27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 30.0, 23.9)
	variance := func(m moments) float64 { return m.variance() }
	require.InDelta(t, 20.82, a.mean, 0.01)
	require.InDelta(t, 23.587, b.mean, 0.001)
	expected := (a.mean - b.mean) / math.Sqrt(variance(a)/15+variance(b)/15)
	assert.InDelta(t, expected, welch(a, b), 1e-12)
	assert.InDelta(t, -2.8, welch(a, b), 0.1)
	joined, whole := of(1, 2, 7).with(of(4, 9)), of(1, 2, 7, 4, 9)
	assert.InDelta(t, whole.mean, joined.mean, 1e-12)
	assert.InDelta(t, whole.variance(), joined.variance(), 1e-12)
	assert.Equal(t, whole.n, joined.n)
	assert.Zero(t, welch(of(1, 1, 1), of(1, 1)))
	assert.True(t, math.IsInf(welch(of(2, 2), of(1, 1)), 1), "no error and another mean")
}

func TestThresholds_LieCloseWhereTimesAreShort(t *testing.T) {
	t.Parallel()
	times := make([]float64, 10_000)
	for i := range times {
		times[i] = float64(i)
	}
	got := thresholdsOf(times)
	assert.InDelta(t, 670, got[0], 5, "1 - 0.5^0.1")
	assert.InDelta(t, 5000, got[9], 1)
	assert.InDelta(t, 9990, got[99], 1)
}

// A control that is not found, and a row that is, make the run fail; nothing measured is no pass.
func TestPair_Problem(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		leaky   bool
		t       float64
		n       int
		problem string
	}{
		"quiet":                {false, 4.4, 9, ""},
		"quiet, other side":    {false, -4.4, 9, ""},
		"told":                 {false, 4.5, 9, "tells the classes apart"},
		"told, other side":     {false, -4.5, 9, "tells the classes apart"},
		"control found":        {true, -10.1, 9, ""},
		"control missed":       {true, 10, 9, "void"},
		"nothing":              {false, 0, 0, "nothing was measured"},
		"nothing of a control": {true, math.NaN(), 9, "nothing was measured"},
	} {
		p := pair{row: row{leaky: c.leaky}, result: result{t: c.t, n: c.n}}
		if c.problem == "" {
			assert.Empty(t, p.problem(), name)
		} else {
			assert.Contains(t, p.problem(), c.problem, name)
		}
	}
}

func TestReport_SaysEachPairAndItsProblem(t *testing.T) {
	t.Parallel()
	leak := row{name: "a control", leaky: true, classes: []class{{name: "first"}, {name: "last"}}}
	text := reportOf("a machine", "0.1 to 0.2", 1_000_000, []pair{
		{row: leak, b: 1, result: result{t: 90, n: 1_000_000, test: "cropped"}},
		{row: leak, b: 1, result: result{t: 3, n: 1000, test: "all"}},
	})
	assert.Contains(t, text, "| a control | first / last | 1,000,000 | +90.00 (cropped) |")
	assert.Contains(t, text, "found, as it must be")
	assert.Contains(t, text, "**the leak that was built in is not found")
	assert.Contains(t, text, "100,000")
	assert.Equal(t, []string{"7", "700", "7,000", "1,234,567"}, []string{thousands(7), thousands(700), thousands(7000), thousands(1234567)})
	assert.NotEmpty(t, fmt.Sprint(machine(), load()))
}
