package redisstore_test

import (
	"context"
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
