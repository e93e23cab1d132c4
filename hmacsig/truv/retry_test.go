package truv_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/internal/policytest"
	"github.com/truhook/truhook/retry"
)

// The numbers are taken out of the sentences, so a number that somebody changes in the policy no longer agrees with
// them.
func TestRetryPolicy_TheNumbersAreThoseOfThePage(t *testing.T) {
	t.Parallel()
	text, p := policytest.Page(t), truv.RetryPolicy()
	policytest.Sources(t, truv.RetryPolicy, text)

	n := policytest.Numbers(t, text, `retried up to (\d+) times with a (\d+)-second gap between attempts`)
	assert.Equal(t, 1+n[0], p.Attempts, "the first attempt is no retry")
	assert.Equal(t, []retry.Delay{{Base: time.Duration(n[1]) * time.Second}}, p.Delays)

	n = policytest.Numbers(t, text, `return a successful (\d)xx response within (\d+) seconds`)
	success := n[0]
	assert.Equal(t, time.Duration(n[1])*time.Second, p.AckLimit)
	accepted := policytest.Numbers(t, text, `(\d)xx redirects are accepted`)[0]
	require.Contains(t, text, "non-success responses trigger retries")
	classes := [5]retry.Outcome{3: retry.Retried, 4: retry.Retried} // even a 401
	classes[success-1], classes[accepted-1] = retry.Delivered, retry.Delivered
	policytest.Outcomes(t, p, retry.Retried, classes)

	assert.NotRegexp(t, `(?i)dashboard|by hand|redeliver|resend`, text)
	assert.Zero(t, p.ByHand)
	policytest.Schedule(t, p, 130*time.Second, // 4 x 10 s + 3 x 30 s
		[2]time.Duration{30 * time.Second, 40 * time.Second},
		[2]time.Duration{60 * time.Second, 80 * time.Second},
		[2]time.Duration{90 * time.Second, 120 * time.Second})
}

func ExampleRetryPolicy() {
	for _, status := range []int{200, 302, 401, 409, 503} {
		fmt.Println(status, truv.RetryPolicy().Outcome(status))
	}
	_, ok := truv.RetryPolicy().Status(retry.Final)
	fmt.Println("a status that ends the matter:", ok)
	// Output:
	// 200 delivered
	// 302 delivered
	// 401 retried
	// 409 retried
	// 503 retried
	// a status that ends the matter: false
}
