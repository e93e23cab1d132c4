package bench

import (
	"slices"
	"testing"
	"time"
)

// ratio measures ours beside floor in alternating short blocks, so that both meet the same quiet and loud moments, and
// reports the quotient of the fastest blocks of each as "x-floor".
func ratio(b *testing.B, floor, ours func()) {
	b.Helper()
	const target = 2 * time.Millisecond
	block := 1
	for ; ; block *= 2 {
		if spent := timed(block, floor); spent > target {
			break
		}
	}
	b.ReportAllocs()
	var floors, own []time.Duration
	b.ResetTimer()
	for i := 0; i < b.N; i += block {
		b.StopTimer()
		floors = append(floors, timed(block, floor))
		b.StartTimer()
		own = append(own, timed(block, ours))
	}
	for len(floors) < 100 { // enough blocks to find a quiet one, however small b.N is
		b.StopTimer()
		floors = append(floors, timed(block, floor))
		own = append(own, timed(block, ours))
	}
	b.ReportMetric(float64(slices.Min(own))/float64(slices.Min(floors)), "x-floor")
}

func timed(n int, f func()) time.Duration {
	start := time.Now()
	for range n {
		f()
	}
	return time.Since(start)
}
