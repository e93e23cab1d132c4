package soak

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestSummary_ProblemsAreWhatMustNotBe(t *testing.T) {
	t.Parallel()
	grows := func(goroutines int, heap uint64) func(s *Summary) {
		return func(s *Summary) {
			var samples []use
			for i := range 60 {
				samples = append(samples, use{Goroutines: 100 + i*goroutines, Heap: 8<<20 + uint64(i)*heap}) //nolint:gosec // small
			}
			s.use(samples)
		}
	}
	for name, tt := range map[string]struct {
		change func(s *Summary)
		want   string
	}{
		"nothing":          {func(*Summary) {}, ""},
		"steady":           {grows(0, 0), ""},
		"a false accept":   {func(s *Summary) { s.FalseAccepts = []string{"x"} }, "1 false accepts, such as: x"},
		"a false refusal":  {func(s *Summary) { s.FalseRefusals = []string{"x"} }, "1 false refusals, such as: x"},
		"a loss":           {func(s *Summary) { s.Lost = []string{"x", "y"} }, "2 lost, such as: x; y"},
		"a double":         {func(s *Summary) { s.Doubled = []string{"x"} }, "1 doubled, such as: x"},
		"a run that fails": {func(s *Summary) { s.Odd = []string{"x"} }, "1 odd, such as: x"},
		"nothing was sent": {func(s *Summary) { s.Events = 0 }, "no event was acknowledged"},
		"goroutines stay":  {func(s *Summary) { s.Left = 41 }, "goroutines: 41 more at the end than at the start"},
		"goroutines grow":  {grows(5, 0), "goroutines are not flat: 150, then 350"},
		"the heap grows":   {grows(0, 256<<10), "the heap is not flat: 10.5 MiB, then 20.5 MiB"},
	} {
		s := Summary{Events: 1}
		tt.change(&s)
		if tt.want == "" {
			assert.Empty(t, s.Problems(), name)
			for line := range strings.Lines(s.Markdown()) { // as wide as the pages of this repository are
				assert.True(t, strings.HasPrefix(line, "|") || len(line) <= 121, line)
			}
			continue
		}
		assert.Equal(t, []string{tt.want}, s.Problems(), name)
		assert.Contains(t, s.Markdown(), "not as it must be", name)
	}
}

func TestSummary_QuantilesAreThoseOfEachThird(t *testing.T) {
	t.Parallel()
	var all []timed
	for i := range 300 {
		all = append(all, timed{took: time.Duration(i) * time.Millisecond})
	}
	var s Summary
	s.latencies(all)
	assert.Equal(t, [3]time.Duration{50 * time.Millisecond, 150 * time.Millisecond, 250 * time.Millisecond}, s.P50)
	assert.Equal(t, [3]time.Duration{99 * time.Millisecond, 199 * time.Millisecond, 299 * time.Millisecond}, s.P99)
}
