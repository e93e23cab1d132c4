package redisstore_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/idempotency/redisstore"
)

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

// Whoever completes at the end of the retention has half a second to ask again, should the answer be lost.
func TestStore_WhatIsCompletedAtTheEndIsKeptForHalfASecond(t *testing.T) {
	t.Parallel()
	c := connect(t, server.URL())
	s, err := redisstore.New(c, redisstore.Config{Prefix: t.Name() + ":"})
	require.NoError(t, err)
	for i := 0; ; i++ {
		cl := claim(t, idempotency.Key{Scope: "s", ID: fmt.Sprint(i)})
		cl.Lease, cl.Retain = 400*time.Millisecond, 400*time.Millisecond
		_, err := s.Claim(ctx, cl)
		require.NoError(t, err)
		before, err := c.Time(ctx).Result()
		require.NoError(t, err)
		if err := s.Complete(ctx, cl.Key, cl.Token); i < 50 && errors.Is(err, idempotency.ErrLost) {
			continue // the machine was busy for all of the retention
		} else {
			require.NoError(t, err)
		}
		end, err := c.PExpireTime(ctx, fmt.Sprintf("%s:c:1:s:%d", t.Name(), i)).Result()
		require.NoError(t, err)
		if i < 50 && end < 0 { // it is over already
			continue
		}
		require.GreaterOrEqual(t, end.Milliseconds(), before.UnixMilli()+500)
		return
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
