package idempotency_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/retry"
)

// afterACrash plays deliveries by the provider's schedule: the first one is claimed by a process that dies up to 0.2 s
// later, and another process answers the rest. It returns the share of events that were handled, in percent. conflict
// is what a delivery is answered that meets the dead claim.
func afterACrash(t *testing.T, p retry.Policy, cfg idempotency.Config, lease time.Duration, conflict int) float64 {
	const runs = 150
	random := rand.New(rand.NewPCG(5, uint64(lease)))
	handled := 0
	synctest.Test(t, func(t *testing.T) {
		store := memory()
		m, _ := middleware(t, store, cfg)
		upTo := func(d time.Duration) time.Duration { return time.Duration(random.Float64() * float64(d)) }
		for run := range runs {
			name := fmt.Sprint(run)
			k, _ := idempotency.NewKey("test", name)
			_, err := store.Claim(t.Context(), idempotency.ClaimRequest{
				Key: k, Token: idempotency.NewToken(), Lease: lease, Retain: 24 * time.Hour,
			})
			require.NoError(t, err)
			for attempt := range p.Schedule() {
				if attempt.Number == 1 {
					time.Sleep(time.Millisecond + upTo(200*time.Millisecond)) // then it dies: no answer, which every provider repeats
					continue
				}
				time.Sleep(attempt.Wait.Base + upTo(attempt.Wait.Jitter))
				res := m.Do(t.Context(), event(name), func(context.Context) error { handled++; return nil })
				status := res.Status
				if res.Outcome == idempotency.InFlight {
					status = conflict
				}
				if p.Outcome(status) != retry.Retried {
					break
				}
			}
		}
	})
	return 100 * float64(handled) / runs
}

// The table of what a lease costs: the share of events that are handled after a crash between claim and complete.
func TestLease_ShareOfEventsHandledAfterACrashByLeaseAndAnswer(t *testing.T) {
	t.Parallel()
	const s = time.Second
	leases := []time.Duration{s, 3 * s / 2, 2 * s, 3 * s, 4 * s, 5 * s, 10 * s, 30 * s, 60 * s, 90 * s, 120 * s}
	for name, row := range map[string]struct {
		policy   retry.Policy
		wait     time.Duration
		conflict int
		want     []float64
	}{
		"truval, 409":          {truval.RetryPolicy(), -1, http.StatusConflict, []float64{100, 33, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
		"truval, 429":          {truval.RetryPolicy(), -1, http.StatusTooManyRequests, []float64{100, 33, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
		"truval, 503":          {truval.RetryPolicy(), -1, http.StatusServiceUnavailable, []float64{100, 100, 100, 100, 13, 0, 0, 0, 0, 0, 0}},
		"truval, wait and 503": {truval.RetryPolicy(), 5 * s, http.StatusServiceUnavailable, []float64{100, 100, 100, 100, 100, 100, 100, 0, 0, 0, 0}},
		"truv, 409":            {truv.RetryPolicy(), -1, http.StatusConflict, []float64{100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 0}},
		"truv, 503":            {truv.RetryPolicy(), -1, http.StatusServiceUnavailable, []float64{100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 0}},
		"truv, wait and 503":   {truv.RetryPolicy(), 5 * s, http.StatusServiceUnavailable, []float64{100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i, lease := range leases {
				policy := row.policy // without its schedule, under which NewMiddleware rejects the leases that lose events
				policy.Attempts, policy.Delays, policy.ByHand = 0, nil, 0
				cfg := idempotency.Config{Policy: policy, Lease: lease, Wait: row.wait}
				got, tolerance := afterACrash(t, row.policy, cfg, lease, row.conflict), 0.0
				if row.want[i] > 0 && row.want[i] < 100 {
					tolerance = 12
				}
				assert.InDelta(t, row.want[i], got, tolerance, "lease %v", lease)
			}
		})
	}
}

func TestLease_TheDerivedLeaseLosesNoEventOfAProviderThatRedelivers(t *testing.T) {
	t.Parallel()
	leases := map[string]time.Duration{"truv": 10 * time.Second, "truval": 2 * time.Second, "trulioo": 8 * time.Second, "transunion": 8 * time.Second}
	for _, p := range policies {
		t.Run(p.Provider, func(t *testing.T) {
			t.Parallel()
			schedule := p
			if p.Attempts == 0 { // nothing is published: a redelivery as soon as 10 s are over is one that finds it free
				schedule = retry.Policy{Attempts: 2, Delays: []retry.Delay{{Base: 10 * time.Second}}, Rules: truv.RetryPolicy().Rules}
			}
			for _, wait := range []time.Duration{0, -1} {
				cfg := idempotency.Config{Policy: p, Wait: wait}
				assert.InDelta(t, 100, afterACrash(t, schedule, cfg, leases[p.Provider], 503), 0)
			}
		})
	}
}
