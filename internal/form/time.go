package form

import (
	"strconv"
	"strings"
	"time"
)

// parseTime returns the instant that text says in the given format. exact demands 10 digits of Unix seconds. One
// instant in one format may have several spellings: the text as sent is what is signed.
func parseTime(f TimeFormat, text string, exact bool) (time.Time, bool) {
	switch f {
	case UnixSeconds:
		return parseSeconds(text, exact)
	case UnixMillis:
		return parseMillis(text)
	case UnixAny:
		if len(text) == 13 {
			return parseMillis(text)
		}
		return parseSeconds(text, true)
	case RFC3339:
		return parseDateTime(text, true)
	case UTCDateTime:
		return parseDateTime(text, false)
	case HTTPDate:
		return parseHTTPDate(text)
	}
	return time.Time{}, false
}

// formatTime writes t as a provider would.
func formatTime(f TimeFormat, t time.Time) string {
	switch f {
	case UnixMillis, UnixAny:
		return strconv.FormatInt(t.UnixMilli(), 10)
	case RFC3339:
		return t.UTC().Format(time.RFC3339Nano)
	case UTCDateTime:
		return t.UTC().Format("2006-01-02T15:04:05.999")
	case HTTPDate:
		return t.UTC().Format(httpDate)
	}
	return strconv.FormatInt(t.Unix(), 10)
}

const httpDate = "Mon, 02 Jan 2006 15:04:05 GMT"

// timeAlphabet returns the characters that a time can have in a format.
func timeAlphabet(f TimeFormat) string {
	const digits = "0123456789"
	switch f {
	case RFC3339, UTCDateTime:
		return digits + "-:.+TZ"
	case HTTPDate:
		return letters + ",: " + digits
	}
	return digits
}

// parseSeconds wants plain digits without leading zeros: one number has one spelling, and 11 of them reach the year
// 5138.
func parseSeconds(text string, exact bool) (time.Time, bool) {
	n, ok := digits(text)
	if !ok || len(text) > 11 || text[0] == '0' || exact && len(text) != 10 {
		return time.Time{}, false
	}
	return time.Unix(n, 0), true
}

func parseMillis(text string) (time.Time, bool) {
	n, ok := digits(text)
	if !ok || len(text) != 13 || text[0] == '0' {
		return time.Time{}, false
	}
	return time.UnixMilli(n), true
}

// digits reads up to 18 digits.
func digits(text string) (n int64, ok bool) {
	if text == "" || len(text) > 18 {
		return 0, false
	}
	for i := range len(text) {
		c := text[i] - '0'
		if c > 9 {
			return 0, false
		}
		n = 10*n + int64(c)
	}
	return n, true
}

// parseDateTime reads a date-time of RFC 3339, section 5.6, with capital T and Z and up to 9 digits of fraction.
// Without zone, the offset is absent or Z. The 60th second of a minute is refused, as it is by package time.
func parseDateTime(text string, zone bool) (time.Time, bool) {
	const form = "dddd-dd-ddTdd:dd:dd"
	if len(text) < len(form) {
		return time.Time{}, false
	}
	for i := range len(form) {
		if c := text[i]; form[i] == 'd' && (c < '0' || c > '9') || form[i] != 'd' && c != form[i] {
			return time.Time{}, false
		}
	}
	field := func(from, to int) int { n, _ := digits(text[from:to]); return int(n) }
	year, month, day := field(0, 4), field(5, 7), field(8, 10)
	hour, minute, second := field(11, 13), field(14, 16), field(17, 19)
	nanos, rest, ok := fraction(text[len(form):])
	if !ok || hour > 23 || minute > 59 || second > 59 || month < 1 || month > 12 || day < 1 {
		return time.Time{}, false
	}
	offset, ok := zoneOffset(rest, zone)
	at := time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC)
	if !ok || at.Day() != day { // the 30th of February
		return time.Time{}, false
	}
	return at.Add(-offset), true
}

func fraction(text string) (nanos int, rest string, ok bool) {
	if text == "" || text[0] != '.' {
		return 0, text, true
	}
	end := 1
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	if end == 1 || end > 10 {
		return 0, "", false
	}
	n, _ := digits(text[1:end])
	for range 10 - end {
		n *= 10
	}
	return int(n), text[end:], true
}

func zoneOffset(text string, zone bool) (time.Duration, bool) {
	switch {
	case text == "Z":
		return 0, true
	case !zone:
		return 0, text == ""
	case len(text) != 6 || text[0] != '+' && text[0] != '-' || text[3] != ':':
		return 0, false
	}
	hours, ok1 := digits(text[1:3])
	minutes, ok2 := digits(text[4:6])
	offset := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if text[0] == '-' {
		offset = -offset
	}
	return offset, ok1 && ok2 && hours < 24 && minutes < 60
}

// parseHTTPDate reads an IMF-fixdate (RFC 9110, section 5.6.7), in exactly that spelling: net/http takes others too.
func parseHTTPDate(text string) (time.Time, bool) {
	if len(text) != len(httpDate) || text[3:5] != ", " || text[7] != ' ' || text[11] != ' ' || text[16] != ' ' ||
		text[19] != ':' || text[22] != ':' || text[25:] != " GMT" {
		return time.Time{}, false
	}
	var n [5]int
	for i, at := range [5][2]int{{5, 7}, {12, 16}, {17, 19}, {20, 22}, {23, 25}} {
		value, ok := digits(text[at[0]:at[1]])
		if !ok {
			return time.Time{}, false
		}
		n[i] = int(value)
	}
	month := 1 + strings.Index("JanFebMarAprMayJunJulAugSepOctNovDec", text[8:11])/3
	at := time.Date(n[1], time.Month(month), n[0], n[2], n[3], n[4], 0, time.UTC)
	sound := at.Day() == n[0] && at.Month().String()[:3] == text[8:11] && at.Weekday().String()[:3] == text[:3] &&
		n[2] < 24 && n[3] < 60 && n[4] < 60
	return at, sound
}
