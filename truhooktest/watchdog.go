package truhooktest

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"time"
)

// patience is how long, in real time, nothing may happen in a scenario.
const patience = time.Minute

// A watchdog gives up a scenario in which nothing happens. A goroutine that waits for a sync.Mutex is not blocked in
// the sense of synctest, so that virtual time stands still for as long as it waits, which may be for ever.
type watchdog struct {
	pulse    atomic.Int64 // changes whenever something happens
	patience time.Duration
}

// looks is how often a watchdog looks before its patience is over. It counts looks and not time, as a machine can have
// been asleep.
const looks = 10

// watch runs f and reports whether it came to its end. If it did not, its goroutines stay where they are.
func (w *watchdog) watch(f func()) bool {
	over := make(chan struct{})
	returned := false
	go func() {
		defer close(over)
		f()
		returned = true
	}()
	tick := time.NewTicker(w.patience / looks)
	defer tick.Stop()
	last, still := w.pulse.Load(), 0
	for {
		select {
		case <-over:
			if !returned {
				runtime.Goexit() // as f did, by which a test ends at once
			}
			return true
		case <-tick.C:
		}
		now := w.pulse.Load()
		if still++; now != last {
			last, still = now, 0
		}
		if still == looks {
			return false
		}
	}
}

// beat tells the watchdog that something happened.
func (s *suite) beat() {
	if s.pulse != nil {
		s.pulse.Add(1)
	}
}

const standsStill = "time-stands-still"

func (sc scenario) stands(patience time.Duration) failure {
	return failure{sc.name, standsStill, fmt.Sprintf("nothing happened for %v of real time, and the suite ends here: virtual time "+
		"stands still while a goroutine waits for a sync.Mutex that another holds over an effect or a wait, or for something "+
		"outside of the bubble; hold no such lock, or use TestReceiverRealTime", patience)}
}
