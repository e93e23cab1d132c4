package keycache_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/keycache"
)

var errDown = errors.New("connection refused")

// source plays a server of keys. What it answers can be changed, and it counts.
type source struct {
	mu      sync.Mutex
	keys    []string            // without ids
	byID    map[string][]string // with ids
	err     error
	panics  any
	takes   time.Duration
	fetches map[string]int
}

func (s *source) set(change func(s *source)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *source) count() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, of := range s.fetches {
		n += of
	}
	return n
}

func (s *source) countOf(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fetches[id]
}

func (s *source) fetch(ctx context.Context, id string) ([]string, error) {
	s.mu.Lock()
	if s.fetches == nil {
		s.fetches = map[string]int{}
	}
	s.fetches[id]++
	takes := s.takes
	s.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.panics != nil {
		panic(s.panics)
	}
	if s.byID != nil {
		return s.byID[id], s.err
	}
	return s.keys, s.err
}

func merge(old, fresh []string) []string {
	if slices.Equal(old, fresh) {
		return old
	}
	return fresh
}

func cache(t *testing.T, s *source, change func(cfg *keycache.Config[string])) *keycache.Cache[string] {
	t.Helper()
	cfg := keycache.Config[string]{Package: "test", Fetch: s.fetch, ByID: s.byID != nil, Merge: merge}
	if change != nil {
		change(&cfg)
	}
	c, err := keycache.New(cfg)
	require.NoError(t, err)
	return c
}

// get returns what the cache says, as text: the keys, or the Reason.
func get(c *keycache.Cache[string], id string, missed bool) string {
	keys, err := c.Get(context.Background(), id, missed)
	if err != nil {
		return string(truhook.ReasonOf(err))
	}
	return fmt.Sprint(keys)
}

func advance(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, f)
}

const (
	stale       = string(truhook.KeysStale)
	unavailable = string(truhook.KeysUnavailable)
)

func TestCache_RejectsWhatCannotWork(t *testing.T) {
	t.Parallel()
	fetch := func(context.Context, string) ([]string, error) { return nil, nil }
	for name, cfg := range map[string]keycache.Config[string]{
		"no function":              {},
		"TTL below zero":           {Fetch: fetch, TTL: -1},
		"MaxStale below zero":      {Fetch: fetch, MaxStale: -1},
		"Timeout below zero":       {Fetch: fetch, Timeout: -1},
		"Wait below zero":          {Fetch: fetch, Wait: -1},
		"MinInterval below zero":   {Fetch: fetch, MinInterval: -1},
		"Retain below zero":        {Fetch: fetch, Retain: -1},
		"MaxKeys below zero":       {Fetch: fetch, MaxKeys: -1},
		"MaxWaiters below zero":    {Fetch: fetch, MaxWaiters: -1},
		"no function and a limit":  {TTL: time.Hour},
		"a limit among good ones":  {Fetch: fetch, TTL: time.Hour, Wait: -time.Hour},
		"a count among good times": {Fetch: fetch, TTL: time.Hour, MaxKeys: -1},
	} {
		_, err := keycache.New(cfg)
		assert.Error(t, err, name)
	}
}

// Rule 6 of the design: who may say that no key fits.
func TestCache_OnlyAHealthySourceSaysThatNothingFits(t *testing.T) {
	for name, test := range map[string]struct {
		act          func(s *source, c *keycache.Cache[string])
		fits, missed string
	}{
		"healthy":                      {func(*source, *keycache.Cache[string]) {}, "[a]", "[a]"},
		"healthy, asked a moment ago":  {func(_ *source, c *keycache.Cache[string]) { advance(time.Minute); get(c, "", true) }, "[a]", "[a]"},
		"older than TTL, and it works": {func(*source, *keycache.Cache[string]) { advance(2 * time.Hour) }, "[a]", "[a]"},
		"a new key":                    {func(s *source, _ *keycache.Cache[string]) { s.keys = []string{"b"}; advance(time.Minute) }, "[a]", "[b]"},
		"it fails now":                 {func(s *source, _ *keycache.Cache[string]) { s.err = errDown; advance(time.Minute) }, "[a]", stale},
		"it failed a moment ago":       {func(s *source, c *keycache.Cache[string]) { s.err = errDown; _ = c.Refresh(context.Background()) }, "[a]", stale},
		"it failed, then worked": {func(s *source, c *keycache.Cache[string]) {
			s.err = errDown
			_ = c.Refresh(context.Background())
			s.err = nil
			advance(time.Minute)
		}, "[a]", "[a]"},
		"older than TTL, and it fails": {func(s *source, _ *keycache.Cache[string]) { s.err = errDown; advance(2 * time.Hour) }, "[a]", stale},
		"older than MaxStale, fails":   {func(s *source, _ *keycache.Cache[string]) { s.err = errDown; advance(73 * time.Hour) }, unavailable, unavailable},
		"it hangs":                     {func(s *source, _ *keycache.Cache[string]) { s.takes = time.Hour; advance(time.Minute) }, "[a]", stale},
		"it has no keys any more":      {func(s *source, _ *keycache.Cache[string]) { s.keys = nil; advance(time.Minute) }, "[a]", stale},
		"it panics":                    {func(s *source, _ *keycache.Cache[string]) { s.panics = "canary"; advance(time.Minute) }, "[a]", stale},
		"it is slower than Wait":       {func(s *source, _ *keycache.Cache[string]) { s.takes = 3 * time.Second; advance(time.Minute) }, "[a]", stale},
		"it was slow, and has answered": {func(s *source, c *keycache.Cache[string]) {
			s.takes = 3 * time.Second
			advance(time.Minute)
			get(c, "", true)
			advance(3 * time.Second)
		}, "[a]", "[a]"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := &source{keys: []string{"a"}}
				c := cache(t, s, nil)
				require.NoError(t, c.Refresh(t.Context()))
				test.act(s, c)
				assert.Equal(t, test.missed, get(c, "", true))
				if test.missed == test.fits || test.missed == stale {
					assert.Equal(t, test.fits, get(c, "", false))
				}
				advance(20 * time.Second)
			})
		})
	}
}

func TestCache_WithoutAnAnswerSaysWhoseFaultItIs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &source{err: errDown}
		c := cache(t, s, nil)
		for range 100 {
			assert.Equal(t, unavailable, get(c, "", false))
			assert.Equal(t, unavailable, get(c, "", true))
		}
		assert.Equal(t, 1, s.count(), "a failure is remembered")
		_, err := c.Get(t.Context(), "", false)
		require.ErrorIs(t, err, errDown)
		s.set(func(s *source) { s.err, s.keys = nil, []string{"a"} })
		advance(10 * time.Second)
		assert.Equal(t, "[a]", get(c, "", false))
	})
}

func TestCache_BoundsFetchesWhatStrangersSend(t *testing.T) {
	for name, test := range map[string]struct {
		act   func(s *source)
		least int
		most  int
		want  string
	}{
		"healthy":   {func(*source) {}, 30, 50, "[a]"}, // 10, 20, 40 and then every 80 s
		"it fails":  {func(s *source) { s.err = errDown }, 300, 360, stale},
		"it hangs":  {func(s *source) { s.takes = time.Hour }, 100, 360, stale},
		"it panics": {func(s *source) { s.panics = "canary" }, 300, 360, stale},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := &source{keys: []string{"a"}}
				c := cache(t, s, nil)
				require.NoError(t, c.Refresh(t.Context()))
				advance(10 * time.Second)
				s.set(test.act)
				fetched := s.count()
				for end := time.Now().Add(time.Hour); time.Now().Before(end); {
					require.Equal(t, "[a]", get(c, "", false), "true deliveries go on")
					if got := get(c, "", true); got != test.want {
						require.Equal(t, test.want, got)
					}
					time.Sleep(100 * time.Millisecond)
				}
				assert.GreaterOrEqual(t, s.count()-fetched, test.least)
				assert.LessOrEqual(t, s.count()-fetched, test.most)
				advance(time.Minute)
			})
		})
	}
}

func TestCache_AsksSoonAgainAfterAQuietTimeAndAfterANewKey(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &source{keys: []string{"a"}}
		c := cache(t, s, nil)
		require.NoError(t, c.Refresh(t.Context()))
		for range 300 { // five minutes of forgeries
			get(c, "", true)
			advance(time.Second)
		}
		advance(3 * time.Minute)
		s.set(func(s *source) { s.keys = []string{"b"} })
		assert.Equal(t, "[b]", get(c, "", true), "after a quiet time")
		s.set(func(s *source) { s.keys = []string{"c"} })
		advance(10 * time.Second)
		assert.Equal(t, "[c]", get(c, "", true), "after a new key")
	})
}

func TestCache_OneFetchServesAll(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &source{keys: []string{"a"}, takes: time.Second}
		c := cache(t, s, nil)
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() { assert.Equal(t, "[a]", get(c, "", false)) })
		}
		ctx, cancel := context.WithCancel(t.Context())
		wg.Go(func() {
			_, err := c.Get(ctx, "", false)
			assert.ErrorIs(t, err, truhook.Canceled)
		})
		synctest.Wait()
		cancel()
		wg.Wait()
		assert.Equal(t, 1, s.count(), "and no caller that leaves ends it")
	})
}

func TestCache_AnswersFromMemoryWhateverTheContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &source{keys: []string{"a"}}
		c := cache(t, s, nil)
		require.NoError(t, c.Refresh(t.Context()))
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for _, missed := range []bool{false, true} {
			keys, err := c.Get(ended, "", missed)
			require.NoError(t, err)
			assert.Equal(t, []string{"a"}, keys)
		}
	})
}

func TestCache_BoundsItsWaiters(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &source{keys: []string{"a"}, takes: 5 * time.Second}
		c := cache(t, s, func(cfg *keycache.Config[string]) { cfg.MaxWaiters = 3 })
		var wg sync.WaitGroup
		var served, refused atomic.Int64
		for range 10 {
			wg.Go(func() {
				switch get(c, "", false) {
				case "[a]":
					served.Add(1)
				case stale: // at once, and never keys-unavailable, as strangers can fill the room
					refused.Add(1)
				}
			})
		}
		wg.Wait()
		assert.EqualValues(t, 3, served.Load())
		assert.EqualValues(t, 7, refused.Load())
		assert.Equal(t, "[a]", get(c, "", false))
	})
}

func TestCache_RenewsInTheBackgroundAndBeforeAKeyEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &source{keys: []string{"a"}}
		end := time.Now().Add(30 * time.Minute)
		c := cache(t, s, func(cfg *keycache.Config[string]) {
			cfg.NotAfter = func(k string) time.Time {
				if k == "a" {
					return end
				}
				return time.Time{}
			}
		})
		require.NoError(t, c.Refresh(t.Context()))
		advance(29*time.Minute - time.Second)
		get(c, "", false)
		synctest.Wait()
		require.Equal(t, 1, s.count())
		s.set(func(s *source) { s.keys = []string{"b"} })
		advance(time.Second)
		assert.Equal(t, "[a]", get(c, "", false), "nobody waits")
		synctest.Wait()
		assert.Equal(t, "[b]", get(c, "", false))
		advance(48*time.Minute - time.Second)
		get(c, "", false)
		synctest.Wait()
		require.Equal(t, 2, s.count())
		advance(time.Second)
		get(c, "", false)
		synctest.Wait()
		assert.Equal(t, 3, s.count(), "after four fifths of TTL")
	})
}

func TestCache_SurvivesAClockThatJumps(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var offset atomic.Int64
		s := &source{keys: []string{"a"}}
		c := cache(t, s, func(cfg *keycache.Config[string]) {
			cfg.Now = func() time.Time { return time.Now().Round(0).Add(time.Duration(offset.Load())) }
		})
		jump := func(d time.Duration) { offset.Add(int64(d)) }
		require.Equal(t, "[a]", get(c, "", false))
		for i, d := range []time.Duration{-time.Hour, 2 * time.Hour, -300 * 24 * time.Hour, 400 * 24 * time.Hour} {
			jump(d)
			for range 5 {
				require.Equal(t, "[a]", get(c, "", false))
				synctest.Wait()
			}
			assert.Equal(t, i+2, s.count(), "one fetch a jump")
		}
		// An answer from the future ages from the moment on at which the source was asked in vain.
		s.set(func(s *source) { s.err = errDown })
		jump(-365 * 24 * time.Hour)
		require.Equal(t, "[a]", get(c, "", false))
		advance(time.Second)
		assert.Equal(t, stale, get(c, "", true))
		advance(73 * time.Hour)
		assert.Equal(t, unavailable, get(c, "", false))
	})
}

func TestCache_ByIDStrangersCannotTakeWhatIsKnown(t *testing.T) {
	for name, known := range map[string]func(t *testing.T, s *source, c *keycache.Cache[string]){
		"asked for before": func(_ *testing.T, _ *source, c *keycache.Cache[string]) { get(c, "true", false) },
		"prefetched": func(t *testing.T, _ *source, c *keycache.Cache[string]) {
			require.NoError(t, c.Prefetch(t.Context(), "true"))
		},
		"prefetched, in an outage": func(t *testing.T, s *source, c *keycache.Cache[string]) {
			s.set(func(s *source) { s.err = errDown })
			require.ErrorIs(t, c.Prefetch(t.Context(), "true"), errDown)
			s.set(func(s *source) { s.err = nil })
			advance(10 * time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := &source{byID: map[string][]string{"true": {"a"}}}
				c := cache(t, s, nil)
				known(t, s, c)
				accepted := 0
				for second := range 3600 {
					for n := range 10 {
						assert.NotEqual(t, unavailable, get(c, fmt.Sprintf("forged-%d-%d", second, n), false))
						time.Sleep(100 * time.Millisecond)
					}
					if second%60 == 30 && get(c, "true", false) == "[a]" {
						accepted++
					}
				}
				assert.Equal(t, 60, accepted)
				assert.LessOrEqual(t, s.countOf("true"), 4)
				assert.LessOrEqual(t, s.count(), 60)
			})
		})
	}
}

func TestCache_ByIDKnowsWhatItCanTell(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &source{byID: map[string][]string{}}
		var reported []string
		c := cache(t, s, func(cfg *keycache.Config[string]) {
			cfg.OnError = func(err error) { s.set(func(*source) { reported = append(reported, err.Error()) }) }
		})
		assert.Equal(t, stale, get(c, "x", false), "it has never given a key: the address may be mistyped")
		synctest.Wait()
		assert.Len(t, reported, 1)
		assert.Equal(t, stale, get(c, "x", false), "remembered")
		assert.Equal(t, stale, get(c, "y", false), "asked a moment ago")
		assert.Equal(t, 1, s.count())

		s.set(func(s *source) { s.byID["a"] = []string{"A"} })
		advance(20 * time.Second)
		assert.Equal(t, "[A]", get(c, "a", false))
		assert.Equal(t, "[]", get(c, "x", false), "it gives keys, so it can tell")
		assert.Equal(t, "[]", get(c, "y", false), "asked at once, as the last unknown id was found")
		assert.Equal(t, 3, s.count())
		assert.Equal(t, "[]", get(c, "w", false), "asked a moment ago: its last good answer counts")
		assert.Equal(t, 3, s.count())
		advance(20 * time.Second)
		assert.Equal(t, "[]", get(c, "w", false))
		assert.Equal(t, 4, s.count())

		s.set(func(s *source) { s.err = errDown })
		advance(time.Minute)
		assert.Equal(t, stale, get(c, "z", false), "it fails")
		assert.Equal(t, stale, get(c, "a", true), "it fails for this one too")
		assert.Equal(t, "[A]", get(c, "a", false))

		s.set(func(s *source) { s.err, s.byID = nil, map[string][]string{"b": {"B"}} })
		advance(time.Minute)
		assert.Equal(t, "[B]", get(c, "b", false))
		advance(time.Minute)
		assert.Equal(t, "[]", get(c, "a", true), "the source has withdrawn it")
		assert.Equal(t, "[]", get(c, "a", false))

		s.set(func(s *source) { s.byID = map[string][]string{} })
		advance(time.Minute)
		assert.Equal(t, stale, get(c, "b", true), "the last key is withdrawn, but a source without a key cannot tell")
	})
}

func TestCache_ByIDAnUnknownIDIsRemembered(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &source{byID: map[string][]string{"a": {"A"}}}
		c := cache(t, s, nil)
		assert.Equal(t, "[A]", get(c, "a", false))
		advance(20 * time.Second)
		for _, tt := range []struct {
			after   time.Duration
			fetches int
		}{
			{0, 1},
			{25 * time.Second, 1}, // when another id would be asked for
			{34 * time.Second, 1},
			{time.Second, 2}, // six times MinInterval
		} {
			advance(tt.after)
			assert.Equal(t, "[]", get(c, "x", false))
			assert.Equal(t, tt.fetches, s.countOf("x"), tt.after)
		}
	})
}

func TestCache_ByIDIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &source{byID: map[string][]string{"pinned": {"P"}}}
		for i := range 10 {
			s.byID[fmt.Sprint(i)] = []string{fmt.Sprint("key", i)}
		}
		c := cache(t, s, func(cfg *keycache.Config[string]) { cfg.MaxKeys = 4 })
		require.NoError(t, c.Prefetch(t.Context(), "pinned"))
		for i := range 10 {
			advance(10 * time.Second)
			require.Equal(t, fmt.Sprintf("[key%d]", i), get(c, fmt.Sprint(i), false))
		}
		fetched := s.count()
		for _, id := range []string{"pinned", "7", "8", "9"} {
			assert.NotContains(t, get(c, id, false), "keys")
		}
		assert.Equal(t, fetched, s.count(), "the pinned one and the last three are kept")
		require.Len(t, c.States(), 4)
		require.Error(t, c.Prefetch(t.Context(), "1", "2", "3", "4"), "with the one that is pinned these are five")
	})
}

func TestCache_PrefetchNamesWhatIsNotThere(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &source{byID: map[string][]string{"a": {"A"}}}
		c := cache(t, s, nil)
		err := c.Prefetch(t.Context(), "a", "typo")
		require.ErrorContains(t, err, "typo")
		assert.Equal(t, "[A]", get(c, "a", false))
		assert.Equal(t, "[]", get(c, "typo", false))
		s.set(func(s *source) { s.byID["typo"] = []string{"T"} })
		advance(time.Minute)
		assert.Equal(t, "[T]", get(c, "typo", false), "it is asked for again")
	})
}

func TestCache_LeavesASourceAloneThatAsksForIt(t *testing.T) {
	for name, test := range map[string]struct{ asked, kept time.Duration }{
		"a minute": {time.Minute, time.Minute},
		"a day":    {24 * time.Hour, 15 * time.Minute},
		"less":     {time.Second, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := &source{err: fmt.Errorf("test: %w", pause(test.asked))}
				c := cache(t, s, nil)
				require.Equal(t, unavailable, get(c, "", false))
				s.set(func(s *source) { s.err, s.keys = nil, []string{"a"} })
				advance(test.kept - time.Millisecond)
				require.Equal(t, unavailable, get(c, "", false))
				require.Equal(t, 1, s.count())
				advance(time.Millisecond)
				assert.Equal(t, "[a]", get(c, "", false))
			})
		})
	}
}

// A pause that a clock which is set back has moved beyond its longest is over.
func TestCache_AClockThatIsSetBackProlongsNoPause(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var offset atomic.Int64
		s := &source{err: fmt.Errorf("test: %w", pause(15*time.Minute))}
		c := cache(t, s, func(cfg *keycache.Config[string]) {
			cfg.Now = func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
		})
		require.Equal(t, unavailable, get(c, "", false))
		s.set(func(s *source) { s.err, s.keys = nil, []string{"a"} })
		advance(time.Minute)
		require.Equal(t, unavailable, get(c, "", false))
		require.Equal(t, 1, s.count())
		offset.Store(int64(-time.Hour))
		assert.Equal(t, "[a]", get(c, "", false))
	})
}

type pause time.Duration

func (p pause) Error() string             { return "later" }
func (p pause) RetryAfter() time.Duration { return time.Duration(p) }

// ownError is an error type as many are: a nil one panics when it is asked.
type ownError struct{ text string }

func (e *ownError) Error() string { return e.text }

// badAs is an error whose As panics.
type badAs struct{ error }

func (badAs) As(any) bool { panic("canary") }

// User code under our lock or in our goroutine: after each panic the cache works on, and what happened was reported.
func TestCache_SurvivesThePanicOfEachCallback(t *testing.T) {
	var broken atomic.Bool
	var reported atomic.Int64
	act := func(value any) {
		if broken.Load() {
			panic(value)
		}
	}
	for name, test := range map[string]struct {
		change   func(cfg *keycache.Config[string])
		reported bool
	}{
		"Fetch": {func(cfg *keycache.Config[string]) {
			fetch := cfg.Fetch
			cfg.Fetch = func(ctx context.Context, id string) ([]string, error) { act("canary"); return fetch(ctx, id) }
		}, true},
		"Fetch ends its goroutine": {func(cfg *keycache.Config[string]) {
			fetch := cfg.Fetch
			cfg.Fetch = func(ctx context.Context, id string) ([]string, error) {
				if broken.Load() {
					runtime.Goexit()
				}
				return fetch(ctx, id)
			}
		}, true},
		"Vet": {func(cfg *keycache.Config[string]) {
			cfg.Vet = func(_ string, keys []string) ([]string, error) { act("canary"); return keys, nil }
		}, true},
		"the Error of its error": {func(cfg *keycache.Config[string]) {
			fetch := cfg.Fetch
			cfg.Fetch = func(ctx context.Context, id string) ([]string, error) {
				if broken.Load() {
					var none *ownError
					return []string{"a"}, none
				}
				return fetch(ctx, id)
			}
		}, true},
		"the As of its error": {func(cfg *keycache.Config[string]) {
			fetch := cfg.Fetch
			cfg.Fetch = func(ctx context.Context, id string) ([]string, error) {
				if broken.Load() {
					return nil, badAs{errDown}
				}
				return fetch(ctx, id)
			}
		}, true},
		"Now": {func(cfg *keycache.Config[string]) {
			cfg.Now = func() time.Time { act("canary"); return time.Now() }
		}, true},
		"OnError": {func(cfg *keycache.Config[string]) {
			fetch := cfg.Fetch
			cfg.Fetch = func(ctx context.Context, id string) ([]string, error) {
				if broken.Load() {
					return nil, errDown
				}
				return fetch(ctx, id)
			}
			cfg.OnError = func(error) { act("canary") }
		}, false},
	} {
		for _, byID := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, ByID=%v", name, byID), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					broken.Store(false)
					reported.Store(0)
					s, id := &source{keys: []string{"a"}}, ""
					if byID {
						s, id = &source{byID: map[string][]string{"1": {"a"}, "2": {"b"}}}, "1"
					}
					c := cache(t, s, func(cfg *keycache.Config[string]) {
						cfg.OnError = func(err error) {
							assert.NotContains(t, err.Error(), "canary")
							reported.Add(1)
						}
						test.change(cfg)
					})
					require.NoError(t, c.Prefetch(t.Context(), id))
					broken.Store(true)
					advance(time.Minute)
					for range 3 {
						assert.Equal(t, "[a]", get(c, id, false))
						get(c, id, true)
						get(c, "unknown", false)
						_ = c.Refresh(t.Context())
						advance(10 * time.Second)
					}
					assert.Equal(t, test.reported, reported.Load() > 0)
					broken.Store(false)
					advance(time.Minute)
					require.NoError(t, c.Refresh(t.Context()), "the next look works")
					assert.Equal(t, "[a]", get(c, id, true))
					if byID {
						advance(time.Minute)
						assert.Equal(t, "[b]", get(c, "2", false))
					}
				})
			})
		}
	}
}

func TestCache_AFetchThatIgnoresItsContextHoldsUpNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		began := 0
		s := &source{keys: []string{"a"}}
		c := cache(t, s, func(cfg *keycache.Config[string]) {
			cfg.Fetch = func(context.Context, string) ([]string, error) { began++; <-release; return []string{"a"}, nil }
		})
		for range 20 {
			assert.Equal(t, unavailable, get(c, "", false))
			advance(10 * time.Second)
		}
		assert.Equal(t, 4, began, "no more than four are left behind")
		close(release)
		synctest.Wait()
		advance(10 * time.Second)
		assert.Equal(t, "[a]", get(c, "", false), "it recovers")
	})
}

func TestCache_OneOddEntryCostsThatEntry(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &source{keys: []string{"a", "odd"}}
		var reported []string
		c := cache(t, s, func(cfg *keycache.Config[string]) {
			cfg.OnError = func(err error) { s.set(func(*source) { reported = append(reported, err.Error()) }) }
			cfg.Vet = func(_ string, keys []string) ([]string, error) {
				var kept []string
				var dropped []error
				for _, k := range keys {
					if k == "odd" {
						dropped = append(dropped, errors.New("an odd key"))
					} else {
						kept = append(kept, k)
					}
				}
				return kept, keycache.Drop(dropped...)
			}
		})
		for range 3 {
			require.NoError(t, c.Refresh(t.Context()), "it is no failure")
			synctest.Wait()
		}
		assert.Equal(t, "[a]", get(c, "", true))
		assert.Equal(t, []string{"an odd key"}, reported, "once")
		require.Len(t, c.States(), 1)
		require.ErrorContains(t, c.States()[0].Answer.Dropped, "an odd key")

		s.set(func(s *source) { s.keys = []string{"odd"} })
		require.ErrorContains(t, c.Refresh(t.Context()), "an odd key", "nothing is left: a failure")
		assert.Equal(t, "[a]", get(c, "", false))
		s.set(func(s *source) { s.keys = []string{"b"} })
		require.NoError(t, c.Refresh(t.Context()))
		assert.NoError(t, c.States()[0].Answer.Dropped)

		s.set(func(s *source) { s.keys, s.err = []string{"c"}, keycache.Drop(errors.New("left out by the source")) })
		require.NoError(t, c.Refresh(t.Context()))
		assert.Equal(t, "[c]", get(c, "", false))
		assert.ErrorContains(t, c.States()[0].Answer.Dropped, "left out by the source")
	})
}

func TestCache_RetainsWhatIsNoLongerListed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &source{keys: []string{"a", "b"}}
		c := cache(t, s, func(cfg *keycache.Config[string]) {
			cfg.Retain, cfg.MaxKeys = time.Hour, 3
			cfg.SameKey = func(a, b string) bool { return a[0] == b[0] }
			cfg.Retire = func(k string, _ time.Time) string { return k[:1] + "-retired" }
		})
		answer := func(keys ...string) string {
			s.set(func(s *source) { s.keys = keys })
			require.NoError(t, c.Refresh(t.Context()))
			return get(c, "", false)
		}
		assert.Equal(t, "[a b]", answer("a", "b"))
		assert.Equal(t, "[b a-retired]", answer("b"))
		assert.Equal(t, "[c b-retired a-retired]", answer("c"))
		assert.Equal(t, "[d c-retired b-retired]", answer("d"), "no more than MaxKeys")
		assert.Equal(t, "[b d-retired c-retired]", answer("b"), "listed again")
		advance(time.Hour)
		assert.Equal(t, "[b]", answer("b"), "after Retain")
	})
}

// A key that was withdrawn while the clock was ahead is retained for Retain from when the clock is right.
func TestCache_AClockThatIsSetBackProlongsNoRetention(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"not ahead": 0, "a minute": time.Minute, "ten years": 10 * 365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var offset atomic.Int64
				clock := func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
				var retired time.Time
				s := &source{keys: []string{"a", "b"}}
				c := cache(t, s, func(cfg *keycache.Config[string]) {
					cfg.Retain, cfg.Now = time.Hour, clock
					cfg.SameKey = func(a, b string) bool { return a[0] == b[0] }
					cfg.Retire = func(k string, at time.Time) string { retired = at; return k[:1] + "-retired" }
				})
				require.NoError(t, c.Refresh(t.Context()))
				offset.Store(int64(ahead))
				s.set(func(s *source) { s.keys = []string{"a"} })
				require.NoError(t, c.Refresh(t.Context()))
				assert.Equal(t, "[a b-retired]", get(c, "", false))
				offset.Store(0)
				for range 2 {
					require.NoError(t, c.Refresh(t.Context()))
					assert.Equal(t, "[a b-retired]", get(c, "", false))
					assert.False(t, retired.After(clock()), "it ended at %v, which is to come", retired)
					advance(30 * time.Minute)
				}
				require.NoError(t, c.Refresh(t.Context()))
				assert.Equal(t, "[a]", get(c, "", false), "after Retain")
			})
		})
	}
}

func TestCache_RunKeepsAnswersFreshAndEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &source{byID: map[string][]string{"1": {"a"}, "2": {"b"}}, err: errDown}
		c := cache(t, s, nil)
		require.Error(t, c.Prefetch(t.Context(), "1", "2"))
		s.set(func(s *source) { s.err = nil })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Hour)
		defer cancel()
		require.ErrorIs(t, c.Run(ctx), context.DeadlineExceeded)
		for _, state := range c.States() {
			assert.True(t, state.Fresh)
			assert.NoError(t, state.Failure)
		}
		assert.InDelta(t, 13, s.countOf("1"), 2)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, c.Run(ended), context.Canceled)
		require.ErrorIs(t, c.Refresh(ended), context.Canceled)
		advance(time.Minute)
	})
}

func TestCache_AllocatesNothingWhileTheAnswerIsFresh(t *testing.T) {
	s := &source{keys: []string{"a"}}
	c := cache(t, s, nil)
	require.NoError(t, c.Refresh(t.Context()))
	assert.Zero(t, testing.AllocsPerRun(100, func() { _, _ = c.Get(context.Background(), "", false) }))
	byID := cache(t, &source{byID: map[string][]string{"1": {"a"}}}, nil)
	require.NoError(t, byID.Prefetch(t.Context(), "1"))
	assert.Zero(t, testing.AllocsPerRun(100, func() { _, _ = byID.Get(context.Background(), "1", false) }))
}

// One log line a minute, however many fetches fail, and no word of a panic's value.
func TestCache_LogsOnceAMinute(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var out strings.Builder
		s := &source{keys: []string{"a"}}
		c := cache(t, s, func(cfg *keycache.Config[string]) {
			cfg.MinInterval = time.Second
			cfg.Logger = slog.New(slog.NewTextHandler(&out, nil))
		})
		require.NoError(t, c.Refresh(t.Context()))
		s.set(func(s *source) { s.panics = "canary" })
		for range 300 {
			get(c, "", true)
			advance(time.Second)
		}
		assert.Equal(t, 5, strings.Count(out.String(), "level=WARN"), out.String())
		assert.Contains(t, out.String(), "count=6")
		assert.NotContains(t, out.String(), "canary")
	})
}

// After a restart several keys are in use at once: none of them waits for another, and that is bounded.
func TestCache_ByIDSeveralKeysAreFoundAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &source{byID: map[string][]string{}}
		for i := range 20 {
			s.byID[fmt.Sprint(i)] = []string{"key"}
		}
		c := cache(t, s, nil)
		for i := range 8 {
			assert.Equal(t, "[key]", get(c, fmt.Sprint(i), false))
		}
		assert.Equal(t, "[]", get(c, "8", false), "no more in one interval")
		assert.Equal(t, 8, s.count())
		advance(10 * time.Second)
		assert.Equal(t, "[key]", get(c, "8", false))
		assert.Equal(t, "[]", get(c, "forged", false))
		assert.Equal(t, 10, s.count())
		assert.Equal(t, "[]", get(c, "9", false), "a forged id is nothing to go on from")
		assert.Equal(t, 10, s.count())
	})
}

// Without a fresh answer of any id, and after a failure, nobody is told that an id does not exist.
func TestCache_ByIDWhoMayNotTell(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &source{byID: map[string][]string{"a": {"A"}}}
		c := cache(t, s, nil)
		require.NoError(t, c.Prefetch(t.Context(), "a"))
		advance(2 * time.Hour) // a quiet time: no answer is younger than TTL
		require.Equal(t, "[]", get(c, "x", false), "asked")
		assert.Equal(t, stale, get(c, "y", false))
		assert.Equal(t, "[A]", get(c, "a", false))
		assert.Equal(t, "[]", get(c, "y", false))
		s.set(func(s *source) { s.err = errDown })
		require.Error(t, c.Refresh(t.Context()))
		assert.Equal(t, stale, get(c, "x", false))
		assert.Equal(t, stale, get(c, "y", false))
	})
}

func TestCache_ByIDKeepsNothingOfTheMemoryOfARequest(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := &source{byID: map[string][]string{"key-1": {"a"}}}
		c := cache(t, s, nil)
		for range 12 {
			buffer := []byte("key-1") // of one request
			assert.Equal(t, "[a]", get(c, unsafe.String(&buffer[0], len(buffer)), false))
			copy(buffer, "other") // the next request
		}
		assert.Equal(t, 1, s.count())
		buffer := []byte("key-2")
		advance(time.Minute)
		assert.Equal(t, "[]", get(c, unsafe.String(&buffer[0], len(buffer)), false))
		copy(buffer, "key-1")
		assert.Equal(t, "[a]", get(c, "key-1", false))
		assert.Equal(t, "[]", get(c, "key-2", false))
		assert.Equal(t, 1, s.countOf("key-2"), "it is remembered that there is none")
	})
}
