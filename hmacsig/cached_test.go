package hmacsig_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
)

// The keys of these tests are made for them.
func key(t testing.TB, id, secret string) hmacsig.Key {
	t.Helper()
	k, err := hmacsig.NewKey(id, secret)
	require.NoError(t, err)
	return k
}

func testScheme() hmacsig.Scheme {
	return hmacsig.Scheme{Name: "test", Header: "X-Signature", Prefix: "v1="}
}

func signed(t testing.TB, k hmacsig.Key) *truhook.Delivery {
	t.Helper()
	d := &truhook.Delivery{Method: "POST", RequestURI: "/hook", Header: http.Header{}, Body: []byte(`{"webhook_id":"1"}`)}
	require.NoError(t, testScheme().Sign(d.Header, k, hmacsig.Message{Body: d.Body}))
	return d
}

func ids(keys []hmacsig.Key) []string {
	var all []string
	for _, k := range keys {
		all = append(all, k.ID())
	}
	return all
}

// secretManager plays a source over the network: what it answers and how long it takes can be changed.
type secretManager struct {
	mu      sync.Mutex
	keys    []hmacsig.Key
	err     error
	takes   time.Duration // < 0: until the context ends
	fetches int
	atOnce  int
	most    int
}

func (m *secretManager) set(change func(m *secretManager)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
}

func (m *secretManager) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.fetches
}

func (m *secretManager) fetch(ctx context.Context) ([]hmacsig.Key, error) {
	m.mu.Lock()
	m.fetches++
	m.atOnce++
	m.most = max(m.most, m.atOnce)
	takes := m.takes
	m.mu.Unlock()
	defer m.set(func(m *secretManager) { m.atOnce-- })
	var arrive <-chan time.Time
	if takes >= 0 {
		arrive = time.After(takes)
	}
	select {
	case <-arrive:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.keys, m.err
}

func miss() hmacsig.Query { return hmacsig.Query{Delivery: &truhook.Delivery{}, Missed: true} }

func bubble(t *testing.T, f func(t *testing.T)) {
	t.Parallel()
	synctest.Test(t, f)
}

func TestCacheGivesTheSameSliceUntilSomethingChanges(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := &secretManager{keys: []hmacsig.Key{key(t, "a", "secret-a"), key(t, "b", "secret-b")}}
		c := must(hmacsig.NewCachedKeys(m.fetch, hmacsig.CacheConfig{}))
		first, err := c.Keys(t.Context(), hmacsig.Query{})
		require.NoError(t, err)
		require.Equal(t, []string{"a", "b"}, ids(first))

		m.set(func(m *secretManager) { m.keys = []hmacsig.Key{key(t, "a", "secret-a"), key(t, "b", "secret-b")} })
		require.NoError(t, c.Refresh(t.Context()))
		second, err := c.Keys(t.Context(), hmacsig.Query{})
		require.NoError(t, err)
		assert.Same(t, &first[0], &second[0], "equal keys, fetched again")

		m.set(func(m *secretManager) { m.keys = []hmacsig.Key{key(t, "a", "secret-a"), key(t, "b", "secret-c")} })
		require.NoError(t, c.Refresh(t.Context()))
		third, err := c.Keys(t.Context(), hmacsig.Query{})
		require.NoError(t, err)
		assert.NotSame(t, &first[0], &third[0], "another secret under the same id")

		m.set(func(m *secretManager) { m.keys[0] = within(m.keys[0], time.Time{}, time.Now().Add(time.Hour)) })
		require.NoError(t, c.Refresh(t.Context()))
		fourth, err := c.Keys(t.Context(), hmacsig.Query{})
		require.NoError(t, err)
		assert.NotSame(t, &third[0], &fourth[0], "another window")
	})
}

func TestCacheAllocatesNothingWhileTheAnswerIsFresh(t *testing.T) {
	m := &secretManager{keys: []hmacsig.Key{key(t, "a", "secret-a")}}
	c := must(hmacsig.NewCachedKeys(m.fetch, hmacsig.CacheConfig{}))
	require.NoError(t, c.Refresh(t.Context()))
	assert.Zero(t, testing.AllocsPerRun(100, func() { _, _ = c.Keys(context.Background(), hmacsig.Query{}) }))
	assert.Equal(t, 1, m.count())
}

func TestCacheFetchesOnceForManyDeliveries(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := &secretManager{keys: []hmacsig.Key{key(t, "a", "secret-a")}, takes: time.Second}
		c := must(hmacsig.NewCachedKeys(m.fetch, hmacsig.CacheConfig{}))
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				keys, err := c.Keys(t.Context(), hmacsig.Query{})
				assert.NoError(t, err)
				assert.Len(t, keys, 1)
			})
		}
		wg.Wait()
		assert.Equal(t, 1, m.count())
	})
}

func TestCacheIsNotCanceledByTheRequestThatBeganTheFetch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := &secretManager{keys: []hmacsig.Key{key(t, "a", "secret-a")}, takes: time.Second}
		c := must(hmacsig.NewCachedKeys(m.fetch, hmacsig.CacheConfig{}))
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := c.Keys(ctx, hmacsig.Query{})
			assert.Equal(t, truhook.Canceled, truhook.ReasonOf(err))
		})
		synctest.Wait()
		wg.Go(func() {
			keys, err := c.Keys(t.Context(), hmacsig.Query{})
			assert.NoError(t, err)
			assert.Len(t, keys, 1)
		})
		synctest.Wait()
		cancel()
		wg.Wait()
		assert.Equal(t, 1, m.count())
	})
}

func TestCacheRefreshesInTheBackgroundBeforeTheAnswerIsStale(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := &secretManager{keys: []hmacsig.Key{key(t, "a", "secret-a")}}
		c := must(hmacsig.NewCachedKeys(m.fetch, hmacsig.CacheConfig{TTL: 5 * time.Minute}))
		require.NoError(t, c.Refresh(t.Context()))
		m.set(func(m *secretManager) { m.takes = time.Second })
		for i := range 299 { // one delivery a second, of which none ever waits
			before := time.Now()
			_, err := c.Keys(t.Context(), hmacsig.Query{})
			require.NoError(t, err)
			require.Equal(t, before, time.Now(), "second %d", i)
			advance(time.Second)
		}
		assert.Equal(t, 2, m.count())
	})
}

// advance lets the clock of the bubble go on.
func advance(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestCacheWaitsForANewAnswerWhenTheOldOneIsNoLongerFresh(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := &secretManager{keys: []hmacsig.Key{key(t, "old", "secret-a")}}
		c := must(hmacsig.NewCachedKeys(m.fetch, hmacsig.CacheConfig{TTL: 5 * time.Minute}))
		require.NoError(t, c.Refresh(t.Context()))
		m.set(func(m *secretManager) { m.keys, m.takes = []hmacsig.Key{key(t, "new", "secret-b")}, time.Second })
		advance(5 * time.Minute)
		keys, err := c.Keys(t.Context(), hmacsig.Query{})
		require.NoError(t, err)
		assert.Equal(t, []string{"new"}, ids(keys), "a removed key is not served after a quiet time")
	})
}

func TestCacheWaitsForASlowSourceNoLongerThanToldTo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := &secretManager{keys: []hmacsig.Key{key(t, "a", "secret-a")}}
		c := must(hmacsig.NewCachedKeys(m.fetch, hmacsig.CacheConfig{Wait: 3 * time.Second}))
		require.NoError(t, c.Refresh(t.Context()))
		m.set(func(m *secretManager) { m.takes = -1 })
		advance(time.Hour) // a quiet time
		waits := func(q hmacsig.Query) time.Duration {
			before := time.Now()
			keys, err := c.Keys(t.Context(), q)
			if q.Missed {
				assert.ErrorIs(t, err, truhook.KeysStale, "it cannot tell whether there is another key")
			} else {
				assert.NoError(t, err)
				assert.Len(t, keys, 1)
			}
			return time.Since(before)
		}
		assert.Equal(t, 3*time.Second, waits(hmacsig.Query{}))
		assert.Zero(t, waits(hmacsig.Query{}), "the fetch has had its time")
		assert.Zero(t, waits(miss()))
		advance(7 * time.Second) // it has timed out
		assert.Equal(t, 3*time.Second, waits(miss()), "a miss waits for the next one")
		assert.Zero(t, waits(hmacsig.Query{}), "but nobody else, as long as it fails")
		advance(10 * time.Second)
	})
}

func TestCacheRefreshesBeforeTheEarliestExpiryAndNoMoreOftenThanAllowed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		end := time.Now().Add(10 * time.Minute)
		m := &secretManager{keys: []hmacsig.Key{
			within(key(t, "a", "secret-a"), time.Time{}, end), key(t, "b", "secret-b"),
			within(key(t, "c", "secret-c"), time.Time{}, time.Now().Add(-time.Hour)), // over already: no reason to hurry
		}}
		c := must(hmacsig.NewCachedKeys(m.fetch, hmacsig.CacheConfig{TTL: time.Hour}))
		require.NoError(t, c.Refresh(t.Context()))
		advance(9*time.Minute - time.Second)
		_, _ = c.Keys(t.Context(), hmacsig.Query{})
		synctest.Wait()
		require.Equal(t, 1, m.count())
		advance(time.Second)
		for range 60 {
			_, _ = c.Keys(t.Context(), hmacsig.Query{})
			advance(time.Second)
		}
		assert.Equal(t, 7, m.count(), "one every ten seconds in the last minute")
		for range 60 {
			_, _ = c.Keys(t.Context(), hmacsig.Query{})
			advance(time.Second)
		}
		assert.Equal(t, 8, m.count(), "and none for its sake after it")
	})
}

func TestCacheHoldsItsOutboundBoundAgainstStrangers(t *testing.T) {
	for name, test := range map[string]struct {
		err   error
		least int // fetches in twenty minutes
	}{
		"source works": {nil, 15}, // 10, 20, 40 and then every 80 s
		"source fails": {errors.New("down"), 20*6 - 6},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m := &secretManager{keys: []hmacsig.Key{key(t, "a", "secret-a")}, err: test.err, takes: 100 * time.Millisecond}
				c := must(hmacsig.NewCachedKeys(m.fetch, hmacsig.CacheConfig{}))
				const minutes = 20
				var wg sync.WaitGroup
				for range 5 {
					wg.Go(func() {
						for end := time.Now().Add(minutes * time.Minute); time.Now().Before(end); {
							_, _ = c.Keys(t.Context(), miss())
							<-time.After(150 * time.Millisecond)
						}
					})
				}
				wg.Wait()
				assert.LessOrEqual(t, m.count(), minutes*6+1)
				assert.GreaterOrEqual(t, m.count(), test.least, "and it goes on trying")
				assert.Equal(t, 1, m.most, "never two at once")
			})
		})
	}
}

func TestCacheServesTheLastGoodAnswerWhateverTheSourceDoes(t *testing.T) {
	faults := map[string]func(m *secretManager){
		"fails":             func(m *secretManager) { m.err = errors.New("down") },
		"hangs":             func(m *secretManager) { m.takes = -1 },
		"is slow and fails": func(m *secretManager) { m.takes, m.err = 9*time.Second, errors.New("down") },
		"has no keys":       func(m *secretManager) { m.keys = nil },
		"gives a zero key":  func(m *secretManager) { m.keys = []hmacsig.Key{{}} },
		"gives too many": func(m *secretManager) {
			m.keys = nil
			for i := range 17 {
				m.keys = append(m.keys, key(t, fmt.Sprint(i), fmt.Sprint("secret", i)))
			}
		},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				k := key(t, "a", "secret-a")
				m := &secretManager{keys: []hmacsig.Key{k}}
				var reported atomic.Int64
				c := must(hmacsig.NewCachedKeys(m.fetch, hmacsig.CacheConfig{MaxStale: time.Hour, OnError: func(err error) {
					reported.Add(1)
					panic("an observer that panics must not matter")
				}}))
				v, err := hmacsig.New(testScheme(), c, hmacsig.Config{})
				require.NoError(t, err)
				_, err = v.Verify(t.Context(), signed(t, k))
				require.NoError(t, err)
				m.set(fault)

				var waited time.Duration
				for began := time.Now(); time.Since(began) < 58*time.Minute; advance(7 * time.Second) {
					before := time.Now()
					_, err := v.Verify(t.Context(), signed(t, k))
					require.NoError(t, err, "after %v", time.Since(began))
					waited += time.Since(before)
				}
				assert.LessOrEqual(t, waited, 2*time.Second, "only the first one waits, and not for long")
				assert.LessOrEqual(t, m.count(), 1+60*6)
				assert.Positive(t, reported.Load())

				advance(3 * time.Minute) // beyond MaxStale
				_, err = v.Verify(t.Context(), signed(t, k))
				assert.Equal(t, truhook.KeysUnavailable, truhook.ReasonOf(err))

				m.set(func(m *secretManager) { m.keys, m.err, m.takes = []hmacsig.Key{k}, nil, 0 })
				advance(20 * time.Second)
				_, err = v.Verify(t.Context(), signed(t, k))
				assert.NoError(t, err, "it comes back by itself")
			})
		})
	}
}

func TestCacheWithoutAnAnswerSaysWhy(t *testing.T) {
	bubble(t, func(t *testing.T) {
		cause := errors.New("down")
		m := &secretManager{err: cause}
		c := must(hmacsig.NewCachedKeys(m.fetch, hmacsig.CacheConfig{}))
		for range 3 {
			_, err := c.Keys(t.Context(), hmacsig.Query{})
			assert.ErrorIs(t, err, cause)
			assert.Equal(t, truhook.KeysUnavailable, truhook.ReasonOf(err))
		}
		assert.Equal(t, 1, m.count(), "a failure is remembered too")
		assert.ErrorIs(t, c.Refresh(t.Context()), cause)
		assert.Equal(t, 2, m.count())

		m.set(func(m *secretManager) { m.takes = -1 })
		advance(10 * time.Second)
		before := time.Now()
		_, err := c.Keys(context.Background(), hmacsig.Query{})
		assert.Equal(t, truhook.KeysUnavailable, truhook.ReasonOf(err))
		assert.Equal(t, 10*time.Second, time.Since(before), "a request without a deadline waits for one fetch")
	})
}

func TestCacheSurvivesAPanicOfTheSource(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := must(hmacsig.NewCachedKeys(func(context.Context) ([]hmacsig.Key, error) { panic("the secret is hunter2") }, hmacsig.CacheConfig{}))
		_, err := c.Keys(t.Context(), hmacsig.Query{})
		assert.Equal(t, truhook.KeysUnavailable, truhook.ReasonOf(err))
		assert.NotContains(t, err.Error(), "hunter2")
	})
}

func TestCacheBoundsItsWaiters(t *testing.T) {
	t.Parallel()
	for most, want := range map[int]int64{0: 256, 10: 10} {
		t.Run(fmt.Sprint(want), func(t *testing.T) { boundsItsWaiters(t, most, want) })
	}
}

func boundsItsWaiters(t *testing.T, most int, want int64) {
	bubble(t, func(t *testing.T) {
		m := &secretManager{keys: []hmacsig.Key{key(t, "a", "secret-a")}, takes: 5 * time.Second}
		c := must(hmacsig.NewCachedKeys(m.fetch, hmacsig.CacheConfig{MaxWaiters: most}))
		var wg sync.WaitGroup
		var served, refused atomic.Int64
		for range 300 {
			wg.Go(func() {
				before := time.Now()
				if _, err := c.Keys(t.Context(), hmacsig.Query{}); err != nil {
					assert.Equal(t, truhook.KeysStale, truhook.ReasonOf(err), "strangers can fill the room")
					assert.Equal(t, before, time.Now(), "at once")
					refused.Add(1)
				} else {
					served.Add(1)
				}
			})
		}
		wg.Wait()
		assert.Equal(t, want, served.Load())
		assert.Equal(t, 300-want, refused.Load())
		advance(10 * time.Second)
		for range min(200, want) { // and the room is free again
			wg.Go(func() {
				before := time.Now()
				_, err := c.Keys(t.Context(), miss())
				assert.ErrorIs(t, err, truhook.KeysStale, "the source takes longer than Wait")
				assert.NotEqual(t, before, time.Now())
			})
		}
		wg.Wait()
		advance(10 * time.Second)
	})
}

func TestCacheFetchesWhenNothingFits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		old, fresh := key(t, "old", "secret-a"), key(t, "new", "secret-b")
		m := &secretManager{keys: []hmacsig.Key{old}, takes: 300 * time.Millisecond}
		v, err := hmacsig.New(testScheme(), must(hmacsig.NewCachedKeys(m.fetch, hmacsig.CacheConfig{})), hmacsig.Config{})
		require.NoError(t, err)
		_, err = v.Verify(t.Context(), signed(t, old))
		require.NoError(t, err)
		advance(10 * time.Second)

		m.set(func(m *secretManager) { m.keys = []hmacsig.Key{fresh} })
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				verified, err := v.Verify(t.Context(), signed(t, fresh))
				if assert.NoError(t, err) {
					assert.Equal(t, "new", verified.Proofs[0].KeyID)
				}
			})
		}
		wg.Wait()
		assert.Equal(t, 2, m.count())
		_, err = v.Verify(t.Context(), signed(t, old))
		assert.Equal(t, truhook.SignatureMismatch, truhook.ReasonOf(err), "a removed key is gone at once")
		assert.Equal(t, 2, m.count(), "within the interval, a miss causes no call")
	})
}

func TestCacheRetainsARemovedKeyForTheVerifiersGraceOnly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		old, fresh := key(t, "old", "secret-a"), key(t, "new", "secret-b")
		m := &secretManager{keys: []hmacsig.Key{old}}
		c := must(hmacsig.NewCachedKeys(m.fetch, hmacsig.CacheConfig{Retain: time.Hour}))
		v, err := hmacsig.New(testScheme(), c, hmacsig.Config{Grace: 10 * time.Minute})
		require.NoError(t, err)
		strict, err := hmacsig.New(testScheme(), c, hmacsig.Config{})
		require.NoError(t, err)
		reason := func(v *hmacsig.Verifier, k hmacsig.Key) truhook.Reason {
			_, err := v.Verify(t.Context(), signed(t, k))
			return truhook.ReasonOf(err)
		}
		require.Empty(t, reason(v, old))

		m.set(func(m *secretManager) { m.keys = []hmacsig.Key{fresh} })
		require.NoError(t, c.Refresh(t.Context()))
		removed := time.Now()
		assert.Equal(t, truhook.KeyExpired, reason(strict, old), "without grace, at once")
		assert.Empty(t, reason(v, old))
		advance(time.Until(removed.Add(10*time.Minute - time.Second)))
		assert.Empty(t, reason(v, old), "the refreshes in between do not end the grace")
		require.NoError(t, c.Refresh(t.Context()))
		assert.Empty(t, reason(v, old))
		advance(time.Second)
		assert.Equal(t, truhook.KeyExpired, reason(v, old), "nor do they prolong it")
		require.NoError(t, c.Refresh(t.Context()))
		assert.Equal(t, truhook.KeyExpired, reason(v, old))
		assert.Empty(t, reason(v, fresh))

		m.set(func(m *secretManager) { m.keys = []hmacsig.Key{fresh, old} })
		require.NoError(t, c.Refresh(t.Context()))
		assert.Empty(t, reason(strict, old), "listed again")
		m.set(func(m *secretManager) { m.keys = []hmacsig.Key{fresh} })
		require.NoError(t, c.Refresh(t.Context()))
		advance(time.Hour)
		require.NoError(t, c.Refresh(t.Context()))
		assert.Equal(t, truhook.SignatureMismatch, reason(v, old), "forgotten")
	})
}

// A secret that is withdrawn while the clock is ahead is not accepted until the clock is there again.
func TestCache_AClockThatIsSetBackAcceptsNoWithdrawnSecret(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var ahead atomic.Int64
		now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		m := &secretManager{keys: []hmacsig.Key{key(t, "a", "secret-a"), key(t, "old", "secret-old")}}
		c := must(hmacsig.NewCachedKeys(m.fetch, hmacsig.CacheConfig{Retain: time.Hour, Now: now}))
		require.NoError(t, c.Refresh(t.Context()))
		ahead.Store(int64(10 * 365 * 24 * time.Hour))
		m.set(func(m *secretManager) { m.keys = m.keys[:1:1] })
		require.NoError(t, c.Refresh(t.Context()))
		ahead.Store(0)
		advance(time.Second)
		require.NoError(t, c.Refresh(t.Context()))
		keys, err := c.Keys(t.Context(), hmacsig.Query{})
		require.NoError(t, err)
		require.Len(t, keys, 2)
		assert.True(t, keys[1].NotAfter.Before(now()), "%v is to come", keys[1].NotAfter)
		advance(time.Hour)
		require.NoError(t, c.Refresh(t.Context()))
		keys, err = c.Keys(t.Context(), hmacsig.Query{})
		require.NoError(t, err)
		assert.Len(t, keys, 1)
	})
}

func TestCacheRetainsNoMoreThanAVerifierTries(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := &secretManager{}
		c := must(hmacsig.NewCachedKeys(m.fetch, hmacsig.CacheConfig{Retain: time.Hour}))
		for i := range 40 {
			m.set(func(m *secretManager) { m.keys = []hmacsig.Key{key(t, fmt.Sprint(i), fmt.Sprint("secret", i))} })
			require.NoError(t, c.Refresh(t.Context()))
		}
		keys, err := c.Keys(t.Context(), hmacsig.Query{})
		require.NoError(t, err)
		require.Len(t, keys, 16)
		assert.Equal(t, "39", keys[0].ID())
		assert.Equal(t, "38", keys[1].ID(), "the latest ones are kept")
	})
}

func TestCacheMergesWhatIsListedTwice(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := &secretManager{keys: []hmacsig.Key{key(t, "a", "secret-a"), key(t, "a", "secret-a"), key(t, "a", "secret-b")}}
		keys, err := must(hmacsig.NewCachedKeys(m.fetch, hmacsig.CacheConfig{})).Keys(t.Context(), hmacsig.Query{})
		require.NoError(t, err)
		assert.Len(t, keys, 2)
	})
}

func TestCacheSurvivesAClockThatJumps(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var offset atomic.Int64
		now := func() time.Time { return time.Now().Round(0).Add(time.Duration(offset.Load())) }
		m := &secretManager{keys: []hmacsig.Key{key(t, "a", "secret-a")}}
		c := must(hmacsig.NewCachedKeys(m.fetch, hmacsig.CacheConfig{Now: now}))
		for i, jump := range []time.Duration{0, -time.Hour, 2 * time.Hour, -3 * time.Hour} {
			offset.Add(int64(jump))
			for range 5 {
				keys, err := c.Keys(t.Context(), hmacsig.Query{})
				require.NoError(t, err)
				require.Len(t, keys, 1)
				synctest.Wait()
			}
			assert.Equal(t, i+1, m.count(), "one fetch a jump, to find its feet again")
		}
	})
}

func TestCacheRunFetchesWithoutDeliveriesAndEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := &secretManager{keys: []hmacsig.Key{key(t, "a", "secret-a")}, takes: time.Second}
		c := must(hmacsig.NewCachedKeys(m.fetch, hmacsig.CacheConfig{TTL: 5 * time.Minute}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		assert.ErrorIs(t, c.Run(ctx), context.DeadlineExceeded)
		assert.InDelta(t, 60/4, m.count(), 2)
		advance(10 * time.Second) // a fetch that was under way ends by itself
		m.set(func(m *secretManager) { m.err = errors.New("down") })
		fetched := m.count()
		ctx, cancel = context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		assert.ErrorIs(t, c.Run(ctx), context.DeadlineExceeded)
		assert.LessOrEqual(t, m.count()-fetched, 61)
		advance(10 * time.Second)
	})
}

func TestNilAndZeroSourcesHaveNoKeys(t *testing.T) {
	t.Parallel()
	for name, source := range map[string]hmacsig.KeySource{
		"nil cache": (*hmacsig.CachedKeys)(nil), "zero cache": &hmacsig.CachedKeys{},
		"nil reloadable": (*hmacsig.ReloadableKeys)(nil), "zero reloadable": &hmacsig.ReloadableKeys{},
		"nil file keys": (*hmacsig.FileKeys)(nil), "zero file keys": &hmacsig.FileKeys{},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := hmacsig.New(testScheme(), source, hmacsig.Config{})
			require.NoError(t, err)
			_, err = v.Verify(t.Context(), signed(t, key(t, "a", "secret-a")))
			assert.Equal(t, truhook.NoKey, truhook.ReasonOf(err))
			if r, ok := source.(interface {
				Refresh(ctx context.Context) error
				Run(ctx context.Context) error
			}); ok {
				assert.Error(t, r.Refresh(t.Context()))
				assert.Error(t, r.Run(t.Context()))
			}
			found := truhook.Audit(t.Context(), v)
			require.NotEmpty(t, found)
			assert.Equal(t, truhook.SeverityError, found[0].Severity)
		})
	}
	_, err := hmacsig.NewCachedKeys(nil, hmacsig.CacheConfig{})
	assert.Error(t, err)
	_, err = hmacsig.NewCachedKeys(func(context.Context) ([]hmacsig.Key, error) { return nil, nil }, hmacsig.CacheConfig{TTL: -1})
	assert.Error(t, err)
}

// A thousand forgeries a minute: a healthy source tells them so, a failed one says that it cannot tell, and true
// deliveries go on.
func TestCachedKeys_AThousandForgeriesAMinuteAreNoAlert(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want truhook.Reason
	}{"a healthy source": {nil, truhook.SignatureMismatch}, "a failed source": {errors.New("down"), truhook.KeysStale}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var log strings.Builder
				right := key(t, "a", "secret-a")
				m := &secretManager{keys: []hmacsig.Key{right}, takes: 50 * time.Millisecond}
				c := must(hmacsig.NewCachedKeys(m.fetch, hmacsig.CacheConfig{Logger: slog.New(slog.NewTextHandler(&log, nil))}))
				require.NoError(t, c.Refresh(t.Context()))
				if m.set(func(m *secretManager) { m.err = test.err }); test.err != nil {
					require.ErrorIs(t, c.Refresh(t.Context()), test.err)
				}
				v, err := hmacsig.New(testScheme(), c, hmacsig.Config{})
				require.NoError(t, err)
				forged, genuine := signed(t, key(t, "x", "of a stranger")), signed(t, right)
				fetched := m.count()
				for range 1000 {
					_, err := v.Verify(t.Context(), forged)
					require.Equal(t, test.want, truhook.ReasonOf(err))
					_, err = v.Verify(t.Context(), genuine)
					require.NoError(t, err)
					<-time.After(60 * time.Millisecond)
				}
				assert.LessOrEqual(t, m.count()-fetched, 7, "fetches in a minute")
				synctest.Wait()
				assert.LessOrEqual(t, strings.Count(log.String(), "\n"), 2, "one line a minute")
			})
		})
	}
}
