package idempotency_test

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/idempotency"
)

var soak = flag.Int("soak", 300_000, "how many ids go through a memory store of a tenth of that; 10000000 is the full form")

const month = 31 * 24 * time.Hour

// fill claims and completes n events, the i-th under the id of i.
func fill(t testing.TB, s *idempotency.Memory, n int) {
	t.Helper()
	for i := range n {
		c := claimOf(i)
		r, err := s.Claim(context.Background(), c)
		if err == nil {
			err = s.Complete(context.Background(), c.Key, c.Token)
		}
		if err != nil || r.State != idempotency.Owned { // not require: it would be most of the work
			t.Fatalf("event %d: %v, %v", i, r.State, err)
		}
	}
}

func claimOf(i int) idempotency.ClaimRequest {
	c := idempotency.ClaimRequest{
		Key:   idempotency.Key{Scope: "truv/prod", ID: fmt.Sprintf("%032x", i)},
		Lease: 10 * time.Second, Retain: month,
	}
	c.Token = idempotency.Token{byte(i), byte(i >> 8), byte(i >> 16), byte(i >> 24), 1}
	return c
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

func TestMemory_TakesAtMost80BytesARecord(t *testing.T) { // alone: it measures the heap
	n := 1_000_000
	if raceEnabled || testing.Short() {
		n = 200_000
	}
	before := heap()
	s := memory()
	fill(t, s, n)
	bytes := float64(heap()-before) / float64(n)
	t.Logf("%.1f bytes a record at %d", bytes, n)
	assert.LessOrEqual(t, bytes, 80.0)
	assert.Equal(t, n, s.Len())
	runtime.KeepAlive(s)
}

func TestMemory_AllocatesNothingForClaimAndComplete(t *testing.T) {
	clock := &manual{at: time.Now()}
	s := idempotency.NewMemory(idempotency.MemoryConfig{Now: clock.Now})
	claims := make([]idempotency.ClaimRequest, 4_000)
	for i := range claims {
		claims[i] = claimOf(i)
	}
	ctx := context.Background()
	i := 0
	next := func() {
		c := &claims[i%len(claims)]
		if i++; i%len(claims) == 0 {
			clock.at = clock.at.Add(month + time.Second) // all are over, and cleared away two a claim
		}
		if r, err := s.Claim(ctx, *c); err != nil || r.State != idempotency.Owned {
			panic(fmt.Sprint(r.State, err))
		}
		if err := s.Extend(ctx, c.Key, c.Token, c.Lease); err != nil {
			panic(err)
		}
		if err := s.Complete(ctx, c.Key, c.Token); err != nil {
			panic(err)
		}
	}
	for range 4 * len(claims) { // it grows
		next()
	}
	assert.Zero(t, testing.AllocsPerRun(2*len(claims), next))
	at, resource := time.Now(), claims[0].Key
	assert.Zero(t, testing.AllocsPerRun(1000, func() { at = at.Add(time.Millisecond); _, _ = s.Order(ctx, resource, at, month) }))
}

func TestMemory_ClearsAwayWithoutASweep(t *testing.T) {
	t.Parallel()
	clock := &manual{at: time.Now()}
	s := idempotency.NewMemory(idempotency.MemoryConfig{Now: clock.Now, MaxEntries: 1 << 20})
	fill(t, s, 10_000)
	clock.at = clock.at.Add(month)
	fill(t, s, 1)
	assert.GreaterOrEqual(t, s.Len(), 9_998, "a claim clears away two at most")
	clock.at = clock.at.Add(time.Second)
	for i := range 6000 {
		before := s.Len()
		_, err := s.Claim(t.Context(), claimOf(1_000_000+i))
		require.NoError(t, err)
		require.LessOrEqual(t, before+1-s.Len(), 2, "a claim clears away two at most")
	}
	assert.LessOrEqual(t, s.Len(), 6200, "and with as many claims as there were records, all of them go")
}

func TestMemory_UsesThePlacesOfWhatIsOver(t *testing.T) {
	t.Parallel()
	clock := &manual{at: time.Now()}
	s := idempotency.NewMemory(idempotency.MemoryConfig{Now: clock.Now, MaxEntries: 1000})
	for range 8 {
		fill(t, s, 1000)
		_, err := s.Claim(t.Context(), claimOf(-1))
		require.ErrorIs(t, err, idempotency.ErrFull)
		clock.at = clock.at.Add(month + time.Second)
	}
}

func TestMemory_AClockThatGoesBackForgetsNothing(t *testing.T) {
	t.Parallel()
	clock := &manual{at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	s := idempotency.NewMemory(idempotency.MemoryConfig{Now: clock.Now})
	clock.at = clock.at.Add(time.Hour)
	fill(t, s, 100)
	clock.at = clock.at.Add(-48 * time.Hour)
	for i := range 100 {
		r, err := s.Claim(t.Context(), claimOf(i))
		require.NoError(t, err)
		require.Equal(t, idempotency.Done, r.State)
	}
	fill(t, idempotency.NewMemory(idempotency.MemoryConfig{Now: clock.Now}), 10)
}

// A clock that panics costs no event: what its handler has done would be done again if Complete panicked.
func TestMemory_WhereNowPanicsTheRealTimeCounts(t *testing.T) {
	t.Parallel()
	for name, bad := range map[string]func(call int64) bool{
		"every call": func(int64) bool { return true }, "every second call": func(n int64) bool { return n%2 == 0 },
		"the others": func(n int64) bool { return n%2 == 1 },
	} {
		var calls, handled atomic.Int64
		m, _ := middleware(t, idempotency.NewMemory(idempotency.MemoryConfig{Now: func() time.Time {
			if bad(calls.Add(1)) {
				panic("clock")
			}
			return time.Now()
		}}), idempotency.Config{})
		for _, want := range []idempotency.Outcome{idempotency.Handled, idempotency.Duplicate, idempotency.Duplicate} {
			require.NotPanics(t, func() {
				res := m.Do(t.Context(), event("a"), func(context.Context) error { handled.Add(1); return nil })
				assert.Equal(t, want, res.Outcome, name)
			}, name)
		}
		assert.EqualValues(t, 1, handled.Load(), name)
	}
}

func TestMemory_RefusesWhatIsNoClaim(t *testing.T) {
	t.Parallel()
	s := memory()
	for _, c := range []idempotency.ClaimRequest{
		{}, {Lease: -1, Retain: time.Hour}, {Lease: time.Hour, Retain: time.Minute}, {Lease: time.Hour},
	} {
		_, err := s.Claim(t.Context(), c)
		assert.Error(t, err)
	}
	forever := claimOf(1)
	forever.Lease, forever.Retain = 1<<63-1, 1<<63-1
	r, err := s.Claim(t.Context(), forever)
	require.NoError(t, err)
	assert.Equal(t, idempotency.Owned, r.State)
	forever.Token = idempotency.NewToken()
	r, err = s.Claim(t.Context(), forever)
	require.NoError(t, err)
	assert.Equal(t, idempotency.Busy, r.State)
	assert.Greater(t, r.LeaseLeft, 70*365*24*time.Hour)
}

func TestMemory_IsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	s := idempotency.NewMemory(idempotency.MemoryConfig{MaxEntries: 400})
	var mu sync.Mutex
	owners := map[string]int{}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				k := idempotency.Key{Scope: "s", ID: fmt.Sprint((i*7 + g) % 500)}
				token := idempotency.NewToken()
				r, err := s.Claim(t.Context(), idempotency.ClaimRequest{Key: k, Token: token, Lease: time.Hour, Retain: 2 * time.Hour})
				if err != nil {
					assert.ErrorIs(t, err, idempotency.ErrFull)
					continue
				}
				if r.State == idempotency.Owned {
					mu.Lock()
					owners[k.ID]++
					mu.Unlock()
					assert.NoError(t, s.Complete(t.Context(), k, token))
				}
				_, _ = s.Order(t.Context(), k, time.UnixMicro(int64(i)), time.Hour)
			}
		})
	}
	wg.Wait()
	assert.LessOrEqual(t, s.Len(), 400)
	for id, n := range owners {
		assert.Equal(t, 1, n, id)
	}
}

// Ids go through a store that holds a tenth of them, at a rate of which nine tenths of the store are always live.
func TestMemory_SoakForgetsNothingLiveAndStaysBounded(t *testing.T) { // alone: it measures the heap
	ids := *soak
	if raceEnabled {
		ids = min(ids, 60_000)
	}
	const window = 900 * time.Second
	size := ids / 10
	tick := window / time.Duration(size*9/10)
	before := heap()
	clock := &manual{at: time.Now()}
	s := idempotency.NewMemory(idempotency.MemoryConfig{Now: clock.Now, MaxEntries: size})
	ctx := context.Background()
	request := func(i int) idempotency.ClaimRequest {
		c := claimOf(i)
		c.Retain = window
		return c
	}
	var worst time.Duration
	for i := range ids {
		clock.at = clock.at.Add(tick)
		c := request(i)
		began := time.Now()
		r, err := s.Claim(ctx, c)
		worst = max(worst, time.Since(began))
		if err == nil && i%3 > 0 {
			err = s.Complete(ctx, c.Key, c.Token)
		}
		if err != nil || r.State != idempotency.Owned || r.Attempt != 1 { // not require: it would be most of the work
			t.Fatalf("id %d: %v at attempt %d, %v", i, r.State, r.Attempt, err)
		}
		if back := i - int(int64(i)*7919%int64(size*9/10)); back >= 0 { // one that is live: its state is what it was left in
			twin := request(back)
			owner := twin.Token
			twin.Token = idempotency.Token{2}
			if back%3 > 0 {
				r, err = s.Claim(ctx, twin)
			} else {
				r.State, err = idempotency.Done, s.Extend(ctx, twin.Key, owner, time.Second)
			}
			if err != nil || r.State != idempotency.Done {
				t.Fatalf("id %d was forgotten at %d: %v, %v", back, i, r.State, err)
			}
		}
		if s.Len() > size {
			t.Fatalf("%d records in a store of %d", s.Len(), size)
		}
	}
	used := heap() - before
	t.Logf("%d ids through %d records: worst claim %v, %.1f bytes a record", ids, size, worst, float64(used)/float64(size))
	assert.LessOrEqual(t, float64(used), 100*float64(size)+8<<20, "memory is bounded")
	runtime.KeepAlive(s)
}
