package form

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// checkBase64 holds decode to encoding/base64, strict, which passes over line breaks.
func checkBase64(t *testing.T, text string) {
	t.Helper()
	for e, encoding := range map[Encoding]*base64.Encoding{Base64: base64.StdEncoding.Strict(), Base64URL: base64.RawURLEncoding.Strict()} {
		want, err := encoding.DecodeString(text)
		sound := err == nil && !strings.ContainsAny(text, "\r\n") && len(want) > 0
		n := decodedLength(e, text)
		if n <= 0 {
			require.False(t, sound, "%q", text)
			continue
		}
		got := make([]byte, n)
		ok := decode(e, got, text)
		require.Equal(t, sound, ok, "%q as %d", text, e)
		if ok {
			require.Equal(t, want, got)
			require.Equal(t, text, encode(e, got))
		}
	}
}

func TestDecode_Base64AgreesWithEncodingBase64(t *testing.T) {
	t.Parallel()
	alphabet := "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=\n\r \x00\xff"
	for _, base := range []string{"", "A", "AA", "AAA", "AAAA", "AAAAA", "AAAAAA", "AAAAAAA", "AAAAAAAA"} {
		checkBase64(t, base)
		for i := range len(base) {
			for _, c := range []byte(alphabet) {
				changed := base[:i] + string([]byte{c}) + base[i+1:]
				checkBase64(t, changed)
				for _, padding := range []string{"=", "==", "==="} {
					checkBase64(t, changed+padding)
				}
			}
		}
	}
}

func FuzzDecode_Base64(f *testing.F) {
	f.Add("6TfeAW3A1PASkgboxxA5yqHNKOwFyMWuEXny/FPD5hI=")
	f.Add("tLa470fx7qkLLEcMOcEUFuBbRSkGujyskxrNXcoh0N0")
	f.Add("AA==\n")
	f.Fuzz(func(t *testing.T, text string) { checkBase64(t, text) })
}

// FuzzParseTime holds each format to package time, where that is as strict, and to what is written.
func FuzzParseTime(f *testing.F) {
	for _, seed := range []string{"1772452800", "1772452800123", "2026-03-02T12:00:00.5Z", "2026-02-30T12:00:00+01:00", "Mon, 02 Mar 2026 12:00:00 GMT", "2026-03-02T12:00:00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if at, ok := parseTime(RFC3339, text, false); ok {
			want, err := time.Parse(time.RFC3339Nano, text)
			require.NoError(t, err, "%q", text)
			require.True(t, want.Equal(at), "%q: %v, package time %v", text, at, want)
		}
		if at, ok := parseTime(UTCDateTime, text, false); ok {
			want, err := time.Parse("2006-01-02T15:04:05", strings.TrimSuffix(text, "Z"))
			require.NoError(t, err, "%q", text)
			require.True(t, want.Equal(at), "%q", text)
		}
		at, ok := parseTime(HTTPDate, text, false)
		want, err := time.Parse(httpDate, text)
		exact := err == nil && want.Format(httpDate) == text
		require.Equal(t, exact, ok, "%q", text)
		if ok {
			require.True(t, want.Equal(at), "%q", text)
		}
		for _, format := range []TimeFormat{UnixSeconds, UnixMillis, UnixAny} {
			if at, ok := parseTime(format, text, true); ok {
				back := formatTime(format, at)
				if format == UnixAny && len(text) == 10 {
					back = formatTime(UnixSeconds, at)
				}
				require.Equal(t, text, back)
			}
		}
	})
}
