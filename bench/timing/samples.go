package timing

import (
	"math"
	"slices"
	"sort"
)

// A sample is how long one call took, and of which class its input was.
type sample struct {
	class int
	took  float64 // nanoseconds
}

// What dudect does with its samples: the first ones set the thresholds and do not count; then there is one test over
// all, one over those below each of a hundred thresholds, which leave out interrupts and other long times, and one over
// the squared distances from the mean of the class, which sees classes that differ in their spread only.
const (
	crops      = 100
	calibrate  = 10     // one of so many samples sets thresholds
	enoughEach = 10_000 // samples of each class that a test needs to count, as in dudect; fewer where all are fewer
)

// result is the worst of these tests for two classes.
type result struct {
	t          float64 // with its sign
	test       string
	n          int     // samples of the smaller class, before any crop
	difference float64 // of the means below the median threshold, in nanoseconds
}

// compare tests class a against class b.
func compare(samples []sample, a, b int) result {
	var times []float64
	calibrating, rest := samples[:len(samples)/calibrate], samples[len(samples)/calibrate:]
	for _, s := range calibrating {
		if s.class == a || s.class == b {
			times = append(times, s.took)
		}
	}
	slices.Sort(times)
	var all [2]moments
	var cropped [crops][2]moments
	thresholds := thresholdsOf(times)
	side := func(s sample) int {
		switch s.class {
		case a:
			return 0
		case b:
			return 1
		}
		return -1
	}
	for _, s := range rest {
		if i := side(s); i >= 0 {
			all[i].add(s.took)
			// Into the lowest of the crops that it belongs to; below, each takes in those under it.
			if j := sort.Search(crops, func(j int) bool { return s.took < thresholds[j] }); j < crops {
				cropped[j][i].add(s.took)
			}
		}
	}
	for j := 1; j < crops; j++ {
		for i := range cropped[j] {
			cropped[j][i] = cropped[j][i].with(cropped[j-1][i])
		}
	}
	var spread [2]moments
	for _, s := range rest {
		if i := side(s); i >= 0 {
			d := s.took - all[i].mean
			spread[i].add(d * d)
		}
	}
	r := result{t: welch(all[0], all[1]), test: "all", n: int(min(all[0].n, all[1].n))}
	enough := min(enoughEach, float64(r.n)/2)
	worse := func(m [2]moments, name string) {
		if t := welch(m[0], m[1]); math.Abs(t) > math.Abs(r.t) && min(m[0].n, m[1].n) >= enough {
			r.t, r.test = t, name
		}
	}
	for j := range cropped {
		worse(cropped[j], "cropped")
	}
	worse(spread, "spread")
	middle := cropped[crops/10-1] // half of the times are below its threshold
	r.difference = middle[0].mean - middle[1].mean
	return r
}

// thresholdsOf returns dudect's percentiles of sorted times: close together where the times are short.
func thresholdsOf(times []float64) (t [crops]float64) {
	if len(times) == 0 {
		return t
	}
	for i := range t {
		which := 1 - math.Pow(0.5, 10*float64(i+1)/crops)
		t[i] = times[int(which*float64(len(times)))]
	}
	return t
}
