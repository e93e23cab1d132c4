package idempotency_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
)

func resource(i int) idempotency.Key { return idempotency.Key{Scope: "s", ID: fmt.Sprint("order/", i)} }

func TestMemory_HoldsAsManyEventsAsItSaysWhateverElseIsKept(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 2, 4, 5, 64, 1000} {
		i := 0
		store := idempotency.NewMemory(idempotency.MemoryConfig{MaxEntries: size})
		m, err := idempotency.NewMiddleware(store, "test", id, idempotency.Config{
			Policy: truv.RetryPolicy(), Logger: silent,
			Version: func(*truhook.Verified) (string, time.Time, error) { return fmt.Sprint("order/", i), time.Now(), nil },
		})
		require.NoError(t, err)
		ok := func(context.Context) error { return nil }
		for i = range size {
			require.Equal(t, idempotency.Handled, m.Do(t.Context(), event(fmt.Sprint(i)), ok).Outcome, "%d of %d", i, size)
			require.LessOrEqual(t, store.Len(), size)
		}
		assert.Equal(t, idempotency.Unavailable, m.Do(t.Context(), event("one more"), ok).Outcome, size)
		for i = range size {
			assert.Equal(t, idempotency.Duplicate, m.Do(t.Context(), event(fmt.Sprint(i)), nil).Outcome, "none is forgotten")
		}
	}
}

func TestMemory_TheOrderTakesAQuarterAtMostAndTheOldestGoFirst(t *testing.T) {
	t.Parallel()
	clock := &manual{at: time.Now()}
	s := idempotency.NewMemory(idempotency.MemoryConfig{Now: clock.Now, MaxEntries: 40})
	base := clock.at
	ask := func(i int, at time.Duration) idempotency.Order {
		o, err := s.Order(t.Context(), resource(i), base.Add(at), month)
		require.NoError(t, err, "the order never makes a store full")
		return o
	}
	for i := range 100 {
		clock.at = clock.at.Add(2 * time.Second)
		assert.Equal(t, idempotency.Newer, ask(i, time.Duration(i)*time.Second))
		assert.LessOrEqual(t, s.Len(), 10)
		if i >= 10 { // one that is written to does not grow old
			assert.Equal(t, idempotency.Newer, ask(5, time.Duration(i)*time.Second), i)
		} else if i == 9 {
			assert.Equal(t, idempotency.Newer, ask(5, 9*time.Second))
		}
	}
	assert.Equal(t, idempotency.Older, ask(99, 98*time.Second), "what is held is known")
	assert.Equal(t, idempotency.Same, ask(99, 99*time.Second))
	assert.Equal(t, idempotency.Older, ask(5, 50*time.Second))
	for _, at := range []time.Duration{0, 4 * time.Second, 3 * time.Second, 80 * time.Second} {
		assert.Equal(t, idempotency.OrderUnknown, ask(4, at), "what has given way is not known, and never called newer")
	}
	assert.Equal(t, idempotency.Newer, ask(4, 200*time.Second), "this one is newer than all that gave way")
	assert.Equal(t, idempotency.Older, ask(4, 100*time.Second))
}

func TestMemory_AResourceThatIsWrittenToDoesNotGrowOld(t *testing.T) {
	t.Parallel()
	clock := &manual{at: time.Now()}
	s := idempotency.NewMemory(idempotency.MemoryConfig{Now: clock.Now, MaxEntries: 40})
	base := clock.at
	ask := func(i int, at time.Duration) idempotency.Order {
		clock.at = clock.at.Add(2 * time.Second)
		o, err := s.Order(t.Context(), resource(i), base.Add(at), month)
		require.NoError(t, err)
		return o
	}
	for i := range 10 {
		ask(i, time.Second)
	}
	ask(0, time.Hour)
	for i := range 9 {
		ask(10+i, 2*time.Hour)
	}
	assert.Equal(t, idempotency.Older, ask(0, time.Minute), "the nine others were older")
	assert.Equal(t, idempotency.OrderUnknown, ask(1, time.Second))
}

func TestMemory_AnOrderThatFindsNoRoomIsNotForgottenAsNewer(t *testing.T) {
	t.Parallel()
	clock := &manual{at: time.Now()}
	s := idempotency.NewMemory(idempotency.MemoryConfig{Now: clock.Now, MaxEntries: 4})
	for i := range 4 {
		c := claimOf(i)
		c.Lease, c.Retain = time.Second, time.Minute
		_, err := s.Claim(t.Context(), c)
		require.NoError(t, err)
	}
	ask := func(at time.Duration) idempotency.Order {
		o, err := s.Order(t.Context(), resource(1), clock.at.Add(at), month)
		require.NoError(t, err)
		return o
	}
	newest := clock.at.Add(time.Hour)
	o, err := s.Order(t.Context(), resource(1), newest, month)
	require.NoError(t, err)
	assert.Equal(t, idempotency.OrderUnknown, o, "events take all the room")
	clock.at = clock.at.Add(2 * time.Minute) // and leave it
	assert.Equal(t, idempotency.OrderUnknown, ask(0), "it is older than one whose handler has started")
	assert.Equal(t, idempotency.Newer, ask(2*time.Hour))
}

// Against the truth: whatever gives way, nothing is called newer that is not.
func TestMemory_NothingIsCalledNewerThatIsNot(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(7, seed))
		clock := &manual{at: time.Now()}
		s := idempotency.NewMemory(idempotency.MemoryConfig{Now: clock.Now, MaxEntries: 32})
		newest := map[int]int{}
		counts := map[idempotency.Order]int{}
		for range 5000 {
			i, at := random.IntN(40), random.IntN(2000)
			o, err := s.Order(t.Context(), resource(i), time.UnixMicro(int64(at)), month)
			require.NoError(t, err)
			counts[o]++
			latest, seen := newest[i]
			switch o {
			case idempotency.Newer:
				require.True(t, !seen || at > latest, "%d is not newer than %d", at, latest)
			case idempotency.Older:
				require.Less(t, at, latest)
			case idempotency.Same:
				require.Equal(t, latest, at)
			}
			newest[i] = max(latest, at)
			if random.IntN(10) == 0 {
				c := claimOf(random.IntN(60))
				c.Lease, c.Retain = time.Second, time.Minute
				_, _ = s.Claim(t.Context(), c)
			}
			require.LessOrEqual(t, s.Len(), 32)
			clock.at = clock.at.Add(time.Duration(random.IntN(5)) * time.Second)
		}
		assert.Positive(t, counts[idempotency.OrderUnknown])
		assert.Positive(t, counts[idempotency.Newer])
	}
}

func TestMemory_TheOrderIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	s := idempotency.NewMemory(idempotency.MemoryConfig{MaxEntries: 300})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				_, err := s.Order(t.Context(), resource((i*7+g)%500), time.UnixMicro(int64(i)), time.Hour)
				assert.NoError(t, err)
				c := claimOf(i*8 + g)
				if r, err := s.Claim(t.Context(), c); err == nil {
					assert.Equal(t, idempotency.Owned, r.State)
				}
			}
		})
	}
	wg.Wait()
	assert.Equal(t, 300, s.Len(), "events have taken all the room")
}

func TestMemory_AFullStoreUsesWhatIsOverInOtherShards(t *testing.T) {
	t.Parallel()
	clock := &manual{at: time.Now()}
	s := idempotency.NewMemory(idempotency.MemoryConfig{Now: clock.Now, MaxEntries: 1})
	for i := range 20 { // each key is in a shard of its own, so only what is over elsewhere can make room
		r, err := s.Claim(t.Context(), claimOf(i))
		require.NoError(t, err, i)
		assert.Equal(t, idempotency.Owned, r.State)
		_, err = s.Claim(t.Context(), claimOf(1000+i))
		require.ErrorIs(t, err, idempotency.ErrFull)
		clock.at = clock.at.Add(month + time.Second)
	}
}

func TestMemory_ExtendOfWhatIsDoneOrForgottenIsLost(t *testing.T) {
	t.Parallel()
	clock := &manual{at: time.Now()}
	s := idempotency.NewMemory(idempotency.MemoryConfig{Now: clock.Now})
	ctx := t.Context()
	c := claimOf(1)
	_, err := s.Claim(ctx, c)
	require.NoError(t, err)
	require.NoError(t, s.Complete(ctx, c.Key, c.Token))
	assert.ErrorIs(t, s.Extend(ctx, c.Key, c.Token, time.Hour), idempotency.ErrLost)
	assert.ErrorIs(t, s.Release(ctx, c.Key, c.Token), idempotency.ErrLost)
	require.NoError(t, s.Forget(ctx, c.Key))
	for name, call := range map[string]func() error{
		"extend":   func() error { return s.Extend(ctx, c.Key, c.Token, time.Hour) },
		"complete": func() error { return s.Complete(ctx, c.Key, c.Token) },
		"release":  func() error { return s.Release(ctx, c.Key, c.Token) },
	} {
		assert.ErrorIs(t, call(), idempotency.ErrLost, name)
	}
	r, err := s.Claim(ctx, c)
	require.NoError(t, err)
	assert.EqualValues(t, 1, r.Attempt)
	clock.at = clock.at.Add(month + time.Minute) // over, by retention and by lease
	assert.ErrorIs(t, s.Extend(ctx, c.Key, c.Token, time.Hour), idempotency.ErrLost)
}
