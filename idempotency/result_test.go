package idempotency_test

import (
	"context"
	"math"
	"net/http/httptest"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
)

func TestResult_RetryAfterIsNeverNegative(t *testing.T) {
	t.Parallel()
	for after, want := range map[time.Duration]string{
		0: "", -1: "", -time.Hour: "", math.MinInt64: "", 1: "1", time.Second: "1", time.Second + 1: "2",
		math.MaxInt64: strconv.FormatInt(math.MaxInt64/int64(time.Second)+1, 10),
	} {
		w := httptest.NewRecorder()
		idempotency.Result{Status: 503, RetryAfter: after}.Respond(w)
		assert.Equal(t, want, w.Header().Get("Retry-After"), after)
	}
}

// odd is a store that says odd things about other leases.
type odd struct {
	idempotency.Store
	left time.Duration
}

func (o odd) Claim(context.Context, idempotency.ClaimRequest) (idempotency.Record, error) {
	return idempotency.Record{State: idempotency.Busy, LeaseLeft: o.left}, nil
}

func TestResult_Each503SaysWhenToComeAgain(t *testing.T) {
	t.Parallel()
	for _, left := range []time.Duration{math.MinInt64, -time.Second, 0, 1, time.Minute, math.MaxInt64} {
		for _, wait := range []time.Duration{0, -1} {
			synctest.Test(t, func(t *testing.T) {
				m, _ := middleware(t, odd{memory(), left}, idempotency.Config{Policy: truv.RetryPolicy(), Wait: wait})
				res := m.Do(t.Context(), event("a"), nil)
				assert.Equal(t, idempotency.InFlight, res.Outcome)
				assert.GreaterOrEqual(t, res.RetryAfter, time.Second)
				w := httptest.NewRecorder()
				res.Respond(w)
				seconds, err := strconv.ParseInt(w.Header().Get("Retry-After"), 10, 64)
				require.NoError(t, err)
				assert.Positive(t, seconds)
			})
		}
	}
}
