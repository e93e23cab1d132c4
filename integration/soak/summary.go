package soak

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"
)

// A Summary is what a run has come to.
type Summary struct {
	Config Config
	Took   time.Duration

	Events, Effects, Repeated int // acknowledged events; effects; events with more than one, each announced by its attempt
	Answers                   map[string]int

	FalseAccepts  []string // forgeries that were acknowledged or had an effect
	FalseRefusals []string // genuine deliveries that were blamed, or never acknowledged
	Lost          []string // acknowledged events without an effect
	Doubled       []string // events with two effects under one attempt

	Cancelled, HalfClosed, Hostile, Outages, Rotations, Steps int64

	Odd []string // what the run itself could not do

	P50, P99         [3]time.Duration // of acknowledgements while no store was away, in each third
	Goroutines       [3]int           // the median of each third
	Heap, Resident   [3]uint64        // bytes, the medians
	Left             int              // goroutines at the end beyond those at the start
	samples, timings int
}

const (
	spareGoroutines = 40      // of pools and idle connections
	spareHeap       = 4 << 20 // bytes
	enoughSamples   = 30      // to speak of thirds
)

// Problems says what is wrong; nothing is a run that went as it must. Whether memory stays flat is judged where there
// are enough samples.
func (s *Summary) Problems() (problems []string) {
	for _, p := range []struct {
		what string
		all  []string
	}{
		{"false accepts", s.FalseAccepts}, {"false refusals", s.FalseRefusals}, {"lost", s.Lost}, {"doubled", s.Doubled}, {"odd", s.Odd},
	} {
		if len(p.all) > 0 {
			problems = append(problems, fmt.Sprintf("%d %s, such as: %s", len(p.all), p.what, strings.Join(p.all[:min(len(p.all), 5)], "; ")))
		}
	}
	if s.Events == 0 {
		problems = append(problems, "no event was acknowledged")
	}
	if s.Left > spareGoroutines {
		problems = append(problems, fmt.Sprintf("goroutines: %d more at the end than at the start", s.Left))
	}
	if s.samples < enoughSamples {
		return problems
	}
	if first, last := s.Goroutines[0], s.Goroutines[2]; last > first+first/4+spareGoroutines {
		problems = append(problems, fmt.Sprintf("goroutines are not flat: %d, then %d", first, last))
	}
	if first, last := s.Heap[0], s.Heap[2]; last > first+first/4+spareHeap {
		problems = append(problems, fmt.Sprintf("the heap is not flat: %s, then %s", mib(first), mib(last)))
	}
	return problems
}

// use takes the medians of the thirds.
func (s *Summary) use(samples []use) {
	s.samples = len(samples)
	for i, part := range thirds(samples) {
		s.Goroutines[i] = middle(part, func(u use) int { return u.Goroutines })
		s.Heap[i] = middle(part, func(u use) uint64 { return u.Heap })
		s.Resident[i] = middle(part, func(u use) uint64 { return u.Resident })
	}
}

func (s *Summary) latencies(all []timed) {
	s.timings = len(all)
	for i, part := range thirds(all) {
		times := make([]time.Duration, len(part))
		for j, t := range part {
			times[j] = t.took
		}
		slices.Sort(times)
		s.P50[i], s.P99[i] = quantile(times, 50), quantile(times, 99)
	}
}

func thirds[T any](all []T) (parts [3][]T) {
	for i := range parts {
		parts[i] = all[i*len(all)/3 : (i+1)*len(all)/3]
	}
	return parts
}

func quantile(sorted []time.Duration, percent int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)]
}

func middle[T any, N int | uint64](part []T, of func(T) N) N {
	values := make([]N, len(part))
	for i, p := range part {
		values[i] = of(p)
	}
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func mib(bytes uint64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }

// Markdown is the page that "make soak" writes.
func (s *Summary) Markdown() string {
	var b strings.Builder
	verdict := "as it must be"
	problems := s.Problems()
	if len(problems) > 0 {
		verdict = "**not as it must be**"
	}
	fmt.Fprintf(&b, `# Soak

%smake soak%s lets a receiver (a process of its own) run under genuine, forged, slow and broken clients while keys
rotate, clocks step and the way to the stores breaks. This is what it wrote on %s with %s on %d cores,
after %v: %s.

| | | must be |
|---|---|---|
| false accepts | %d | 0 |
| false refusals | %d | 0 |
| lost | %d | 0 |
| doubled, beyond what attempts announce | %d | 0 |
| goroutines: first, second, last third | %d, %d, %d | flat |
| heap after a collection | %s, %s, %s | flat |
| resident memory | %s, %s, %s | |
| half of the acknowledgements took less than | %v, %v, %v | |
| 99 %% took less than | %v, %v, %v | |
`, "`", "`", time.Now().UTC().Format(time.DateOnly), runtime.Version(), runtime.NumCPU(), s.Took.Round(time.Second), verdict,
		len(s.FalseAccepts), len(s.FalseRefusals), len(s.Lost), len(s.Doubled),
		s.Goroutines[0], s.Goroutines[1], s.Goroutines[2], mib(s.Heap[0]), mib(s.Heap[1]), mib(s.Heap[2]),
		mib(s.Resident[0]), mib(s.Resident[1]), mib(s.Resident[2]),
		round(s.P50[0]), round(s.P50[1]), round(s.P50[2]), round(s.P99[0]), round(s.P99[1]), round(s.P99[2]))
	for _, p := range problems {
		fmt.Fprintf(&b, "\n- %s", p)
	}
	fmt.Fprintf(&b, `
%d events were acknowledged and had %d effects; %d had more than one, each announced by its attempt.
Times are those of %d acknowledgements while no store was away. What happened meanwhile:

| | |
|---|---|
| outages of a store | %d |
| rotations of keys | %d |
| steps of the clock, by %v | %d |
| genuine deliveries that were cancelled | %d |
| genuine deliveries over a half-closed connection | %d |
| connections of hostile clients | %d |
`, s.Events, s.Effects, s.Repeated, s.timings, s.Outages, s.Rotations, s.Config.Step, s.Steps, s.Cancelled, s.HalfClosed, s.Hostile)
	for _, what := range slices.Sorted(maps.Keys(s.Answers)) {
		fmt.Fprintf(&b, "| answers: %s | %d |\n", what, s.Answers[what])
	}
	return b.String()
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
