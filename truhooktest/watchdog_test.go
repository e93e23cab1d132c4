package truhooktest_test

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/truhooktest"
)

// The bubble that stands still stays until the process of this test ends.
func TestAReceiverThatHoldsAMutexOverItsEffectFailsInsteadOfHanging(t *testing.T) {
	t.Parallel()
	got := truhooktest.Stalled(t, 500*time.Millisecond, receiver(holdsMutex, truv.RetryPolicy()))
	assert.Equal(t, []string{"time-stands-still"}, got)
}

func TestWatchdog_GivesUpWhereNothingHappens(t *testing.T) {
	t.Parallel()
	const patience = time.Minute
	tests := map[string]struct {
		f    func(beat func())
		want bool
	}{
		"over at once":         {func(func()) {}, true},
		"less than patience":   {func(func()) { time.Sleep(patience / 2) }, true},
		"more than patience":   {func(func()) { time.Sleep(2 * patience) }, false},
		"long, and alive":      {func(beat func()) { breathe(beat, 20, patience/2) }, true},
		"alive, and then dead": {func(beat func()) { breathe(beat, 20, patience/2); time.Sleep(2 * patience) }, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				assert.Equal(t, tt.want, truhooktest.Watch(patience, tt.f))
				time.Sleep(3 * patience) // what was given up ends, too
			})
		})
	}
}

func breathe(beat func(), times int, every time.Duration) {
	for range times {
		time.Sleep(every)
		beat()
	}
}

// A test that ends at once, as by FailNow, ends the goroutine that watches it as well.
func TestWatchdog_EndsWithWhatItWatches(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	cameBack := false
	go func() {
		defer close(ended)
		truhooktest.Watch(time.Hour, func(func()) { runtime.Goexit() })
		cameBack = true
	}()
	<-ended
	assert.False(t, cameBack)
}
