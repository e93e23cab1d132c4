// Package redisstore is a store for package idempotency in Redis 7.0 or later (or Valkey), for several processes that
// share one endpoint.
//
//	client := redis.NewClient(&redis.Options{Addr: "localhost:6379", ContextTimeoutEnabled: true})
//	store, err := redisstore.New(client, redisstore.Config{})
//	...
//	for _, f := range store.Audit(ctx) { // appendonly, maxmemory-policy and the like
//		log.Print(f)
//	}
//	once, err := idempotency.NewMiddleware(store, "truv/prod", truv.EventID, idempotency.Config{Policy: truv.RetryPolicy()})
//
// Every call is one script about one key, so it is atomic, and works in Redis Cluster. Times are those of the server's
// clock. Whoever writes shows the token of the claim, and a repetition under the same token changes nothing more, so a
// reply that is lost on the wire does no harm and the client's own retries may stay on: SET with NX, the usual recipe,
// takes its own lost reply for a duplicate, and the event is gone.
//
// # What is promised
//
// As much as Redis keeps. With its default settings, and with those of Debian, a crash loses every record since the
// last snapshot, and those events are handled again if they come again. "appendonly yes" with "appendfsync everysec"
// keeps them in a crash of the process and may lose the last second in one of the machine; "appendfsync always" loses
// none. "maxmemory-policy" must be noeviction: a full store then answers [idempotency.ErrFull], and events that are
// being handled can still be completed. A replica that is promoted may lack the latest claims. [Store.Audit] looks at
// these settings. Which store promises what, with figures, is in docs/stores.md; where one effect has to be the only
// one, use package sqlstore.
//
// A step of the server's clock moves every lease and every retention.
package redisstore
