package crash_test

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/truhook/truhook/idempotency"
)

// naive is what the usual recipe does: SET NX as the claim, DEL as the release. It is here to fail.
type naive struct{ c *redis.Client }

func (n naive) key(k idempotency.Key) string { return k.Scope + ":" + k.ID }

func (n naive) Claim(ctx context.Context, c idempotency.ClaimRequest) (idempotency.Record, error) {
	won, err := n.c.SetNX(ctx, n.key(c.Key), "pending", c.Lease).Result() //nolint:staticcheck // the recipe
	if err != nil {
		return idempotency.Record{}, err
	}
	if won {
		return idempotency.Record{State: idempotency.Owned, Attempt: 1}, nil
	}
	v, err := n.c.Get(ctx, n.key(c.Key)).Result()
	if err == nil && v == "done" {
		return idempotency.Record{State: idempotency.Done, Attempt: 1}, nil
	}
	return idempotency.Record{State: idempotency.Busy, Attempt: 1, LeaseLeft: c.Lease}, nil
}

func (n naive) Extend(ctx context.Context, k idempotency.Key, _ idempotency.Token, d time.Duration) error {
	return n.c.PExpire(ctx, n.key(k), d).Err()
}

func (n naive) Complete(ctx context.Context, k idempotency.Key, _ idempotency.Token) error {
	return n.c.Set(ctx, n.key(k), "done", time.Hour).Err()
}

func (n naive) Release(ctx context.Context, k idempotency.Key, _ idempotency.Token) error {
	return n.c.Del(ctx, n.key(k)).Err()
}

func (n naive) Forget(ctx context.Context, k idempotency.Key) error {
	return n.c.Del(ctx, n.key(k)).Err()
}

func (naive) Order(context.Context, idempotency.Key, time.Time, time.Duration) (idempotency.Order, error) {
	return idempotency.OrderUnknown, nil
}
