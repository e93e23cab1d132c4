package redisstore_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/redis/go-redis/v9"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/idempotency/redisstore"
)

// Claims in Redis.
func ExampleNew() {
	client := redis.NewClient(&redis.Options{
		Addr:                  server.Addr(), // your Redis
		ContextTimeoutEnabled: true,
	})
	defer client.Close()
	store, err := redisstore.New(client, redisstore.Config{})
	if err != nil {
		panic(err)
	}
	for _, finding := range store.Audit(context.Background()) {
		fmt.Println(finding) // appendonly, maxmemory-policy and the like
	}
	once, err := idempotency.NewMiddleware(store, "truv/prod", truv.EventID, idempotency.Config{
		Policy:  truv.RetryPolicy(),
		Version: truv.EventVersion,
	})
	if err != nil {
		panic(err)
	}
	verifier, err := truv.New("the access secret of your Truv account")
	if err != nil {
		panic(err)
	}
	verify := truhook.NewMiddleware(verifier, truhook.Config{})
	http.NewServeMux().Handle("POST /webhooks/truv", verify.Wrap(once.Handle(func(ctx context.Context, v *truhook.Verified) error {
		_, err := truv.Parse(v)
		return err
	})))
	// Output:
}
