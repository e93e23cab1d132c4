package dedupe_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/truhook/truhook/internal/dedupe"
)

func TestPlausible_AMissingTimeAndAMisreadUnitAreNone(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	before2015 := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // where testing/synctest begins
	utc := func(year int) time.Time { return time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		at, now time.Time
		want    bool
	}{
		{time.Time{}, now, false}, {time.Unix(0, 0), now, false}, {time.Unix(-1, 0), now, false},
		{time.Date(2014, 12, 31, 23, 59, 59, 999, time.UTC), now, false}, {time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC), now, true},
		{now, now, true}, {now.AddDate(100, 0, 0), now, true},
		{time.UnixMilli(now.UnixMilli()), now, true}, {time.Unix(now.UnixMilli(), 0), now, false}, // milliseconds read as seconds
		{utc(9999), now, true}, {utc(10000), now, false}, {time.Unix(1<<60, 0), now, false},
		{time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("west", -3600*2)), now, false},
		{before2015, before2015, true}, {utc(1999), before2015, true}, {time.Unix(0, 0), before2015, false}, {time.Time{}, before2015, false},
		{now, time.Unix(0, 0), true},
	} {
		assert.Equal(t, c.want, dedupe.Plausible(c.at, c.now), "%v at %v", c.at, c.now)
	}
}
