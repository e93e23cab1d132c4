package storetest_test

import (
	"sync"
	"testing"
	"time"

	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/idempotency/storetest"
)

// A clock that moves when it is told to.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func newClock() *clock { return &clock{at: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func TestMemoryKeepsTheContract(t *testing.T) {
	t.Parallel()
	c := newClock()
	storetest.Run(t, func(*testing.T) idempotency.Store {
		return idempotency.NewMemory(idempotency.MemoryConfig{Now: c.Now})
	}, storetest.Config{
		Advance: c.Advance,
		Bounded: func(_ testing.TB, max int) idempotency.Store {
			return idempotency.NewMemory(idempotency.MemoryConfig{MaxEntries: max, Now: c.Now})
		},
	})
}
