package retry_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/truhook/truhook/retry"
)

func ExampleGuard() {
	closed := errors.New("the account is closed")
	handle := func(r *http.Request) error { return retry.Permanent(closed) }
	toDeadLetters := func(r *http.Request, err error) error {
		fmt.Println("kept for a person to look at:", err)
		return nil
	}
	h := retry.Guard(retry.Truv(), handle, toDeadLetters)

	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/webhooks/truv", nil))
	fmt.Println(w.Code)
	// Output:
	// kept for a person to look at: the account is closed
	// 200
}

func ExamplePolicy_Outcome() {
	for _, status := range []int{200, 302, 401, 409, 503} {
		fmt.Println(status, retry.Truv().Outcome(status), retry.Truval().Outcome(status))
	}
	// Output:
	// 200 delivered delivered
	// 302 delivered final
	// 401 retried final
	// 409 retried final
	// 503 retried retried
}

func ExamplePolicy_Schedule() {
	for a := range retry.Truval().Schedule() {
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
