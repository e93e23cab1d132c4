package payload

import (
	"math/big"
	"strings"
	"time"
)

// layouts are the spellings of an instant that leave no doubt; what has no zone is UTC. Each takes a fraction, too.
func layouts() [4]string {
	return [...]string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02T15:04:05"}
}

// ParseTime returns the instant that text names, in UTC: RFC 3339; the same with a blank or a small t for the T, and
// with a zone as +0000, +00, UTC, GMT or none, which is UTC; or a number of seconds, milliseconds, microseconds or
// nanoseconds since 1970, told apart by their size, of the year 2000 and later. Anything else, days without a time of
// day included, is none.
func ParseTime(text string) (time.Time, bool) {
	if len(text) > 64 {
		return time.Time{}, false
	}
	if at, ok := sinceEpoch(text); ok {
		return at, true
	}
	if len(text) < len("2006-01-02T15:04:05") {
		return time.Time{}, false
	}
	if text[10] == ' ' || text[10] == 't' {
		text = text[:10] + "T" + text[11:]
	}
	for _, utc := range []string{"UTC", "GMT", "z"} {
		if rest, found := strings.CutSuffix(text, utc); found {
			text = rest + "Z"
		}
	}
	text = text[:11] + strings.Replace(text[11:], " ", "", 1) // in front of the zone
	for _, layout := range layouts() {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}

// sinceEpoch reads a number as an instant of the years 2000 to 9999, which are other numbers in each unit.
func sinceEpoch(text string) (time.Time, bool) {
	if strings.Trim(text, "0123456789.eE+-") != "" || strings.Trim(text[:min(1, len(text))], "0123456789") != "" {
		return time.Time{}, false
	}
	if _, exponent, found := strings.Cut(strings.ToLower(text), "e"); found && len(strings.Trim(exponent, "+")) > 2 {
		return time.Time{}, false // big.Rat would compute it
	}
	n, ok := new(big.Rat).SetString(text)
	if !ok {
		return time.Time{}, false
	}
	const first, end = 946_684_800, 253_402_300_800
	for _, unit := range []int64{1, 1e3, 1e6, 1e9} {
		seconds := new(big.Rat).Quo(n, new(big.Rat).SetInt64(unit))
		if seconds.Cmp(big.NewRat(first, 1)) < 0 || seconds.Cmp(big.NewRat(end, 1)) >= 0 {
			continue
		}
		whole := new(big.Int).Quo(seconds.Num(), seconds.Denom())
		part := seconds.Sub(seconds, new(big.Rat).SetInt(whole))
		part.Mul(part, big.NewRat(1e9, 1))
		nanoseconds := new(big.Int).Quo(part.Num(), part.Denom())
		return time.Unix(whole.Int64(), nanoseconds.Int64()).UTC(), true
	}
	return time.Time{}, false
}

// IsPlausible reports whether at can be the time of an event: no provider here was older than 2015, and JSON cannot
// hold a year beyond 9999. A time that is not plausible says nothing about the order or the age of an event.
func IsPlausible(at time.Time) bool {
	at = at.UTC()
	return at.Year() >= 2015 && at.Year() <= 9999
}
