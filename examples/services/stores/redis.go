package stores

import (
	"context"
	"errors"
	"log/slog"

	"github.com/redis/go-redis/v9"

	"github.com/truhook/truhook/idempotency/redisstore"
)

// OpenRedis returns claims in Redis, for any number of processes. Redis removes what is over by itself. Close client
// when the last handler has ended.
func OpenRedis(ctx context.Context, url string) (client *redis.Client, store *redisstore.Store, err error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, nil, err
	}
	options.ContextTimeoutEnabled = true
	client = redis.NewClient(options)
	store, err = redisstore.New(client, redisstore.Config{})
	if err != nil {
		return nil, nil, errors.Join(err, client.Close())
	}
	for _, f := range store.Audit(ctx) { // appendonly, maxmemory-policy and the like
		slog.WarnContext(ctx, "the store of webhook events", "finding", f)
	}
	return client, store, nil
}
