package retry_test

import (
	"fmt"
	"time"

	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/retry"
)

func ExamplePolicy_Outcome() {
	for _, status := range []int{200, 302, 401, 409, 503} {
		fmt.Println(status, truv.RetryPolicy().Outcome(status), truval.RetryPolicy().Outcome(status))
	}
	// Output:
	// 200 delivered delivered
	// 302 delivered final
	// 401 retried final
	// 409 retried final
	// 503 retried retried
}

func ExamplePolicy_Schedule() {
	for a := range truval.RetryPolicy().Schedule() {
		fmt.Println(a.Number, a.Earliest, a.Latest)
	}
	// Output:
	// 1 0s 0s
	// 2 1s 1.599s
	// 3 3s 4.198s
}

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
	fmt.Println(acme.Horizon())
	// Output: 32m15s
}
