package retry_test

import (
	"fmt"
	"time"

	"github.com/truhook/truhook/retry"
)

func ExamplePolicy() {
	acme := retry.Policy{
		Provider: "acme",
		Attempts: 5,
		Delays:   []retry.Delay{{Base: time.Minute}, {Base: 10 * time.Minute}},
		AckLimit: 15 * time.Second,
		Rules: []retry.Rule{
			{From: 200, To: 299, Outcome: retry.Delivered},
			{From: 400, To: 499, Outcome: retry.Final},
			{From: 500, To: 599, Outcome: retry.Retried},
			{From: retry.NoAnswer, To: retry.NoAnswer, Outcome: retry.Retried},
		},
	}
	for _, status := range []int{200, 409, 503} {
		fmt.Println(status, acme.Outcome(status))
	}
	for a := range acme.Schedule() {
		fmt.Println(a.Number, a.Earliest, a.Latest)
	}
	fmt.Println(acme.Horizon())
	// Output:
	// 200 delivered
	// 409 final
	// 503 retried
	// 1 0s 0s
	// 2 1m0s 1m15s
	// 3 11m0s 11m30s
	// 4 21m0s 21m45s
	// 5 31m0s 32m0s
	// 32m15s
}
