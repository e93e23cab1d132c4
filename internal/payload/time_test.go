package payload_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/internal/payload"
)

func TestParseTime_ReadsWhatLeavesNoDoubt(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 25, 12, 11, 52, 0, time.UTC)
	for text, fraction := range map[string]time.Duration{
		"2026-11-25T12:11:52Z": 0, "2026-11-25t12:11:52z": 0, "2026-11-25 12:11:52": 0, "2026-11-25T12:11:52": 0, "2026-11-25 12:11:52Z": 0,
		"2026-11-25T12:11:52+00:00": 0, "2026-11-25T12:11:52+0000": 0, "2026-11-25T12:11:52+00": 0, "2026-11-25 13:11:52 +0100": 0,
		"2026-11-25T13:11:52.1+0100": 1e8, "2026-11-25T06:41:52.000-05:30": 0, "2026-11-25 12:11:52 UTC": 0, "2026-11-25 12:11:52UTC": 0, "2026-11-25T12:11:52 GMT": 0,
		"2026-11-25T12:11:52.123456789Z": 123456789, "2026-11-25T12:11:52.1234567": 123456700, "2026-11-25T12:11:52,5Z": 5e8,
		"1795608712": 0, "1795608712000": 0, "1795608712000000": 0, "1795608712000000000": 0, "1795608712.5": 5e8, "1795608712500": 5e8,
		"1795608712123456": 123456000, "1795608712123456789": 123456789, "1.795608712e9": 0, "1.795608712E+12": 0, "01795608712": 0,
	} {
		got, ok := payload.ParseTime(text)
		assert.True(t, ok, text)
		assert.Equal(t, at.Add(fraction), got, text)
	}
	for _, text := range []string{
		"", "x", "0", "17", "-1795608712", "+1795608712", "1795608712s", "1e999999999", "1e-999999999", "1795608712/1", "0x6B06E0C8", "1_795_608_712", "Inf", "NaN", ".",
		"2026-11-25", "2026-11-25T", "2026-11-25T12:11", "25.11.2026 12:11:52", "11/25/2026 12:11:52", "2026-11-25T12:11:52 EST", "2026-11-25T12:11:52 CET",
		"2026-13-25T12:11:52Z", "2026-02-30T12:11:52Z", "2026-11-25T12:11:60Z", "2026-11-25T24:00:00Z", "10000-01-01T00:00:00Z", "253402300800", "946684799", "253402300800000000000",
		"2026-11-25T12:11:52Zx", "Wed, 25 Nov 2026 12:11:52 GMT", "2026-11-25T12:11:52" + strings.Repeat("0", 64),
	} {
		got, ok := payload.ParseTime(text)
		assert.False(t, ok, text)
		assert.Zero(t, got)
	}
}

func TestIsPlausible_From2015To9999(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"2014-12-31T23:59:59.999Z": false, "2015-01-01T00:00:00Z": true, "2014-12-31T23:30:00-01:00": true, "9999-12-31T23:59:59Z": true, "0001-01-01T00:00:00Z": false,
	} {
		at, err := time.Parse(time.RFC3339, text)
		require.NoError(t, err)
		assert.Equal(t, want, payload.IsPlausible(at), text)
	}
	assert.False(t, payload.IsPlausible(time.Time{}))
	assert.False(t, payload.IsPlausible(time.Unix(1<<55, 0)))
}
