package idempotency_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/internal/dedupe"
)

type panics struct{ slog.Handler }

func (panics) Enabled(context.Context, slog.Level) bool { panic("log") }

// Each hook panics in its turn; nothing stays locked, and an event is lost for its id only.
func TestItem_APanicOfAHookCostsWhatTheHookIsFor(t *testing.T) {
	t.Parallel()
	bug := func() { panic("bug") }
	for name, c := range map[string]struct {
		change func(cfg *idempotency.Config)
		want   idempotency.Outcome
		seen   idempotency.Outcome
	}{
		"KeyFunc": {func(*idempotency.Config) {}, idempotency.BadKey, idempotency.BadKey},
		"Version": {func(cfg *idempotency.Config) {
			cfg.Version = func(*truhook.Verified) (string, time.Time, error) { bug(); return "", time.Time{}, nil }
		}, idempotency.Handled, idempotency.VersionFailed},
		"Fingerprint": {func(cfg *idempotency.Config) {
			cfg.Fingerprint = func(*truhook.Verified) []byte { bug(); return nil }
		}, idempotency.Handled, idempotency.Handled},
		"Now":     {func(cfg *idempotency.Config) { cfg.Now = func() time.Time { bug(); return time.Time{} } }, idempotency.Handled, idempotency.Handled},
		"Observe": {func(cfg *idempotency.Config) { cfg.Observe = func(context.Context, idempotency.Observation) { bug() } }, idempotency.Handled, ""},
		"Logger":  {func(cfg *idempotency.Config) { cfg.Logger = slog.New(panics{}) }, idempotency.Handled, idempotency.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := &observed{}
			cfg := idempotency.Config{Observe: seen.Observe, Logger: silent}
			c.change(&cfg)
			broken := name == "KeyFunc"
			m, err := idempotency.NewMiddleware(memory(), "test", func(v *truhook.Verified) (string, error) {
				if broken {
					bug()
				}
				return id(v)
			}, cfg)
			require.NoError(t, err)
			m.Do(t.Context(), event("a"), func(context.Context) error { return errHandler })
			res := m.Do(t.Context(), event("a"), func(context.Context) error { return nil })
			assert.Equal(t, c.want, res.Outcome)
			if c.seen != "" {
				assert.NotContains(t, seen.last(t, c.seen).LogValue().String(), "bug", "what a panic holds is not told")
			}
			broken = false
			assert.Equal(t, 200, m.Do(t.Context(), event("a"), func(context.Context) error { return nil }).Status)
		})
	}
}

// borrowed is a string in memory that a host uses again.
func borrowed(s string) (text string, reuse func()) {
	b := []byte(s)
	return unsafe.String(&b[0], len(b)), func() { copy(b, strings.Repeat("z", len(b))) }
}

func TestItem_WhatIsKeptIsCopied(t *testing.T) {
	t.Parallel()
	eventID, reuseID := borrowed("event-1")
	resource, reuseResource := borrowed("order/1")
	seen := &observed{}
	keys := &keyspy{Store: memory()}
	m, err := idempotency.NewMiddleware(keys, "test", func(*truhook.Verified) (string, error) { return eventID, nil },
		idempotency.Config{
			Observe: seen.Observe, Logger: silent,
			Version: func(*truhook.Verified) (string, time.Time, error) { return resource, time.Now(), nil },
		})
	require.NoError(t, err)
	res := m.Do(t.Context(), event("body"), func(context.Context) error { reuseID(); reuseResource(); return nil })
	assert.Equal(t, idempotency.Handled, res.Outcome)
	assert.Equal(t, []string{"event-1", "event-1"}, keys.ids, "claimed and completed")
	assert.Equal(t, []string{"order/1"}, keys.resources)
	assert.Equal(t, "event-1", seen.last(t, idempotency.Handled).Key.ID)
}

// keyspy keeps the keys that it is given.
type keyspy struct {
	idempotency.Store
	ids, resources []string
}

func (s *keyspy) Claim(ctx context.Context, c idempotency.ClaimRequest) (idempotency.Record, error) {
	s.ids = append(s.ids, c.Key.ID)
	return s.Store.Claim(ctx, c)
}

func (s *keyspy) Complete(ctx context.Context, k idempotency.Key, t idempotency.Token) error {
	s.ids = append(s.ids, k.ID)
	return s.Store.Complete(ctx, k, t)
}

func (s *keyspy) Order(ctx context.Context, k idempotency.Key, at time.Time, retain time.Duration) (idempotency.Order, error) {
	s.resources = append(s.resources, k.ID)
	return s.Store.Order(ctx, k, at, retain)
}

func TestItem_AnEventWithoutAReadableIdIsReported(t *testing.T) {
	t.Parallel()
	seen := &observed{}
	m, err := idempotency.NewMiddleware(memory(), "test", func(v *truhook.Verified) (string, error) {
		return dedupe.DigestID(v.Payload), nil
	}, idempotency.Config{Observe: seen.Observe, Logger: silent})
	require.NoError(t, err)
	for _, want := range []idempotency.Outcome{idempotency.Handled, idempotency.Duplicate} {
		assert.Equal(t, want, m.Do(t.Context(), event("{}"), func(context.Context) error { return nil }).Outcome)
	}
	assert.Equal(t, 2, seen.count(idempotency.Unidentified))
}

func TestBodyDigest_EqualBodiesAreOneEvent(t *testing.T) {
	t.Parallel()
	seen := &observed{}
	m, err := idempotency.NewMiddleware(memory(), "test", idempotency.BodyDigest, idempotency.Config{Observe: seen.Observe, Logger: silent})
	require.NoError(t, err)
	do := func(body string) idempotency.Outcome {
		return m.Do(t.Context(), event(body), func(context.Context) error { return nil }).Outcome
	}
	assert.Equal(t, idempotency.Handled, do("a"))
	assert.Equal(t, idempotency.Duplicate, do("a"))
	assert.Equal(t, idempotency.Handled, do("b"))
	assert.Zero(t, seen.count(idempotency.Unidentified), "it is what the caller chose")
	_, err = idempotency.BodyDigest(nil)
	assert.ErrorIs(t, err, truhook.NotVerified)
}
