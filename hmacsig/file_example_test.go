package hmacsig_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
)

// A Secret of Kubernetes that is mounted as a folder: each entry is one secret and gives its key the id.
func ExampleNewFileKeys() {
	path, err := os.MkdirTemp("", "secret") // in a pod: "/var/run/secrets/truv"
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(path)
	for _, id := range []string{"2025", "2026"} {
		secret := []byte("prod-" + id + "-made-for-this-example")
		if err := os.WriteFile(filepath.Join(path, id), secret, 0o600); err != nil {
			log.Fatal(err)
		}
	}

	keys, err := hmacsig.NewFileKeys(path, hmacsig.FileConfig{OnError: func(err error) { log.Print(err) }})
	if err != nil {
		log.Fatal(err) // an empty file, a line break at the end, a folder without secrets
	}
	if _, err := hmacsig.New(truv.Scheme(), keys, hmacsig.Config{}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(keys.Keys(context.Background(), hmacsig.Query{}))
	// Output: [2025 2026] <nil>
}

func ExampleNewReloadableKeys() {
	key, err := hmacsig.NewKey("2025", "prod-2025-made-for-this-example")
	if err != nil {
		log.Fatal(err)
	}
	keys, err := hmacsig.NewReloadableKeys(key)
	if err != nil {
		log.Fatal(err)
	}
	// Later, when you are told of a rotation: both for a while, then the new one alone.
	next, err := hmacsig.NewKey("2026", "prod-2026-made-for-this-example")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(keys.Set(next, key))
	fmt.Println(keys.Set())
	fmt.Println(keys.Keys(context.Background(), hmacsig.Query{}))
	// Output:
	// <nil>
	// hmacsig: no keys; those in use stay
	// [2026 2025] <nil>
}
