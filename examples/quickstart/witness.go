package main

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
)

// witness is the receivers' clock, and sees what became of a delivery, which a sender is never told.
type witness struct {
	mu     sync.Mutex
	time   time.Time
	broken bool
	last   seen
}

// next sets the clock to the instant at which the next delivery was recorded, and whether the handler fails.
func (w *witness) next(at time.Time, down bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.time, w.broken, w.last = at, down, seen{reason: "unseen"}
}

func (w *witness) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.time
}

func (w *witness) down() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.broken
}

func (w *witness) observe(_ context.Context, o truhook.Observation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = seen{reason: truhook.ReasonOf(o.Err)}
	if o.Verified != nil {
		var proofs []string
		for _, p := range o.Verified.Proofs {
			proofs = append(proofs, p.Scheme)
		}
		w.last.proofs = strings.Join(proofs, ", ")
	}
}

func (w *witness) observeEvent(_ context.Context, e idempotency.Observation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.Err == nil || errors.Is(e.Err, errDown) {
		w.last.event = e.Outcome
	}
}

func (w *witness) seen() seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}
