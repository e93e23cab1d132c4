package inbox

import (
	"context"
	"time"

	"github.com/truhook/truhook/idempotency"
)

// noStore stands where there is no store in front: every claim is granted, and the queue alone knows duplicates.
type noStore struct{}

func (noStore) Claim(context.Context, idempotency.ClaimRequest) (idempotency.Record, error) {
	return idempotency.Record{State: idempotency.Owned, Attempt: 1}, nil
}

func (noStore) Extend(context.Context, idempotency.Key, idempotency.Token, time.Duration) error {
	return nil
}

func (noStore) Complete(context.Context, idempotency.Key, idempotency.Token) error { return nil }

func (noStore) Release(context.Context, idempotency.Key, idempotency.Token) error { return nil }

// Order knows none: see frontStore.
func (noStore) Order(context.Context, idempotency.Key, time.Time, time.Duration) (idempotency.Order, error) {
	return idempotency.OrderUnknown, nil
}

// Forget has nothing to forget.
func (noStore) Forget(context.Context, idempotency.Key) error { return nil }

// frontStore is a store in front. The order of events is that in which workers start, so accepting one must not move
// the gate.
type frontStore struct{ idempotency.Store }

// Order leaves the order to the worker.
func (frontStore) Order(context.Context, idempotency.Key, time.Time, time.Duration) (idempotency.Order, error) {
	return idempotency.OrderUnknown, nil
}
