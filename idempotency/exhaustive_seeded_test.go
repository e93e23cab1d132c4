package idempotency_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/truhook/truhook/idempotency"
)

// A seeded fault is one of the mistakes that other libraries make.
type seeded struct {
	idempotency.Store
	fault string
}

func (s seeded) Claim(ctx context.Context, c idempotency.ClaimRequest) (idempotency.Record, error) {
	switch s.fault {
	case "a claim counts as done": // SETNX, as in most recipes
		r, err := s.Store.Claim(ctx, c)
		if r.State == idempotency.Busy {
			r.State = idempotency.Done
		}
		return r, err
	case "a lease of nothing":
		c.Lease = time.Nanosecond
	}
	return s.Store.Claim(ctx, c)
}

func (s seeded) Release(ctx context.Context, k idempotency.Key, t idempotency.Token) error {
	if s.fault == "a release completes" {
		return s.Store.Complete(ctx, k, t)
	}
	return s.Store.Release(ctx, k, t)
}

func (s seeded) Complete(ctx context.Context, k idempotency.Key, t idempotency.Token) error {
	err := s.Store.Complete(ctx, k, t)
	if s.fault == "anybody completes" && errors.Is(err, idempotency.ErrLost) {
		return nil
	}
	return err
}

// endsLeases is a clock by which every lease is over once it was set back.
func endsLeases(now func() time.Time) func() time.Time {
	var latest time.Time
	return func() time.Time {
		if n := now(); !n.Before(latest) {
			latest = n
			return n
		}
		return latest.Add(2 * modelLease)
	}
}

func TestExhaustive_FindsSeededFaults(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"a claim counts as done", "a lease of nothing", "a release completes", "anybody completes"} {
		_, broken := explore(t, func(now func() time.Time) idempotency.Store { return seeded{memoryBy(now), fault} }, 5, 2)
		assert.NotNil(t, broken, fault)
	}
	_, broken := explore(t, func(now func() time.Time) idempotency.Store { return memoryBy(endsLeases(now)) }, 5, 2)
	if assert.NotNil(t, broken, "a clock that is set back ends every lease") {
		assert.Contains(t, broken.trace, "the store's clock is set back by a lease")
	}
}
