package truhooktest

import (
	"context"
	"time"

	"github.com/truhook/truhook/idempotency"
)

// Store returns s as the process sees it: once the instance has ended, every call fails with [ErrStopped], as a dead
// process neither renews a lease nor gives one back.
func (i *Instance) Store(s idempotency.Store) idempotency.Store {
	return mortal{i, s}
}

type mortal struct {
	instance *Instance
	store    idempotency.Store
}

func (m mortal) Claim(ctx context.Context, c idempotency.ClaimRequest) (idempotency.Record, error) {
	if err := m.instance.Err(); err != nil {
		return idempotency.Record{}, err
	}
	return m.store.Claim(ctx, c)
}

func (m mortal) Extend(ctx context.Context, k idempotency.Key, t idempotency.Token, lease time.Duration) error {
	if err := m.instance.Err(); err != nil {
		return err
	}
	return m.store.Extend(ctx, k, t, lease)
}

func (m mortal) Complete(ctx context.Context, k idempotency.Key, t idempotency.Token) error {
	if err := m.instance.Err(); err != nil {
		return err
	}
	return m.store.Complete(ctx, k, t)
}

func (m mortal) Release(ctx context.Context, k idempotency.Key, t idempotency.Token) error {
	if err := m.instance.Err(); err != nil {
		return err
	}
	return m.store.Release(ctx, k, t)
}

func (m mortal) Order(
	ctx context.Context, resource idempotency.Key, version time.Time, retain time.Duration,
) (idempotency.Order, error) {
	if err := m.instance.Err(); err != nil {
		return idempotency.OrderUnknown, err
	}
	return m.store.Order(ctx, resource, version, retain)
}

func (m mortal) Forget(ctx context.Context, k idempotency.Key) error {
	if err := m.instance.Err(); err != nil {
		return err
	}
	return m.store.Forget(ctx, k)
}
