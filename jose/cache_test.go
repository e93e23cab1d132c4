package jose_test

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
)

// source is a key source that counts and can be told to fail.
type source struct {
	mu      sync.Mutex
	keys    map[string]*rsa.PublicKey
	err     error
	panics  bool
	delay   time.Duration
	fetches atomic.Int64
}

func (s *source) set(keys map[string]*rsa.PublicKey, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys, s.err = keys, err
}

func (s *source) byID(ctx context.Context, id string) ([]jose.PublicKey, error) {
	s.fetches.Add(1)
	select {
	case <-time.After(s.delay):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.panics {
		panic("source")
	}
	if key := s.keys[id]; key != nil && s.err == nil {
		return []jose.PublicKey{{ID: id, Key: key}}, nil
	}
	return nil, s.err
}

func (s *source) whole(ctx context.Context) (all []jose.PublicKey, err error) {
	if _, err := s.byID(ctx, ""); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, key := range s.keys {
		all = append(all, jose.PublicKey{ID: id, Key: key})
	}
	return all, nil
}

// caches returns a cache of each kind over a source with the key "a".
func caches(t *testing.T, cfg jose.CacheConfig, test func(t *testing.T, s *source, c *jose.CachedKeys, whole bool)) {
	t.Helper()
	key := &testKeys().rsa.PublicKey
	for _, whole := range []bool{false, true} {
		t.Run(fmt.Sprintf("whole=%v", whole), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &source{keys: map[string]*rsa.PublicKey{"a": key}, delay: time.Second}
				c, err := jose.CacheByID(s.byID, cfg)
				if whole {
					c, err = jose.CacheSet(s.whole, cfg)
				}
				require.NoError(t, err)
				test(t, s, c, whole)
			})
		})
	}
}

func ask(t *testing.T, c *jose.CachedKeys, id string) (found bool, reason truhook.Reason) {
	t.Helper()
	keys, err := c.PublicKeys(t.Context(), jose.Query{KeyID: id})
	return len(keys) == 1 && keys[0].ID == id, truhook.ReasonOf(err)
}

func TestOneFetchServesAllWhoComeTogetherAndAfter(t *testing.T) {
	t.Parallel()
	caches(t, jose.CacheConfig{}, func(t *testing.T, s *source, c *jose.CachedKeys, _ bool) {
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				found, reason := ask(t, c, "a")
				assert.True(t, found)
				assert.Empty(t, reason)
			})
		}
		wg.Wait()
		time.Sleep(time.Hour - time.Second - 1)
		found, _ := ask(t, c, "a")
		assert.True(t, found)
		assert.EqualValues(t, 1, s.fetches.Load())
		time.Sleep(time.Second + 1)
		found, _ = ask(t, c, "a")
		assert.True(t, found)
		assert.EqualValues(t, 2, s.fetches.Load(), "after TTL")
	})
}

func TestAThousandForgedIDsCostOneFetch(t *testing.T) {
	t.Parallel()
	caches(t, jose.CacheConfig{}, func(t *testing.T, s *source, c *jose.CachedKeys, _ bool) {
		found, _ := ask(t, c, "a")
		require.True(t, found)
		time.Sleep(10 * time.Second)
		s.fetches.Store(0)
		for i := range 1000 {
			found, reason := ask(t, c, fmt.Sprint("forged-", i))
			assert.False(t, found)
			assert.Empty(t, reason, "a source that works can tell")
		}
		assert.EqualValues(t, 1, s.fetches.Load())
		found, _ = ask(t, c, "a")
		assert.True(t, found, "a known key is not held up")
		_, reason := ask(t, c, "forged-0")
		assert.Empty(t, reason, "an unknown id is remembered")
		assert.EqualValues(t, 1, s.fetches.Load())
		time.Sleep(20 * time.Second) // twice MinInterval, as the fetch brought nothing new
		_, _ = ask(t, c, "forged-7")
		assert.EqualValues(t, 2, s.fetches.Load())
	})
}

func TestAThousandForgedIDsAtOnceCostOneFetch(t *testing.T) {
	t.Parallel()
	caches(t, jose.CacheConfig{MaxWaiters: 10}, func(t *testing.T, s *source, c *jose.CachedKeys, whole bool) {
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() {
				found, _ := ask(t, c, fmt.Sprint("forged-", i))
				assert.False(t, found)
			})
		}
		wg.Wait()
		assert.EqualValues(t, 1, s.fetches.Load())
	})
}

func TestANewKeyIsFoundAfterTheInterval(t *testing.T) {
	t.Parallel()
	caches(t, jose.CacheConfig{}, func(t *testing.T, s *source, c *jose.CachedKeys, _ bool) {
		found, _ := ask(t, c, "a")
		require.True(t, found)
		s.set(map[string]*rsa.PublicKey{"a": &testKeys().rsa.PublicKey, "b": &testKeys().other.PublicKey}, nil)
		time.Sleep(10 * time.Second)
		found, _ = ask(t, c, "b")
		assert.True(t, found)
	})
}

func TestAKeyThatIsGoneIsGoneAfterTheRefresh(t *testing.T) {
	t.Parallel()
	caches(t, jose.CacheConfig{}, func(t *testing.T, s *source, c *jose.CachedKeys, whole bool) {
		found, _ := ask(t, c, "a")
		require.True(t, found)
		s.set(map[string]*rsa.PublicKey{"b": &testKeys().other.PublicKey}, nil)
		time.Sleep(time.Hour)
		found, reason := ask(t, c, "a")
		assert.False(t, found)
		if whole {
			assert.Empty(t, reason)
		} else {
			assert.Equal(t, truhook.KeysStale, reason, "it was the only one that the source ever gave")
		}
	})
}

func TestWhileTheSourceFailsKnownKeysServe(t *testing.T) {
	t.Parallel()
	outage := errors.New("connection refused")
	caches(t, jose.CacheConfig{}, func(t *testing.T, s *source, c *jose.CachedKeys, _ bool) {
		found, _ := ask(t, c, "a")
		require.True(t, found)
		s.set(nil, outage)
		time.Sleep(time.Hour)
		s.fetches.Store(0)
		for range 100 {
			found, reason := ask(t, c, "a")
			assert.True(t, found)
			assert.Empty(t, reason)
		}
		assert.EqualValues(t, 1, s.fetches.Load(), "a source that fails is left alone for a while")
		time.Sleep(10 * time.Second)
		_, err := c.PublicKeys(t.Context(), jose.Query{KeyID: "b"})
		require.ErrorIs(t, err, truhook.KeysStale)
		require.ErrorIs(t, err, outage)

		time.Sleep(72 * time.Hour)
		_, reason := ask(t, c, "a")
		assert.Equal(t, truhook.KeysUnavailable, reason, "after MaxStale")
		s.set(map[string]*rsa.PublicKey{"a": &testKeys().rsa.PublicKey}, nil)
		time.Sleep(10 * time.Second)
		found, _ = ask(t, c, "a")
		assert.True(t, found, "it recovers")
	})
}

func TestASourceThatNeverAnsweredIsUnavailable(t *testing.T) {
	t.Parallel()
	for name, breakIt := range map[string]func(s *source){
		"an error": func(s *source) { s.err = errors.New("x") },
		"a panic":  func(s *source) { s.panics = true },
		"no end":   func(s *source) { s.delay = time.Minute },
		"a weak key": func(s *source) {
			s.keys = map[string]*rsa.PublicKey{"a": {N: testKeys().rsa.N, E: 3}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			caches(t, jose.CacheConfig{Timeout: 5 * time.Second}, func(t *testing.T, s *source, c *jose.CachedKeys, _ bool) {
				breakIt(s)
				for range 10 {
					_, reason := ask(t, c, "a")
					assert.Equal(t, truhook.KeysUnavailable, reason)
				}
				assert.EqualValues(t, 1, s.fetches.Load())
			})
		})
	}
}

func TestACallerThatLeavesDoesNotEndTheSharedFetch(t *testing.T) {
	t.Parallel()
	caches(t, jose.CacheConfig{}, func(t *testing.T, s *source, c *jose.CachedKeys, _ bool) {
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := c.PublicKeys(ctx, jose.Query{KeyID: "a"})
			assert.ErrorIs(t, err, truhook.Canceled)
		})
		synctest.Wait()
		wg.Go(func() {
			found, _ := ask(t, c, "a")
			assert.True(t, found)
		})
		synctest.Wait()
		cancel()
		wg.Wait()
		assert.EqualValues(t, 1, s.fetches.Load())
	})
}

func TestASourceThatIgnoresItsContextHoldsUpNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c, err := jose.CacheByID(func(context.Context, string) ([]jose.PublicKey, error) {
			<-release
			return nil, nil
		}, jose.CacheConfig{})
		require.NoError(t, err)
		for range 3 {
			_, reason := ask(t, c, "a")
			assert.Equal(t, truhook.KeysUnavailable, reason)
		}
		close(release)
	})
}

func TestTheCacheIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &source{keys: map[string]*rsa.PublicKey{}}
		for i := range 10 {
			s.keys[fmt.Sprint(i)] = &testKeys().rsa.PublicKey
		}
		c, err := jose.CacheByID(s.byID, jose.CacheConfig{MaxKeys: 3})
		require.NoError(t, err)
		for i := range 10 {
			time.Sleep(10 * time.Second)
			found, _ := ask(t, c, fmt.Sprint(i))
			require.True(t, found)
		}
		s.fetches.Store(0)
		for i := 7; i < 10; i++ {
			found, _ := ask(t, c, fmt.Sprint(i))
			assert.True(t, found)
		}
		assert.Zero(t, s.fetches.Load(), "the last three are kept")
		time.Sleep(10 * time.Second)
		_, _ = ask(t, c, "0")
		assert.EqualValues(t, 1, s.fetches.Load(), "the first is not")

		set, err := jose.CacheSet(s.whole, jose.CacheConfig{MaxKeys: 3})
		require.NoError(t, err)
		_, reason := ask(t, set, "0")
		assert.Equal(t, truhook.KeysUnavailable, reason, "a set over the limit is not half taken")
	})
}

func TestAKeyOfAnotherIDIsNotTaken(t *testing.T) {
	t.Parallel()
	c, err := jose.CacheByID(func(context.Context, string) ([]jose.PublicKey, error) {
		return []jose.PublicKey{{ID: "b", Key: &testKeys().rsa.PublicKey}}, nil
	}, jose.CacheConfig{})
	require.NoError(t, err)
	_, reason := ask(t, c, "a")
	assert.Equal(t, truhook.KeysUnavailable, reason)
}

func TestACacheWithoutASourceOrWithNegativeLimitsIsNotMade(t *testing.T) {
	t.Parallel()
	_, err := jose.CacheByID(nil, jose.CacheConfig{})
	require.Error(t, err)
	_, err = jose.CacheSet(nil, jose.CacheConfig{})
	require.Error(t, err)
	for _, cfg := range []jose.CacheConfig{
		{TTL: -1}, {MaxStale: -1}, {Wait: -1}, {Timeout: -1}, {MinInterval: -1}, {MaxKeys: -1}, {MaxWaiters: -1},
	} {
		_, err = jose.CacheByID((&source{}).byID, cfg)
		require.Error(t, err)
	}
}

// A new key can have the id of an old one and be of another kind: a source that works is asked again, as for a
// signature that no key fits.
func TestCachedKeys_AKeyOfAnotherKindUnderAKnownIDIsFetched(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := testKeys()
		set := []jose.PublicKey{{ID: "1", Key: &k.rsa.PublicKey, Algorithm: "RS256"}}
		fetches := 0
		c, err := jose.CacheSet(func(context.Context) ([]jose.PublicKey, error) { fetches++; return set, nil }, jose.CacheConfig{})
		require.NoError(t, err)
		cfg := config()
		cfg.Keys, cfg.Algorithms = c, []string{"RS256", "PS256", "ES256"}
		v := newVerifier(t, cfg)
		verify := func(algorithm string, key any) truhook.Reason {
			_, err := v.Verify(t.Context(), delivery(signed(t, algorithm, key)))
			return truhook.ReasonOf(err)
		}
		require.Empty(t, verify("RS256", k.rsa))
		time.Sleep(time.Minute)
		for range 3 {
			assert.Equal(t, truhook.AlgorithmNotAllowed, verify("ES256", k.ec))
			assert.Equal(t, truhook.AlgorithmNotAllowed, verify("PS256", k.rsa))
		}
		assert.Equal(t, 2, fetches, "strangers cause one fetch in MinInterval")
		set = append(set, jose.PublicKey{ID: "1", Key: &k.ec.PublicKey})
		time.Sleep(2 * time.Minute)
		assert.Empty(t, verify("ES256", k.ec))
		assert.Empty(t, verify("RS256", k.rsa))
		assert.Equal(t, truhook.AlgorithmNotAllowed, verify("PS256", k.rsa), "the key is for another algorithm")
	})
}
