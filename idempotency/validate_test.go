package idempotency_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/retry"
)

func TestNewMiddleware_RejectsWhatLosesEventsUnderItsPolicy(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	truv, truval := truv.RetryPolicy(), truval.RetryPolicy()
	for name, c := range map[string]struct{ rejected, accepted idempotency.Config }{
		"a lease that outlasts Truv's attempts": {
			idempotency.Config{Policy: truv, Lease: 90*time.Second + 1}, idempotency.Config{Policy: truv, Lease: 90 * time.Second},
		},
		"a lease that outlasts Truval's attempts": {
			idempotency.Config{Policy: truval, Lease: 10 * time.Second}, idempotency.Config{Policy: truval, Lease: 3 * time.Second},
		},
		"a lease of nothing": {
			idempotency.Config{Lease: time.Microsecond}, idempotency.Config{Lease: time.Millisecond},
		},
		"a retention shorter than Truv's attempts": {
			idempotency.Config{Policy: truv, Retention: 12 * time.Minute}, idempotency.Config{Policy: truv, Retention: 13 * time.Minute},
		},
		"a retention shorter than deliveries by hand": {
			idempotency.Config{Policy: truval, Retention: 30 * day}, idempotency.Config{Policy: truval, Retention: 31 * day},
		},
		"a retention of nothing": {
			idempotency.Config{Retention: 10 * time.Minute}, idempotency.Config{Retention: 11 * time.Minute},
		},
		"a wait as long as Truv's limit": {
			idempotency.Config{Policy: truv, Wait: 10 * time.Second}, idempotency.Config{Policy: truv, Wait: 9 * time.Second},
		},
		"an early response that is too late": {
			idempotency.Config{Policy: truv, AnswerWithin: 10 * time.Second}, idempotency.Config{Policy: truv, AnswerWithin: 9900 * time.Millisecond},
		},
		"a store timeout longer than the lease": {
			idempotency.Config{Policy: truval, StoreTimeout: 2100 * time.Millisecond}, idempotency.Config{Policy: truval, StoreTimeout: 2 * time.Second},
		},
		"a store timeout as long as Truv's limit": {
			idempotency.Config{Policy: truv, Lease: 30 * time.Second, StoreTimeout: 10 * time.Second},
			idempotency.Config{Policy: truv, Lease: 30 * time.Second, StoreTimeout: 9 * time.Second},
		},
		"a negative store timeout": {
			idempotency.Config{StoreTimeout: -1}, idempotency.Config{StoreTimeout: 1},
		},
	} {
		_, err := idempotency.NewMiddleware(memory(), "s", id, c.rejected)
		assert.Error(t, err, name)
		_, err = idempotency.NewMiddleware(memory(), "s", id, c.accepted)
		assert.NoError(t, err, name)
	}
}

func TestNewMiddleware_AcceptsWhatFollowsFromAPolicy(t *testing.T) {
	t.Parallel()
	for _, p := range append(policies,
		retry.Policy{Attempts: 1}, retry.Policy{Attempts: 2}, retry.Policy{AckLimit: time.Second},
		retry.Policy{AckLimit: 100 * time.Millisecond, Attempts: 2, Delays: []retry.Delay{{Base: 50 * time.Millisecond}}},
		retry.Policy{Attempts: 5, Delays: []retry.Delay{{Base: 24 * time.Hour}}, ByHand: 90 * 24 * time.Hour},
		trulioo.RetryPolicy(),
	) {
		_, err := idempotency.NewMiddleware(memory(), "s", id, idempotency.Config{Policy: p})
		assert.NoError(t, err, p)
	}
}
