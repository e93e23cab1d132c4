package hmacsig_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/truhook/truhook/hmacsig"
)

// A key has a label for the log, which comes first, and prints as that label under every verb.
func ExampleNewKey() {
	key, err := hmacsig.NewKey("2026", "made for this example")
	fmt.Printf("%v %+v %v\n", key, key, err)

	for _, secret := range []string{"", "made for this example\n"} {
		_, err := hmacsig.NewKey("2026", secret)
		fmt.Println(err != nil) // an unset variable, and the line break that an editor leaves
	}
	// Output:
	// 2026 2026 <nil>
	// true
	// true
}

// The current secret, and those before it that may still be in use.
func ExampleNewKeys() {
	keys, err := hmacsig.NewKeys("the secret of this example", "the one before")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(keys)
	// Output: [current previous-1]
}

func ExampleStaticKeys() {
	keys, err := hmacsig.NewKeys("the secret of this example", "the one before")
	if err != nil {
		log.Fatal(err)
	}
	source := hmacsig.StaticKeys(keys...)
	fmt.Println(source.Keys(context.Background(), hmacsig.Query{}))
	fmt.Println(hmacsig.StaticKeys().Keys(context.Background(), hmacsig.Query{})) // none: every delivery is refused
	// Output:
	// [current previous-1] <nil>
	// [] <nil>
}

// Secrets in environment variables. The first has to be set; the label is the name of the variable.
func ExampleEnvKeys() {
	const name = "TRUHOOK_EXAMPLE_SECRET"
	_, err := hmacsig.EnvKeys(name)
	fmt.Println(err)

	if err := os.Setenv(name, "made for this example"); err != nil {
		log.Fatal(err)
	}
	defer os.Unsetenv(name)
	source, err := hmacsig.EnvKeys(name)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(source.Keys(context.Background(), hmacsig.Query{}))
	// Output:
	// hmacsig: environment variable TRUHOOK_EXAMPLE_SECRET is not set
	// [TRUHOOK_EXAMPLE_SECRET] <nil>
}
