package retry_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/truhook/truhook/retry"
)

const day = 24 * time.Hour

func TestSchedule_HasEveryAttemptWithItsBounds(t *testing.T) {
	t.Parallel()
	s := time.Second
	ms := time.Millisecond
	tests := []struct {
		policy retry.Policy
		want   []retry.Attempt
	}{
		{strict(), []retry.Attempt{
			{1, retry.Delay{}, 0, 0},
			{2, retry.Delay{Base: 1 * s, Jitter: 500 * ms}, 1 * s, 1500 * ms},
			{3, retry.Delay{Base: 2 * s}, 3 * s, 3500 * ms},
		}},
		{retry.Unpublished("nobody", "page"), []retry.Attempt{{Number: 1}}},
		{retry.Policy{}, []retry.Attempt{{Number: 1}}},
		{retry.Policy{Provider: "no delays", Attempts: 2}, []retry.Attempt{{Number: 1}, {Number: 2}}},
		{acme(), []retry.Attempt{
			{1, retry.Delay{}, 0, 0},
			{2, retry.Delay{Base: 60 * s}, 60 * s, 75 * s},
			{3, retry.Delay{Base: 600 * s, Jitter: 60 * s}, 660 * s, 750 * s},
			{4, retry.Delay{Base: 600 * s, Jitter: 60 * s}, 1260 * s, 1425 * s}, // the last delay stands for the rest
			{5, retry.Delay{Base: 600 * s, Jitter: 60 * s}, 1860 * s, 2100 * s},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.policy.Provider, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, slices.Collect(tt.policy.Schedule()))
			last := tt.want[len(tt.want)-1]
			shortest, longest := tt.policy.Window()
			assert.Equal(t, last.Earliest, shortest)
			assert.Equal(t, last.Latest, longest)
		})
	}
}

func TestSchedule_CanBeLeftEarly(t *testing.T) {
	t.Parallel()
	for a := range acme().Schedule() {
		if a.Number == 2 {
			break
		}
	}
}

func TestHorizon_IsTheLastInstantOfAnHonestProvider(t *testing.T) {
	t.Parallel()
	byHand := acme()
	byHand.ByHand = 7 * day
	tests := []struct {
		name   string
		policy retry.Policy
		want   time.Duration
	}{
		{"no limit for the answer", strict(), 3500 * time.Millisecond},
		{"not published", retry.Unpublished("nobody", "page"), 0},
		{"zero", retry.Policy{}, 0},
		{"one attempt", retry.Policy{Attempts: 1, AckLimit: time.Second}, time.Second},
		{"automatic only", acme(), 2115 * time.Second},
		{"by hand", byHand, 7*day + 2*2115*time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, tt.policy.Horizon())
		})
	}
}
