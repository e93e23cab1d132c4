package retry_test

import (
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/jose/transunion"
	"github.com/truhook/truhook/retry"
)

// The files in testdata hold the providers' own sentences. These tests take the numbers out of the sentences, so a
// number that somebody changes in a policy no longer agrees with them.

func page(t *testing.T, provider string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + provider + ".txt")
	require.NoError(t, err)
	return string(text)
}

// numbers returns the groups of pattern in text as numbers; the pattern has to match exactly once.
func numbers(t *testing.T, text, pattern string) []int {
	t.Helper()
	found := regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1)
	require.Len(t, found, 1, "%s", pattern)
	var out []int
	for _, group := range found[0][1:] {
		n, err := strconv.Atoi(strings.ReplaceAll(group, "_", ""))
		require.NoError(t, err)
		out = append(out, n)
	}
	return out
}

func assertClass(t *testing.T, p retry.Policy, class int, want retry.Outcome) {
	t.Helper()
	for status := class * 100; status < class*100+100; status++ {
		assert.Equal(t, want, p.Outcome(status), "status %d", status)
	}
}

func TestTheNumbersOfTruvAreThoseOfItsPage(t *testing.T) {
	t.Parallel()
	text, p := page(t, "truv"), truv.RetryPolicy()

	n := numbers(t, text, `retried up to (\d+) times with a (\d+)-second gap between attempts`)
	assert.Equal(t, 1+n[0], p.Attempts, "the first attempt is no retry")
	assert.Equal(t, []retry.Delay{{Base: time.Duration(n[1]) * time.Second}}, p.Delays)

	n = numbers(t, text, `return a successful (\d)xx response within (\d+) seconds`)
	assertClass(t, p, n[0], retry.Delivered)
	assert.Equal(t, time.Duration(n[1])*time.Second, p.AckLimit)

	accepted := numbers(t, text, `(\d)xx redirects are accepted`)
	assertClass(t, p, accepted[0], retry.Delivered)

	require.Contains(t, text, "non-success responses trigger retries")
	for _, class := range []int{4, 5} {
		assertClass(t, p, class, retry.Retried)
	}
	assert.Equal(t, retry.Retried, p.Outcome(retry.NoAnswer), "unsuccessful deliveries are retried")

	assert.NotRegexp(t, `(?i)dashboard|by hand|redeliver|resend`, text)
	assert.Zero(t, p.ByHand)
}

func TestTheNumbersOfTruvalAreThoseOfItsPage(t *testing.T) {
	t.Parallel()
	text, p := page(t, "truval"), truval.RetryPolicy()

	attempts := numbers(t, text, `makes up to (\d+) attempts per webhook delivery \(initial try \+ two retries\)`)
	assert.Equal(t, attempts[0], p.Attempts)

	backoff := numbers(t, text, `min\((\d+) × (\d+)\^\(attemptNumber - 1\), ([\d_]+)\)milliseconds`)
	jitter := numbers(t, text, `Jitter: a random integer\n(\d+)\.\.(\d+)ms added to the base`)
	var want []retry.Delay
	for n, factor := 1, 1; n < attempts[0]; n, factor = n+1, factor*backoff[1] {
		want = append(want, retry.Delay{
			Base:   time.Duration(min(backoff[0]*factor, backoff[2])+jitter[0]) * time.Millisecond,
			Jitter: time.Duration(jitter[1]-jitter[0]) * time.Millisecond,
		})
	}
	assert.Equal(t, want, p.Delays)

	about := numbers(t, text,
		`the wait after the first failure is about (\d)\.0–(\d)\.(\d) s; after the second, about (\d)\.0–(\d)\.(\d) s`)
	for i, d := range p.Delays {
		low, whole, tenths := about[3*i], about[3*i+1], about[3*i+2]
		assert.Equal(t, time.Duration(low)*time.Second, d.Base)
		assert.Equal(t, time.Duration(10*whole+tenths)*100*time.Millisecond, d.Max().Round(100*time.Millisecond))
	}

	success := numbers(t, text, `successful when your endpoint returns an HTTP (\d)xx status`)
	retried := numbers(t, text, `\| HTTP (\d)xx from your server \| Yes, if attempts remain \|`)
	final := numbers(t, text, `\| HTTP (\d)xx \(or any non-(\d)xx that is not (\d)xx\) \| No`)
	require.Regexp(t, `\nConnection / TLS failure, timeout, or other transport error \(httpStatus === null\) \| Yes`, text)
	assert.Equal(t, success[0], final[1])
	assert.Equal(t, retried[0], final[2])
	for class := 1; class <= 5; class++ {
		switch class {
		case success[0]:
			assertClass(t, p, class, retry.Delivered)
		case retried[0]:
			assertClass(t, p, class, retry.Retried)
		default:
			assertClass(t, p, class, retry.Final)
		}
	}
	assert.Equal(t, retry.Retried, p.Outcome(retry.NoAnswer))

	require.Contains(t, text, "Paid tiers can retry failed deliveries from the dashboard")
	for _, tier := range []string{"Builder", "Scale"} { // the paid ones
		kept := numbers(t, text, `\| `+tier+` \| ~(\d+) days \|`)
		assert.Equal(t, time.Duration(kept[0])*day, p.ByHand)
	}
	assert.Equal(t, []int{24}, numbers(t, text, `\| Free \| ~(\d+) hours \|`), "the free tier, in the doc comment only")

	assert.NotRegexp(t, `(?i)time ?out (of|after|is)|within \d+`, text, "no limit for the answer is published")
	assert.Zero(t, p.AckLimit)
}

func TestNothingIsInventedForWhatIsNotPublished(t *testing.T) {
	t.Parallel()
	for _, p := range []retry.Policy{trulioo.RetryPolicy(), transunion.RetryPolicy()} {
		t.Run(p.Provider, func(t *testing.T) {
			t.Parallel()
			assert.NotRegexp(t, `(?i)retr(y|ies)|attempts|redeliver|resend|within \d|time ?out`, page(t, p.Provider))
			want := retry.Policy{Provider: p.Provider, Sources: p.Sources}
			assert.Equal(t, want, p, "every number is zero and there is no rule")
		})
	}
}

func TestEveryFieldHasItsSource(t *testing.T) {
	t.Parallel()
	for _, p := range []retry.Policy{truv.RetryPolicy(), truval.RetryPolicy(), trulioo.RetryPolicy(), transunion.RetryPolicy()} {
		t.Run(p.Provider, func(t *testing.T) {
			t.Parallel()
			text := page(t, p.Provider)
			firstLine, _, _ := strings.Cut(text, "\n")
			v := reflect.ValueOf(p)
			for i := range v.NumField() {
				field := v.Type().Field(i).Name
				if field == "Provider" || field == "Sources" {
					continue
				}
				var quotes, silent int
				for _, s := range p.Sources {
					if s.Field != field {
						continue
					}
					title, _, _ := strings.Cut(s.Page, ", section")
					assert.Contains(t, firstLine, title)
					assert.Contains(t, text, s.Text)
					if s.Text == "" {
						silent++
					} else {
						quotes++
					}
				}
				if v.Field(i).IsZero() {
					assert.Equal(t, 1, silent, "%s is not published", field)
					assert.Zero(t, quotes, "%s is quoted and yet zero", field)
				} else {
					assert.Zero(t, silent, "%s has a value and yet no source", field)
					assert.NotZero(t, quotes, "%s has a value and yet no source", field)
				}
			}
			for _, s := range p.Sources {
				assert.True(t, v.FieldByName(s.Field).IsValid(), "%s is no field", s.Field)
			}
		})
	}
}
