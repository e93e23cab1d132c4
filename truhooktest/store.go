package truhooktest

import (
	"context"
	"errors"
	"time"

	"github.com/truhook/truhook/idempotency"
)

// ErrStoreDown is what a store of [Instance.Store] returns while the suite has taken it away.
var ErrStoreDown = errors.New("truhooktest: the store is away")

// Store returns s as the process sees it: once the instance has ended, every call fails with [ErrStopped], as a dead
// process neither renews a lease nor gives one back, and during an outage with [ErrStoreDown].
func (i *Instance) Store(s idempotency.Store) idempotency.Store {
	i.suite.storeUsed.Store(true)
	return mortal{i, s}
}

func (m mortal) err() error {
	if err := m.instance.Err(); err != nil {
		return err
	}
	if m.instance.suite.storeDown.Load() {
		return ErrStoreDown
	}
	return nil
}

type mortal struct {
	instance *Instance
	store    idempotency.Store
}

func (m mortal) Claim(ctx context.Context, c idempotency.ClaimRequest) (idempotency.Record, error) {
	if err := m.err(); err != nil {
		return idempotency.Record{}, err
	}
	return m.store.Claim(ctx, c)
}

func (m mortal) Extend(ctx context.Context, k idempotency.Key, t idempotency.Token, lease time.Duration) error {
	if err := m.err(); err != nil {
		return err
	}
	return m.store.Extend(ctx, k, t, lease)
}

func (m mortal) Complete(ctx context.Context, k idempotency.Key, t idempotency.Token) error {
	if err := m.err(); err != nil {
		return err
	}
	return m.store.Complete(ctx, k, t)
}

func (m mortal) Release(ctx context.Context, k idempotency.Key, t idempotency.Token) error {
	if err := m.err(); err != nil {
		return err
	}
	return m.store.Release(ctx, k, t)
}

func (m mortal) Order(
	ctx context.Context, resource idempotency.Key, version time.Time, retain time.Duration,
) (idempotency.Order, error) {
	if err := m.err(); err != nil {
		return idempotency.OrderUnknown, err
	}
	return m.store.Order(ctx, resource, version, retain)
}

func (m mortal) Forget(ctx context.Context, k idempotency.Key) error {
	if err := m.err(); err != nil {
		return err
	}
	return m.store.Forget(ctx, k)
}
