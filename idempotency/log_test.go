package idempotency_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/catalog"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/retry"
)

func TestLogger_TheFirstAtOnceThenALineAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		m, _ := middleware(t, memory(), idempotency.Config{Logger: slog.New(slog.NewTextHandler(&out, nil))})
		secret := errors.New("body: 123-45-6789")
		fail := func() { m.Do(t.Context(), event("event-1"), func(context.Context) error { return secret }) }
		lines := func() int { return strings.Count(out.String(), "\n") }
		fail()
		assert.Equal(t, 1, lines())
		for range 41 {
			fail()
		}
		assert.Equal(t, 1, lines(), "at most one a minute")
		time.Sleep(time.Minute)
		fail()
		assert.Equal(t, 2, lines())
		assert.Contains(t, out.String(), "count=42")
		m.Do(t.Context(), event("event-1"), func(context.Context) error { return retry.Permanent(secret) })
		assert.Equal(t, 2, lines(), "the same outcome")
		for _, want := range []string{"level=WARN", "outcome=failed", "scope=test", "id=event-1", "attempt=1"} {
			assert.Contains(t, out.String(), want)
		}
		assert.NotContains(t, out.String(), "123-45", "a handler's error can hold what was sent")
	})
}

func TestLogger_WhatIsDroppedLostOrHandedOverIsTold(t *testing.T) {
	t.Parallel()
	fails := func(err error) func(context.Context) error { return func(context.Context) error { return err } }
	old := func(*truhook.Verified) (string, time.Time, error) {
		return "r", time.Now().Add(-32 * 24 * time.Hour), nil
	}
	for name, c := range map[string]struct {
		cfg   idempotency.Config
		store idempotency.Store
		v     *truhook.Verified
		err   error
		want  string // empty: nothing
	}{
		"handled":              {v: event("a")},
		"handed over":          {cfg: idempotency.Config{DeadLetter: taken}, v: event("a"), err: retry.Permanent(errHandler), want: "outcome=dead-lettered"},
		"no dead letter":       {v: event("a"), err: retry.Permanent(errHandler), want: "there is no DeadLetter"},
		"too old":              {cfg: idempotency.Config{Policy: truv.RetryPolicy(), Version: old}, v: event("a"), want: "outcome=too-old"},
		"too old, handed over": {cfg: idempotency.Config{Policy: truv.RetryPolicy(), Version: old, DeadLetter: taken}, v: event("a"), want: "outcome=too-old"},
		"the store is away":    {store: hanging{}, v: event("a"), want: "outcome=unavailable"},
		"no id":                {v: event(""), want: "outcome=not-deduped"},
		"not verified":         {want: "outcome=not-verified"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			c.cfg.Logger = slog.New(slog.NewTextHandler(&out, nil))
			if c.store == nil {
				c.store = memory()
			}
			m, _ := middleware(t, c.store, c.cfg)
			m.Do(t.Context(), c.v, fails(c.err))
			if c.want == "" {
				assert.Empty(t, out.String(), name)
			}
			assert.Contains(t, out.String(), c.want, name)
		})
	}
}

func panicsHere() { panic("body: 123-45-6789") }

func TestLogger_APanicIsToldWithItsPlaceAndNoText(t *testing.T) {
	t.Parallel()
	work := func(context.Context) error { panicsHere(); return nil }
	for name, c := range map[string]struct {
		call func(m *idempotency.Middleware)
		want string
	}{
		"beside": {func(m *idempotency.Middleware) { m.Do(t.Context(), event("a"), work) }, `panic="panicked at .*_test\.panicsHere:\d+: string"`},
		"under Wrap": {func(m *idempotency.Middleware) {
			post(m.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panicsHere() })), event("a"))
		}, `panic="panicked at .*_test\.panicsHere:\d+" `},
		"a runtime error": {func(m *idempotency.Middleware) {
			m.Do(t.Context(), event("a"), func(context.Context) error { return []error{}[len("xy")] })
		}, `panic="panicked at .*: runtime error: index out of range \[2\] with length 0"`},
		"Goexit": {func(m *idempotency.Middleware) {
			goexit(func() { m.Do(t.Context(), event("a"), func(context.Context) error { runtime.Goexit(); return nil }) })
		}, `panic="called runtime.Goexit at `},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				m, _ := middleware(t, memory(), idempotency.Config{Logger: slog.New(slog.NewTextHandler(&out, nil))})
				for range 3 {
					func() {
						defer func() { _ = recover() }()
						c.call(m)
					}()
				}
				assert.Regexp(t, `level=WARN .*outcome=panicked scope=test id=a attempt=1 .*`+c.want, out.String())
				assert.NotContains(t, out.String(), "123-45", "the value can hold what was sent")
				assert.Equal(t, 1, strings.Count(out.String(), "\n"), "at most one a minute")
			})
		})
	}
}

// worse is an error whose methods panic.
type worse struct{}

func (worse) Error() string { panic("Error") }
func (worse) Unwrap() error { panic("Unwrap") }

func TestLogger_AKeyThatIsBadIsToldByWordsOfThisLibraryOnly(t *testing.T) {
	t.Parallel()
	github, ok := catalog.Lookup("github")
	require.True(t, ok)
	for name, c := range map[string]struct {
		key  idempotency.KeyFunc
		want string // empty: no error is told
	}{
		"a row without an id": {github.EventID, `error="catalog: github: `},
		"wrapped": {func(v *truhook.Verified) (string, error) {
			_, err := github.EventID(v)
			return "", fmt.Errorf("123-45-6789: %w", err)
		}, `error="catalog: github: `},
		"a key's":        {func(*truhook.Verified) (string, error) { _, err := idempotency.NewKey("test", ""); return "", err }, `error="idempotency: the id is empty"`},
		"a panic":        {func(*truhook.Verified) (string, error) { panicsHere(); return "", nil }, `error="it panicked at .*panicsHere:\d+: string"`},
		"yours":          {func(*truhook.Verified) (string, error) { return "", errors.New("123-45-6789") }, ""},
		"one that bites": {func(*truhook.Verified) (string, error) { return "", worse{} }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			m, err := idempotency.NewMiddleware(memory(), "test", c.key, idempotency.Config{Logger: slog.New(slog.NewTextHandler(&out, nil))})
			require.NoError(t, err)
			res := m.Do(t.Context(), event("a"), func(context.Context) error { return nil })
			assert.Equal(t, idempotency.BadKey, res.Outcome)
			assert.NotContains(t, out.String(), "123-45")
			if c.want == "" {
				assert.NotContains(t, out.String(), "error=")
				return
			}
			assert.Regexp(t, "outcome=bad-key .*"+c.want, out.String())
		})
	}
}

func TestLogger_NilIsTheDefaultAsItIsWhenTheLineIsWritten(t *testing.T) { // alone: it changes the default
	m, err := idempotency.NewMiddleware(memory(), "test", id, idempotency.Config{})
	assert.NoError(t, err)
	var out bytes.Buffer
	before := slog.Default()
	defer slog.SetDefault(before)
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	m.Do(t.Context(), event("a"), func(context.Context) error { return errHandler })
	assert.Contains(t, out.String(), "outcome=failed")
}

func TestObservation_LogsWhatIsKnown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, seen := middleware(t, memory(), idempotency.Config{})
		m.Do(t.Context(), event("a"), func(context.Context) error { time.Sleep(3 * time.Second); return errHandler })
		o := seen.last(t, idempotency.Failed)
		assert.Equal(t, 3*time.Second, o.Duration)
		var out bytes.Buffer
		slog.New(slog.NewTextHandler(&out, nil)).Info("event", "o", o)
		for _, want := range []string{"o.outcome=failed", "o.scope=test", "o.id=a", "o.attempt=1", "o.duration=3s", `o.error="the handler failed"`} {
			assert.Contains(t, out.String(), want)
		}
		m.Do(t.Context(), event("b"), func(context.Context) error { return nil })
		assert.Equal(t, idempotency.Duplicate, m.Do(t.Context(), event("b"), nil).Outcome)
		assert.Zero(t, seen.last(t, idempotency.Duplicate).Duration, "no handler ran")
	})
}
