package clock_test

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/internal/clock"
)

func TestGuard_ReturnsWhatTheClockSaysElseTheRealTime(t *testing.T) {
	t.Parallel()
	fixed := time.Date(2016, 3, 2, 9, 30, 0, 0, time.UTC)
	var none *time.Time
	for name, c := range map[string]struct {
		now  func() time.Time
		real bool
	}{
		"a clock":             {func() time.Time { return fixed }, false},
		"the zero time":       {func() time.Time { return time.Time{} }, false},
		"nil":                 {nil, true},
		"a panic":             {func() time.Time { panic("truhook-test-only-secret") }, true},
		"a panic of an error": {func() time.Time { panic(errors.New("truhook-test-only-secret")) }, true},
		"a nil pointer":       {func() time.Time { return *none }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var told []error
				now := clock.Guard("acme", c.now, func(err error) { told = append(told, err) })
				want := time.Now()
				if !c.real {
					want = c.now()
				}
				for range 3 {
					assert.True(t, now().Equal(want))
				}
				if c.now == nil || !c.real {
					assert.Empty(t, told)
					return
				}
				require.Len(t, told, 1, "once a minute")
				require.ErrorContains(t, told[0], "acme: Now panicked")
				assert.NotContains(t, told[0].Error(), "secret")
				time.Sleep(time.Minute)
				now()
				assert.Len(t, told, 2)
			})
		})
	}
}

func TestGuard_WhoeverIsToldMayPanicOrBeNobody(t *testing.T) {
	t.Parallel()
	broken := func() time.Time { panic("clock") }
	for name, report := range map[string]func(error){
		"nobody": nil, "a panic": func(error) { panic("report") }, "a nil hook": clock.Report(slog.New(slog.DiscardHandler), nil),
		"a hook that panics": clock.Report(slog.New(slog.DiscardHandler), func(error) { panic("hook") }),
	} {
		assert.NotPanics(t, func() { assert.False(t, clock.Guard("acme", broken, report)().IsZero()) }, name)
	}
}

func TestReport_TellsLoggerAndHook(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	var told error
	clock.Guard("acme", func() time.Time { panic("truhook-test-only-secret") },
		clock.Report(slog.New(slog.NewTextHandler(&log, nil)), func(err error) { told = err }))()
	require.ErrorContains(t, told, "acme: Now panicked: string")
	assert.Contains(t, log.String(), "acme: Now panicked: string")
	assert.NotContains(t, log.String(), "secret")
}
