package truval_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/internal/policytest"
	"github.com/truhook/truhook/retry"
)

const day = 24 * time.Hour

// The numbers are taken out of the sentences, so a number that somebody changes in the policy no longer agrees with
// them.
func TestRetryPolicy_TheNumbersAreThoseOfThePage(t *testing.T) {
	t.Parallel()
	text, p := policytest.Page(t), truval.RetryPolicy()
	policytest.Sources(t, truval.RetryPolicy, text)

	attempts := policytest.Numbers(t, text, `makes up to (\d+) attempts per webhook delivery \(initial try \+ two retries\)`)
	assert.Equal(t, attempts[0], p.Attempts)

	backoff := policytest.Numbers(t, text, `min\((\d+) × (\d+)\^\(attemptNumber - 1\), ([\d_]+)\)milliseconds`)
	jitter := policytest.Numbers(t, text, `Jitter: a random integer\n(\d+)\.\.(\d+)ms added to the base`)
	var want []retry.Delay
	for n, factor := 1, 1; n < attempts[0]; n, factor = n+1, factor*backoff[1] {
		want = append(want, retry.Delay{
			Base:   time.Duration(min(backoff[0]*factor, backoff[2])+jitter[0]) * time.Millisecond,
			Jitter: time.Duration(jitter[1]-jitter[0]) * time.Millisecond,
		})
	}
	assert.Equal(t, want, p.Delays)

	about := policytest.Numbers(t, text,
		`the wait after the first failure is about (\d)\.0–(\d)\.(\d) s; after the second, about (\d)\.0–(\d)\.(\d) s`)
	for i, d := range p.Delays {
		low, whole, tenths := about[3*i], about[3*i+1], about[3*i+2]
		assert.Equal(t, time.Duration(low)*time.Second, d.Base)
		assert.Equal(t, time.Duration(10*whole+tenths)*100*time.Millisecond, d.Max().Round(100*time.Millisecond))
	}

	success := policytest.Numbers(t, text, `successful when your endpoint returns an HTTP (\d)xx status`)
	retried := policytest.Numbers(t, text, `\| HTTP (\d)xx from your server \| Yes, if attempts remain \|`)
	final := policytest.Numbers(t, text, `\| HTTP (\d)xx \(or any non-(\d)xx that is not (\d)xx\) \| No`)
	require.Regexp(t, `\nConnection / TLS failure, timeout, or other transport error \(httpStatus === null\) \| Yes`, text)
	assert.Equal(t, success[0], final[1])
	assert.Equal(t, retried[0], final[2])
	classes := [5]retry.Outcome{retry.Final, retry.Final, retry.Final, retry.Final, retry.Final}
	classes[success[0]-1], classes[retried[0]-1] = retry.Delivered, retry.Retried
	policytest.Outcomes(t, p, retry.Retried, classes)

	require.Contains(t, text, "Paid tiers can retry failed deliveries from the dashboard")
	for _, tier := range []string{"Builder", "Scale"} { // the paid ones
		kept := policytest.Numbers(t, text, `\| `+tier+` \| ~(\d+) days \|`)
		assert.Equal(t, time.Duration(kept[0])*day, p.ByHand)
	}
	assert.Equal(t, []int{24}, policytest.Numbers(t, text, `\| Free \| ~(\d+) hours \|`), "the free tier, in the doc comment only")

	assert.NotRegexp(t, `(?i)time ?out (of|after|is)|within \d+`, text, "no limit for the answer is published")
	assert.Zero(t, p.AckLimit)
	policytest.Schedule(t, p, 30*day+2*4198*time.Millisecond, // the waits, the log, the waits again
		[2]time.Duration{1 * time.Second, 1599 * time.Millisecond},
		[2]time.Duration{3 * time.Second, 4198 * time.Millisecond})
}

func ExampleRetryPolicy() {
	for a := range truval.RetryPolicy().Schedule() {
		fmt.Println(a.Number, a.Earliest, a.Latest)
	}
	for _, status := range []int{200, 302, 401, 409, 503} {
		fmt.Println(status, truval.RetryPolicy().Outcome(status))
	}
	// Output:
	// 1 0s 0s
	// 2 1s 1.599s
	// 3 3s 4.198s
	// 200 delivered
	// 302 final
	// 401 final
	// 409 final
	// 503 retried
}
