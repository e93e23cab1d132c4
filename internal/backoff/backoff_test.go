package backoff_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/truhook/truhook/internal/backoff"
)

func TestBackoff_DoublesUpToMost(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for name, test := range map[string]struct {
		backoff backoff.Backoff
		want    []time.Duration // after the attempts 1, 2, 3 and so on
	}{
		"doubles":           {backoff.Backoff{First: s, Most: time.Minute}, []time.Duration{s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 60 * s, 60 * s}},
		"a power of two":    {backoff.Backoff{First: s, Most: 8 * s}, []time.Duration{s, 2 * s, 4 * s, 8 * s, 8 * s}},
		"zero":              {backoff.Backoff{}, []time.Duration{s, s, s}},
		"negative":          {backoff.Backoff{First: -s, Most: -s}, []time.Duration{s, s}},
		"most below first":  {backoff.Backoff{First: 3 * s, Most: s}, []time.Duration{3 * s, 3 * s}},
		"most is the first": {backoff.Backoff{First: s, Most: s}, []time.Duration{s, s}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i, want := range test.want {
				assert.Equal(t, want, test.backoff.After(i+1), "attempt %d", i+1)
			}
			assert.Equal(t, test.want[0], test.backoff.After(0))
			assert.Equal(t, test.want[0], test.backoff.After(math.MinInt))
			assert.Equal(t, test.want[len(test.want)-1], test.backoff.After(math.MaxInt))
		})
	}
}

func TestBackoff_NeverOverflows(t *testing.T) {
	t.Parallel()
	b := backoff.Backoff{First: time.Second, Most: math.MaxInt64}
	last := time.Duration(0)
	for attempt := range 200 {
		wait := b.After(attempt)
		assert.GreaterOrEqual(t, wait, last)
		last = wait
	}
	assert.Equal(t, time.Duration(math.MaxInt64), last)
}
