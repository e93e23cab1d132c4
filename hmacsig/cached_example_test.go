package hmacsig_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"strings"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
)

// secretsManager is the one method of an AWS Secrets Manager client that is needed, cut down to plain types; Vault's
// KV and GCP's Secret Manager differ in its name only.
type secretsManager interface {
	GetSecretValue(ctx context.Context, secretID, stage string) (versionID, value string, err error)
}

type fakeAWS map[string]string // stage to value

func (f fakeAWS) GetSecretValue(_ context.Context, _, stage string) (versionID, value string, err error) {
	return "version-" + strings.ToLower(stage), f[stage], nil
}

// A secret manager is a function of a few lines. AWS keeps the secret that is being rotated out as AWSPREVIOUS.
func ExampleNewCachedKeys() {
	var client secretsManager = fakeAWS{"AWSCURRENT": "prod-0000new-made-for-this-example", "AWSPREVIOUS": "prod-0000old-made-for-this-example"}

	source, err := hmacsig.NewCachedKeys(func(ctx context.Context) (keys []hmacsig.Key, err error) {
		for _, stage := range []string{"AWSCURRENT", "AWSPREVIOUS"} {
			version, value, err := client.GetSecretValue(ctx, "webhooks/truv", stage)
			if err != nil {
				return nil, err
			}
			key, err := hmacsig.NewKey(version, value)
			if err != nil {
				return nil, err
			}
			keys = append(keys, key)
		}
		return keys, nil
	}, hmacsig.CacheConfig{TTL: 5 * time.Minute})
	if err != nil {
		log.Fatal(err)
	}
	if err := source.Refresh(context.Background()); err != nil { // at start, so that the first delivery does not wait
		log.Print(err) // deliveries are answered 503 until it works
	}
	v, err := hmacsig.New(truv.Scheme(), source, hmacsig.Config{})
	if err != nil {
		log.Fatal(err)
	}
	verify := truhook.NewMiddleware(v, truhook.Config{})
	http.Handle("POST /webhooks/truv-cached", verify.Wrap(http.NotFoundHandler()))

	keys, err := source.Keys(context.Background(), hmacsig.Query{})
	fmt.Println(keys, err)
	// Output: [version-awscurrent version-awsprevious] <nil>
}

// Keys by tenant: a cache for each, chosen by the path that was registered with the provider. A cache does not learn
// which delivery it is asked for, so it cannot give one tenant's keys to another.
func ExampleNewCachedKeys_tenants() {
	load := func(tenant string) func(context.Context) ([]hmacsig.Key, error) {
		return func(context.Context) ([]hmacsig.Key, error) {
			return hmacsig.NewKeys("secret-of-" + tenant + "-made-for-this-example") // from your database
		}
	}
	caches := map[string]*hmacsig.CachedKeys{}
	for _, tenant := range []string{"acme", "globex"} {
		cache, err := hmacsig.NewCachedKeys(load(tenant), hmacsig.CacheConfig{})
		if err != nil {
			log.Fatal(err)
		}
		caches[tenant] = cache
	}
	source := hmacsig.KeySourceFunc(func(ctx context.Context, q hmacsig.Query) ([]hmacsig.Key, error) {
		path, _, _ := strings.Cut(q.Delivery.RequestURI, "?")
		cache, known := caches[strings.TrimPrefix(path, "/webhooks/truv/")]
		if !known {
			return nil, truhook.UnknownKey // 401, and no call that a stranger could cause
		}
		return cache.Keys(ctx, q)
	})

	for _, uri := range []string{"/webhooks/truv/acme", "/webhooks/truv/nobody"} {
		keys, err := source.Keys(context.Background(), hmacsig.Query{Delivery: &truhook.Delivery{RequestURI: uri}})
		fmt.Println(keys, err)
	}
	// Output:
	// [current] <nil>
	// [] unknown-key
}
