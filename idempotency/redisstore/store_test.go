package redisstore_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/idempotency/redisstore"
	"github.com/truhook/truhook/idempotency/storetest"
)

func TestStoreKeepsTheContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) idempotency.Store {
		return newStore(t, connect(t, server.URL()))
	}, slowly)
}

// naive is what the usual recipe does: SET NX as the claim, DEL as the release.
type naive struct{ c *redis.Client }

func (n naive) Claim(ctx context.Context, c idempotency.ClaimRequest) (idempotency.Record, error) {
	won, err := n.c.SetNX(ctx, c.Key.Scope+c.Key.ID, c.Token[:], c.Lease).Result() //nolint:staticcheck // the recipe
	if err != nil || won {
		return idempotency.Record{State: idempotency.Owned, Attempt: 1}, err
	}
	return idempotency.Record{State: idempotency.Busy, Attempt: 1, LeaseLeft: c.Lease}, nil
}

func (n naive) Extend(ctx context.Context, k idempotency.Key, _ idempotency.Token, d time.Duration) error {
	return n.c.PExpire(ctx, k.Scope+k.ID, d).Err()
}

func (n naive) Complete(ctx context.Context, k idempotency.Key, _ idempotency.Token) error {
	return n.c.Persist(ctx, k.Scope+k.ID).Err()
}

func (n naive) Release(ctx context.Context, k idempotency.Key, _ idempotency.Token) error {
	return n.c.Del(ctx, k.Scope+k.ID).Err()
}

func (n naive) Forget(ctx context.Context, k idempotency.Key) error {
	return n.c.Del(ctx, k.Scope+k.ID).Err()
}

func (naive) Order(context.Context, idempotency.Key, time.Time, time.Duration) (idempotency.Order, error) {
	return idempotency.OrderUnknown, nil
}

func TestTheUsualRecipeBreaksTheContract(t *testing.T) {
	t.Parallel()
	broken := 0
	for _, p := range storetest.Points() {
		if p.Check(naive{connect(t, server.URL())}, storetest.Config{Unit: 100 * time.Millisecond}) != nil {
			broken++
		}
	}
	assert.GreaterOrEqual(t, broken, 6)
}

func claim(tb testing.TB, k idempotency.Key) idempotency.ClaimRequest {
	tb.Helper()
	return idempotency.ClaimRequest{Key: k, Token: idempotency.NewToken(), Lease: time.Minute, Retain: time.Hour}
}

func TestScriptsThatTheServerForgotAreSentAgain(t *testing.T) {
	t.Parallel()
	srv := start(t)
	c := connect(t, srv.URL())
	s := newStore(t, c)
	for i := range 3 {
		require.NoError(t, c.ScriptFlush(ctx).Err())
		cl := claim(t, key(t, fmt.Sprint(i)))
		r, err := s.Claim(ctx, cl)
		require.NoError(t, err)
		require.Equal(t, idempotency.Owned, r.State)
		require.NoError(t, c.ScriptFlush(ctx).Err())
		require.NoError(t, s.Complete(ctx, cl.Key, cl.Token))
	}
}

func TestAFullStoreRefusesNewEventsAndEndsThoseThatRun(t *testing.T) {
	t.Parallel()
	srv := start(t, "maxmemory 4mb", "maxmemory-policy noeviction")
	s := newStore(t, connect(t, srv.URL()))
	var held []idempotency.ClaimRequest
	var err error
	for i := 0; i < 50_000 && err == nil; i++ {
		c := claim(t, key(t, fmt.Sprintf("%0200d", i)))
		if _, err = s.Claim(ctx, c); err == nil {
			held = append(held, c)
		}
	}
	require.ErrorIs(t, err, idempotency.ErrFull)
	require.NotEmpty(t, held)
	_, err = s.Order(ctx, key(t, "resource"), time.Now(), time.Hour)
	require.ErrorIs(t, err, idempotency.ErrFull)
	for i, c := range held[:300] {
		switch i % 3 {
		case 0:
			require.NoError(t, s.Extend(ctx, c.Key, c.Token, time.Minute))
		case 1:
			require.NoError(t, s.Release(ctx, c.Key, c.Token))
		case 2:
			require.NoError(t, s.Complete(ctx, c.Key, c.Token))
			r, err := s.Claim(ctx, claim(t, c.Key))
			require.NoError(t, err)
			require.Equal(t, idempotency.Done, r.State)
		}
	}
}

func TestACallEndsWithItsContextWhetherTheClientHeedsItOrNot(t *testing.T) {
	t.Parallel()
	for _, heeds := range []bool{false, true} {
		srv := start(t)
		c := connect(t, srv.URL(), func(o *redis.Options) { o.ContextTimeoutEnabled = heeds })
		s := newStore(t, c)
		require.NoError(t, c.Do(ctx, "CLIENT", "PAUSE", "60000", "ALL").Err())
		for _, call := range []func(context.Context) error{
			func(ctx context.Context) error { _, err := s.Claim(ctx, claim(t, key(t, "a"))); return err },
			func(ctx context.Context) error { return s.Complete(ctx, key(t, "a"), idempotency.NewToken()) },
			func(ctx context.Context) error {
				_, err := s.Order(ctx, key(t, "a"), time.Now(), time.Hour)
				return err
			},
		} {
			for _, ends := range []func() (context.Context, context.CancelFunc){
				func() (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, 50*time.Millisecond) },
				func() (context.Context, context.CancelFunc) {
					ctx, cancel := context.WithCancel(ctx)
					time.AfterFunc(50*time.Millisecond, cancel)
					return ctx, cancel
				},
			} {
				ctx, cancel := ends()
				returned := make(chan error, 1)
				go func() { returned <- call(ctx) }()
				select {
				case err := <-returned:
					require.Error(t, err)
				case <-time.After(2500 * time.Millisecond): // less than the client's own 3 s
					t.Error("the call has not returned")
				}
				cancel()
			}
		}
	}
}

func TestForeignValuesAreRefused(t *testing.T) {
	t.Parallel()
	c := connect(t, server.URL())
	s, err := redisstore.New(c, redisstore.Config{Prefix: t.Name() + ":"})
	require.NoError(t, err)
	k := idempotency.Key{Scope: "a/b", ID: "1"}
	for name, put := range map[string]func(key string) error{
		"a short string": func(key string) error { return c.Set(ctx, key, "x", 0).Err() },
		"a hash":         func(key string) error { return c.HSet(ctx, key, "x", "y").Err() },
		"an empty one":   func(key string) error { return c.Set(ctx, key, "", 0).Err() },
	} {
		for _, kind := range []string{"c:", "r:"} {
			require.NoError(t, c.Del(ctx, t.Name()+":"+kind+"3:a/b:1").Err())
			require.NoError(t, put(t.Name()+":"+kind+"3:a/b:1"), name)
		}
		r, err := s.Claim(ctx, claim(t, k))
		require.Error(t, err, name)
		require.Zero(t, r)
		err = s.Complete(ctx, k, idempotency.NewToken())
		require.Error(t, err, name)
		require.NotErrorIs(t, err, idempotency.ErrLost)
		o, err := s.Order(ctx, k, time.Now(), time.Hour)
		require.Error(t, err, name)
		require.Equal(t, idempotency.OrderUnknown, o)
	}
}

func TestRecordsLeaveRedisByThemselves(t *testing.T) {
	t.Parallel()
	c := connect(t, server.URL())
	s, err := redisstore.New(c, redisstore.Config{Prefix: t.Name() + ":"})
	require.NoError(t, err)
	ttl := func(kind string, k idempotency.Key) time.Duration {
		d, err := c.PTTL(ctx, fmt.Sprintf("%s:%s%d:%s:%s", t.Name(), kind, len(k.Scope), k.Scope, k.ID)).Result()
		require.NoError(t, err)
		return d
	}
	near := func(want, got time.Duration) {
		t.Helper()
		assert.InDelta(t, want.Seconds(), got.Seconds(), 60)
	}
	cl := claim(t, idempotency.Key{Scope: "s", ID: "1"})
	_, err = s.Claim(ctx, cl)
	require.NoError(t, err)
	near(time.Hour, ttl("c:", cl.Key))
	require.NoError(t, s.Extend(ctx, cl.Key, cl.Token, 3*time.Hour))
	near(3*time.Hour, ttl("c:", cl.Key)) // a running lease is never cut short
	require.NoError(t, s.Complete(ctx, cl.Key, cl.Token))
	near(time.Hour, ttl("c:", cl.Key)) // the retention counts from the first claim

	_, err = s.Order(ctx, cl.Key, time.Now(), 2*time.Hour)
	require.NoError(t, err)
	near(2*time.Hour, ttl("r:", cl.Key))

	// Lengths beyond what Redis or float64 can count are cut, not refused and not wrapped.
	for _, d := range []time.Duration{1<<63 - 1, 200 * 365 * 24 * time.Hour} {
		long := idempotency.ClaimRequest{Key: idempotency.Key{Scope: "s", ID: d.String()}, Token: idempotency.NewToken(), Lease: d, Retain: d}
		r, err := s.Claim(ctx, long)
		require.NoError(t, err)
		require.Equal(t, idempotency.Owned, r.State)
		require.NoError(t, s.Extend(ctx, long.Key, long.Token, d))
		r, err = s.Claim(ctx, claim(t, long.Key))
		require.NoError(t, err)
		require.Equal(t, idempotency.Busy, r.State)
		assert.Greater(t, r.LeaseLeft, 99*365*24*time.Hour)
		_, err = s.Order(ctx, long.Key, time.Now(), d)
		require.NoError(t, err)
	}
}

// Redis keeps a key for some time after its end, and a clock may have been set forward: what is over belongs to nobody.
func TestStore_WhatIsOverHasNoOwnerThoughRedisStillHasIt(t *testing.T) {
	t.Parallel()
	c := connect(t, server.URL())
	s, err := redisstore.New(c, redisstore.Config{Prefix: t.Name() + ":"})
	require.NoError(t, err)
	for name, settle := range map[string]func(k idempotency.Key, token idempotency.Token) error{
		"extend":   func(k idempotency.Key, token idempotency.Token) error { return s.Extend(ctx, k, token, time.Hour) },
		"complete": func(k idempotency.Key, token idempotency.Token) error { return s.Complete(ctx, k, token) },
		"release":  func(k idempotency.Key, token idempotency.Token) error { return s.Release(ctx, k, token) },
	} {
		k, token := idempotency.Key{Scope: "s", ID: name}, idempotency.NewToken()
		over := uint64(time.Now().Add(-time.Minute).UnixMicro()) //nolint:gosec // after 1970
		record := binary.BigEndian.AppendUint32([]byte{1}, 1)    // pending, the first attempt
		record = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(record, over), over)
		record = append(append(record, token[:]...), make([]byte, 16)...)
		require.NoError(t, c.Set(ctx, fmt.Sprintf("%s:c:1:s:%s", t.Name(), name), record, 0).Err())
		require.ErrorIs(t, settle(k, token), idempotency.ErrLost, name)
		r, err := s.Claim(ctx, claim(t, k))
		require.NoError(t, err)
		require.Equal(t, idempotency.Owned, r.State, name)
		require.EqualValues(t, 1, r.Attempt, "a new event")
	}
}

func TestBadClaimsAreRefusedBeforeRedisIsAsked(t *testing.T) {
	t.Parallel()
	s := newStore(t, connect(t, "redis://127.0.0.1:1/0"))
	good := claim(t, key(t, "a"))
	for name, spoil := range map[string]func(*idempotency.ClaimRequest){
		"no token":        func(c *idempotency.ClaimRequest) { c.Token = idempotency.Token{} },
		"no lease":        func(c *idempotency.ClaimRequest) { c.Lease = 0 },
		"negative lease":  func(c *idempotency.ClaimRequest) { c.Lease = -1 },
		"short retention": func(c *idempotency.ClaimRequest) { c.Retain = c.Lease - 1 },
	} {
		bad := good
		spoil(&bad)
		_, err := s.Claim(ctx, bad)
		assert.ErrorContains(t, err, "a claim needs", name)
	}
}

func TestTheZeroStoreRefuses(t *testing.T) {
	t.Parallel()
	_, err := redisstore.New(nil, redisstore.Config{})
	require.Error(t, err)
	for _, s := range []*redisstore.Store{nil, {}} {
		_, err := s.Claim(ctx, claim(t, key(t, "a")))
		require.Error(t, err)
		err = s.Complete(ctx, key(t, "a"), idempotency.NewToken())
		require.Error(t, err)
		require.NotErrorIs(t, err, idempotency.ErrLost)
		_, err = s.Order(ctx, key(t, "a"), time.Now(), time.Hour)
		require.Error(t, err)
	}
}
