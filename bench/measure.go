package main

import (
	"math"
	"runtime"
	"syscall"
	"time"
)

// A contender is one way of doing what the others of its race do too.
type contender struct {
	name string
	call func() // panics where it does not do what it is measured for
}

// A race is contenders that are measured in turns. The first one is the floor of the others.
type race struct {
	name       string
	contenders []contender
}

// A figure is what was measured of one contender, by unit. Times are in nanoseconds.
type figure struct {
	Race, Contender string
	Values          map[string]float64
}

const (
	perCall  = "ns"     // processor time of one call
	perAlloc = "allocs" // allocations of one call
	perBytes = "B"      // bytes that one call allocates
)

const (
	// blockTime is how much processor time the calls of one contender take before it is the next one's turn: long enough
	// for some collections of the garbage of small calls, or a block could end before the one that it has caused.
	blockTime = 20 * time.Millisecond
	// blocksInRound is how often each contender has its turn in one round.
	blocksInRound = 2
	// fewestCalls make a block of large calls.
	fewestCalls = 12
)

// run measures every contender in each round, another one first each time, and keeps the least processor time of each:
// what disturbs a call makes it slower, never faster.
func (r race) run(rounds int) []figure {
	least := make([]float64, len(r.contenders))
	calls := make([]int, len(r.contenders))
	for i, c := range r.contenders {
		least[i], calls[i] = math.Inf(1), max(fewestCalls, callsIn(blockTime, c.call))
	}
	for block := range rounds * blocksInRound {
		for i := range r.contenders {
			i = (i + block) % len(r.contenders)
			runtime.GC() // each pays for its own garbage
			spent := timed(calls[i], r.contenders[i].call)
			least[i] = min(least[i], float64(spent)/float64(calls[i]))
		}
	}
	figures := make([]figure, len(r.contenders))
	for i, c := range r.contenders {
		allocs, bytes := allocated(c.call)
		figures[i] = figure{r.name, c.name, map[string]float64{perCall: least[i], perAlloc: allocs, perBytes: bytes}}
	}
	return figures
}

// leastOf returns before, with the times of now where they are less. Both are of the same contenders; before may be
// nil.
func leastOf(before, now []figure) []figure {
	for i := range before {
		before[i].Values[perCall] = min(before[i].Values[perCall], now[i].Values[perCall])
	}
	if before == nil {
		return now
	}
	return before
}

func callsIn(d time.Duration, call func()) int {
	for n := 1; ; n *= 2 {
		if spent := timed(n, call); spent >= d/4 {
			return max(1, int(float64(n)*float64(d)/float64(spent)))
		}
	}
}

// timed returns the processor time of n calls.
func timed(n int, call func()) time.Duration {
	start := processorTime()
	for range n {
		call()
	}
	return processorTime() - start
}

// processorTime returns what the process has used so far, in all of its threads.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// allocated returns what one call allocates, as testing.AllocsPerRun counts it: less than one is not the call's.
func allocated(call func()) (allocs, bytes float64) {
	n := min(200, callsIn(blockTime, call))
	call() // what the first call makes for all
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		call()
	}
	runtime.ReadMemStats(&after)
	return float64((after.Mallocs - before.Mallocs) / uint64(n)), float64((after.TotalAlloc - before.TotalAlloc) / uint64(n))
}
