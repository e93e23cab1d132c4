package retry_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/jose/transunion"
	"github.com/truhook/truhook/retry"
)

const day = 24 * time.Hour

func TestTheScheduleHasEveryAttemptWithItsBounds(t *testing.T) {
	t.Parallel()
	s := time.Second
	ms := time.Millisecond
	tests := []struct {
		policy retry.Policy
		want   []retry.Attempt
	}{
		{truv.RetryPolicy(), []retry.Attempt{
			{1, retry.Delay{}, 0, 0},
			{2, retry.Delay{Base: 30 * s}, 30 * s, 40 * s},
			{3, retry.Delay{Base: 30 * s}, 60 * s, 80 * s},
			{4, retry.Delay{Base: 30 * s}, 90 * s, 120 * s},
		}},
		{truval.RetryPolicy(), []retry.Attempt{
			{1, retry.Delay{}, 0, 0},
			{2, retry.Delay{Base: 1 * s, Jitter: 599 * ms}, 1 * s, 1599 * ms},
			{3, retry.Delay{Base: 2 * s, Jitter: 599 * ms}, 3 * s, 4198 * ms},
		}},
		{trulioo.RetryPolicy(), []retry.Attempt{{Number: 1}}},
		{transunion.RetryPolicy(), []retry.Attempt{{Number: 1}}},
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

func TestTheScheduleCanBeLeftEarly(t *testing.T) {
	t.Parallel()
	for a := range truv.RetryPolicy().Schedule() {
		if a.Number == 2 {
			break
		}
	}
}

func TestTheHorizonIsTheLastInstantOfAnHonestProvider(t *testing.T) {
	t.Parallel()
	byHand := acme()
	byHand.ByHand = 7 * day
	tests := []struct {
		name   string
		policy retry.Policy
		want   time.Duration
	}{
		{"truv: 4 x 10 s + 3 x 30 s", truv.RetryPolicy(), 130 * time.Second},
		{"truval: the waits, the log, the waits again", truval.RetryPolicy(), 30*day + 2*4198*time.Millisecond},
		{"trulioo: not published", trulioo.RetryPolicy(), 0},
		{"transunion: not published", transunion.RetryPolicy(), 0},
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
