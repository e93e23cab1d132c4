package retry_test

import (
	"fmt"

	"github.com/truhook/truhook/retry"
)

// A provider that publishes nothing: every outcome is unknown, and the first delivery may be the only one.
func ExampleUnpublished() {
	acme := retry.Unpublished("acme", "https://docs.acme.example/webhooks")
	for _, status := range []int{200, 401, 503} {
		fmt.Println(status, acme.Outcome(status))
	}
	fmt.Println(acme.Horizon())
	// Output:
	// 200 unknown
	// 401 unknown
	// 503 unknown
	// 0s
}
