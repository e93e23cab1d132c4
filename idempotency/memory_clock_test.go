package idempotency_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/idempotency"
)

const year = 365 * 24 * time.Hour

func TestMemory_AClockThatWasAheadRefusesNoEventAfterwards(t *testing.T) {
	t.Parallel()
	for name, ahead := range map[string]time.Duration{"an hour": time.Hour, "a year": year, "thirty years": 30 * year} {
		for order, first := range map[string]int{"at first": 0, "in between": 100} {
			clock := &manual{at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
			s := idempotency.NewMemory(idempotency.MemoryConfig{Now: clock.Now, MaxEntries: 2000})
			claim := func(i int) {
				c := claimOf(i)
				c.Retain = time.Hour
				r, err := s.Claim(t.Context(), c)
				require.NoError(t, err, "%s %s: event %d", name, order, i)
				require.Equal(t, idempotency.Owned, r.State)
				require.NoError(t, s.Complete(t.Context(), c.Key, c.Token))
				_, err = s.Order(t.Context(), c.Key, time.UnixMicro(int64(i)), c.Retain)
				require.NoError(t, err)
			}
			for i := range first {
				claim(i)
			}
			clock.at = clock.at.Add(ahead)
			for i := range 1000 {
				claim(10_000 + i)
			}
			clock.at = clock.at.Add(-ahead)
			for day := range 10 {
				for i := range 500 {
					claim(100_000 + 500*day + i)
				}
				clock.at = clock.at.Add(24 * time.Hour)
			}
		}
	}
}

func TestMemory_ALeaseOfAClockThatWasAheadEnds(t *testing.T) {
	t.Parallel()
	const lease = time.Second
	for name, c := range map[string]struct {
		made, claimed time.Duration // by how much the clock was ahead then
		extends       bool          // with the clock that is right
	}{
		"made ahead":             {made: year},
		"made and claimed ahead": {made: year, claimed: year},
		"claimed ahead":          {claimed: year},
		"claimed an hour ahead":  {claimed: time.Hour},
		"extended afterwards":    {claimed: year, extends: true},
		"never ahead":            {},
	} {
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		clock := &manual{at: at.Add(c.made)}
		s := idempotency.NewMemory(idempotency.MemoryConfig{Now: clock.Now})
		first, second := claimOf(1), claimOf(1)
		first.Lease, second.Lease, second.Token = lease, lease, idempotency.Token{2}
		clock.at = at.Add(c.claimed)
		_, err := s.Claim(t.Context(), first)
		require.NoError(t, err, name)
		clock.at = at
		if c.extends {
			require.NoError(t, s.Extend(t.Context(), first.Key, first.Token, time.Minute), name)
			clock.at = at.Add(50 * time.Second)
			r, err := s.Claim(t.Context(), second)
			require.NoError(t, err, name)
			require.Equal(t, idempotency.Busy, r.State, "%s: the lease that was renewed holds", name)
			require.LessOrEqual(t, r.LeaseLeft, 10*time.Second+time.Millisecond, name)
			clock.at = at.Add(61 * time.Second)
		} else {
			clock.at = at.Add(2 * time.Second)
			r, err := s.Claim(t.Context(), second)
			require.NoError(t, err, name)
			require.LessOrEqual(t, r.LeaseLeft, 2*lease, "%s: it is one of now", name)
			clock.at = at.Add(4 * time.Second)
		}
		r, err := s.Claim(t.Context(), second)
		require.NoError(t, err, name)
		assert.Equal(t, idempotency.Owned, r.State, name)
		assert.EqualValues(t, 2, r.Attempt, name)
		assert.ErrorIs(t, s.Complete(t.Context(), first.Key, first.Token), idempotency.ErrLost, name)
	}
}

func TestMemory_AClockThatIsWrongForAMomentForgetsNothing(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]time.Duration{"a year ahead": year, "an hour ahead": time.Hour, "an hour back": -time.Hour, "in 1970": -56 * year} {
		clock := &manual{at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
		s := idempotency.NewMemory(idempotency.MemoryConfig{Now: clock.Now})
		fill(t, s, 100)
		clock.at = clock.at.Add(step)
		_, err := s.Claim(t.Context(), claimOf(1_000_000))
		require.NoError(t, err)
		clock.at = clock.at.Add(-step)
		forgotten := 0
		for i := range 100 {
			c := claimOf(i)
			c.Token = idempotency.Token{3}
			r, err := s.Claim(t.Context(), c)
			require.NoError(t, err)
			if r.State != idempotency.Done {
				forgotten++
			}
		}
		assert.LessOrEqual(t, forgotten, 2, "%s: what the one claim has cleared away", name)
	}
}
