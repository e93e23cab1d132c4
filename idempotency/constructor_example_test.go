package idempotency_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/idempotency"
)

// The store of one process, and of tests.
func ExampleNewMemory() {
	store := idempotency.NewMemory(idempotency.MemoryConfig{MaxEntries: 1000})
	once, err := idempotency.NewMiddleware(store, "truval/prod", idempotency.BodyDigest, idempotency.Config{})
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		res := once.Do(context.Background(), &truhook.Verified{Payload: []byte("one event")}, func(context.Context) error { return nil })
		fmt.Println(res.Outcome)
	}
	// Output:
	// handled
	// duplicate
}

// The policy decides lease, wait and retention; what would lose events under it is an error.
func ExampleNewMiddleware() {
	store := idempotency.NewMemory(idempotency.MemoryConfig{})
	_, err := idempotency.NewMiddleware(store, "truval/prod", truval.EventID, idempotency.Config{Policy: truval.RetryPolicy()})
	fmt.Println(err)
	_, err = idempotency.NewMiddleware(store, "", truval.EventID, idempotency.Config{})
	fmt.Println(err)
	// Output:
	// <nil>
	// idempotency: the scope is empty
}

// Keys are for those who call a store themselves. A long id is hashed, never cut.
func ExampleNewKey() {
	key, err := idempotency.NewKey("truv/prod", "webhook-1")
	fmt.Println(key.Scope, key.ID, err)
	key, err = idempotency.NewKey("truv/prod", strings.Repeat("x", 10_000))
	fmt.Println(len(key.ID) < 100, err)
	_, err = idempotency.NewKey("truv/prod", "")
	fmt.Println(err)
	// Output:
	// truv/prod webhook-1 <nil>
	// true <nil>
	// idempotency: the id is empty
}

// What makes two deliveries of one event equal: a store reports a duplicate that differs.
func ExampleNewFingerprint() {
	one, same := idempotency.NewFingerprint([]byte("content")), idempotency.NewFingerprint([]byte("content"))
	fmt.Println(one == same, one == idempotency.NewFingerprint([]byte("another")))
	// Output: true false
}

// A token shows who owns a record; only the owner settles it.
func ExampleNewToken() {
	one, other := idempotency.NewToken(), idempotency.NewToken()
	fmt.Println(one == other)
	// Output: false
}
