package hmacsig_test

import (
	"flag"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
)

// cut is a template with what it needs beside it, under which deliveries are read in every way that there is.
func cut(content string, more func(s *hmacsig.Scheme)) hmacsig.Scheme {
	s := hmacsig.Scheme{Name: "cut", Header: "X-Sign", Content: content}
	if strings.Contains(content, "{id}") {
		s.ID = "X-Id"
	}
	if strings.Contains(content, "{timestamp}") {
		s.Timestamp, s.Tolerance = "X-Time", time.Hour
	}
	if more != nil {
		more(&s)
	}
	return s
}

func timed(f hmacsig.TimeFormat) func(s *hmacsig.Scheme) {
	return func(s *hmacsig.Scheme) { s.TimeFormat = f }
}

func sized(n int, f hmacsig.TimeFormat) func(s *hmacsig.Scheme) {
	return func(s *hmacsig.Scheme) { s.IDLength, s.TimeFormat = n, f }
}

// accepted are templates whose every cut is determined.
func accepted() []hmacsig.Scheme {
	return []hmacsig.Scheme{
		cut("{body}", nil), cut("{url}{body}", nil), cut("{method}{url}{body}", nil), cut("{method} {body}", nil),
		cut("{id}.{body}", nil), cut("{id}..{body}", nil), cut("{id}.{timestamp}.{body}", nil), cut("{timestamp}.{id}.{body}", nil),
		cut("v0:{timestamp}:{body}", nil), cut("{timestamp}{body}", nil), cut("{timestamp}1{body}", nil), cut("{timestamp}0{id}.{body}", nil),
		cut("{timestamp}{body}", timed(hmacsig.UnixMillis)), cut("{timestamp}.{body}", timed(hmacsig.UnixAny)),
		cut("{timestamp}{body}", timed(hmacsig.RFC3339)), cut("{timestamp}:{body}", timed(hmacsig.UTCDateTime)),
		cut("{timestamp}{body}", timed(hmacsig.HTTPDate)), cut("{timestamp}\n{body}", timed(hmacsig.HTTPDate)),
		cut("{id}{timestamp}{body}", sized(5, hmacsig.RFC3339)), cut("{id}{body}", sized(5, 0)), cut("{timestamp}{id}{body}", sized(5, 0)),
		cut("{body}{timestamp}", nil), cut("{body}{timestamp}", timed(hmacsig.UnixMillis)), cut("{body}{timestamp}", timed(hmacsig.RFC3339)),
		cut("{body}{timestamp}", timed(hmacsig.UTCDateTime)), cut("{body}{timestamp}", timed(hmacsig.HTTPDate)),
		cut("{body}.{timestamp}", timed(hmacsig.UnixAny)), cut("{body}.{id}.{timestamp}", nil), cut("{body}{id}", sized(5, 0)),
		cut("{body}.{header:X-Nonce}.{timestamp}", nil), cut("{header:X-Nonce}:{body}", nil), cut("{body}{url}{method}", nil),
		cut("{method}{url}{body}{timestamp}", timed(hmacsig.UnixMillis)), cut("{id}.{body}.{header:X-Nonce}", nil),
		cut("{id}{timestamp}{body}", timed(hmacsig.RFC3339)), cut("{id}{timestamp}:{body}", timed(hmacsig.UTCDateTime)),
		cut("{id}{url}{body}", nil), cut("{body}end", nil), cut("{id}={timestamp}={body}={header:X-Nonce}", timed(hmacsig.RFC3339)),
	}
}

const cutURL = "https://h.example/a.1"

// fragments look like fields, or like pieces of them.
var fragments = []string{
	".", "..", ":", "=", "\n", " ", "0", "1", "9", "Z", ".5", "-07:00", "+00:00", "v0:", "{}", "end", "x", "é",
	"1772452800", "1772452799", "17724528000", "1772452800000", "1772452801234", "2026-03-02T12:00:00Z", "2026-03-02T12:00:00",
	"2026-03-02T12:00:00.123Z", "2026-03-02T14:00:01+02:00", "Mon, 02 Mar 2026 12:00:00 GMT", "Mon, 02 Mar 2026 12:00:01 GMT",
	"msg_1", "a.b", "nonce", "POST", "GET", cutURL, cutURL + ".",
}

// onTheWire reports whether a stranger can put text on the wire for a part, and whether he can put a text that goes on
// like it; whether a scheme takes it is the verifier's to say.
func onTheWire(part, text string) (is, goesOn bool) {
	if part == "timestamp" {
		if text == "" {
			return false, true
		}
		return wireTime.MatchString(text), len(text) < 32 && (text[0] >= '0' && text[0] <= '9' || text[0] >= 'A' && text[0] <= 'Z')
	}
	if text == "" {
		return false, true
	}
	visible := text[len(text)-1] > ' ' && text[len(text)-1] < 0x7f
	return visible, visible && len(text) < 24
}

var wireTime = regexp.MustCompile(`^(?:[0-9]{1,14}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})?|` +
	`[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT)$`)

var pieceOf = regexp.MustCompile(`\{[^}]*\}|[^{]+`)

// readings calls yield with every way to read text as the template says.
func readings(pieces []string, text string, values map[string]string, yield func(values map[string]string, body string)) {
	readingsFrom(pieces, text, values, "", yield)
}

func readingsFrom(pieces []string, text string, values map[string]string, body string, yield func(map[string]string, string)) {
	if len(pieces) == 0 {
		if text == "" {
			yield(values, body)
		}
		return
	}
	piece, rest := pieces[0], pieces[1:]
	constant := piece
	if piece == "{url}" {
		constant = cutURL
	}
	if constant[0] != '{' {
		if after, found := strings.CutPrefix(text, constant); found {
			readingsFrom(rest, after, values, body, yield)
		}
		return
	}
	name, _, _ := strings.Cut(strings.Trim(piece, "{}"), ":")
	if name == "body" {
		if len(rest) == 0 {
			yield(values, text)
			return
		}
		for n := range len(text) + 1 {
			readingsFrom(rest, text[n:], values, text[:n], yield)
		}
		return
	}
	for n, goesOn := 0, true; n <= len(text) && goesOn; n++ {
		var is bool
		if is, goesOn = onTheWire(name, text[:n]); is {
			values[name] = text[:n]
			readingsFrom(rest, text[n:], values, body, yield)
		}
	}
}

// deliver makes the delivery that one reading is.
func deliver(values map[string]string, body, signature string) *truhook.Delivery {
	d := &truhook.Delivery{Method: values["method"], Header: http.Header{"X-Sign": {signature}}, Body: []byte(body), Received: start}
	for name, header := range map[string]string{"id": "X-Id", "timestamp": "X-Time", "header": "X-Nonce"} {
		if values[name] != "" {
			d.Header[header] = []string{values[name]}
		}
	}
	return d
}

// genuineText is a text that the provider signs, with a body of fragments.
func genuineText(s hmacsig.Scheme, random *rand.Rand) string {
	var body strings.Builder
	for range random.IntN(4) {
		body.WriteString(fragments[random.IntN(len(fragments))])
	}
	at := map[hmacsig.TimeFormat][]string{
		hmacsig.UnixSeconds: {"1772452800"}, hmacsig.UnixMillis: {"1772452800000"}, hmacsig.UnixAny: {"1772452800000", "1772452800"},
		hmacsig.RFC3339:     {"2026-03-02T12:00:00Z", "2026-03-02T12:00:00.5Z", "2026-03-02T13:00:00+01:00"},
		hmacsig.UTCDateTime: {"2026-03-02T12:00:00", "2026-03-02T12:00:00.5", "2026-03-02T12:00:00Z"},
		hmacsig.HTTPDate:    {"Mon, 02 Mar 2026 12:00:00 GMT"},
	}[s.TimeFormat]
	ids := []string{"msg_1", "12345", "Z:+-0"} // none of which holds a constant of the templates
	if strings.Contains(s.Content, "{id}{timestamp}") && s.IDLength == 0 {
		ids = []string{"1", "Z+-", "2026-03-02T12"} // short, or like the beginning of a time
	}
	return strings.NewReplacer("{body}", body.String(), "{url}", cutURL, "{method}", "POST", "{header:X-Nonce}", "n-1",
		"{id}", ids[random.IntN(len(ids))], "{timestamp}", at[random.IntN(len(at))]).Replace(s.Content)
}

var cutBodies = flag.Int("cut-bodies", 512, "how many texts of each template TestCuts_OneSignedTextHasOneReading reads")

func TestCuts_OneSignedTextHasOneReading(t *testing.T) {
	t.Parallel()
	for _, s := range accepted() {
		t.Run(s.Content+"/"+string('0'+rune(s.TimeFormat)), func(t *testing.T) {
			t.Parallel()
			cfg := hmacsig.Config{Now: func() time.Time { return start }}
			if strings.Contains(s.Content, "{url}") {
				cfg.URL = cutURL
			}
			v, err := hmacsig.New(s, hmacsig.StaticKeys(testKey(t, "k", testSecret)), cfg)
			require.NoError(t, err)
			pieces := pieceOf.FindAllString(s.Content, -1)
			random := rand.New(rand.NewPCG(13, 1795608712))
			for range *cutBodies {
				text := genuineText(s, random)
				signature := hexOf(testSecret, text)
				read := map[string]bool{}
				readings(pieces, text, map[string]string{}, func(values map[string]string, body string) {
					if _, err := v.Verify(t.Context(), deliver(values, body, signature)); err == nil {
						read[strings.Join([]string{values["id"], values["timestamp"], values["method"], values["header"], body}, "|")] = true
					}
				})
				require.Len(t, read, 1, "%q", text)
			}
		})
	}
}

// refusedTemplates have a cut that is not determined. Each error says what to enforce.
var refusedTemplates = []struct {
	scheme    hmacsig.Scheme
	says      string
	ambiguous bool // a body of fragments shows it
}{
	{cut("{id}{body}", nil), "set IDLength, or put a constant", true},
	{cut("{id}{timestamp}{body}", nil), "set IDLength, or put a constant", true},
	{cut("{body}{id}{timestamp}", timed(hmacsig.RFC3339)), "set IDLength, or put a constant", true},
	{cut("{id}.{body}{header:X-Nonce}{timestamp}", timed(hmacsig.RFC3339)), "put a constant there", true},
	{cut("{id}{timestamp}.{body}", nil), "set IDLength, or put a constant", true},
	{cut("{body}{id}", nil), "set IDLength, or put a constant", true},
	{cut("{timestamp}{id}{body}", nil), "set IDLength, or put a constant", true},
	{cut("{timestamp}{body}", timed(hmacsig.UnixAny)), "choose UnixSeconds or UnixMillis", true},
	{cut("{timestamp}0{body}", timed(hmacsig.UnixAny)), "choose UnixSeconds or UnixMillis", true},
	{cut("{body}{timestamp}", timed(hmacsig.UnixAny)), "choose UnixSeconds or UnixMillis", true},
	{cut("{timestamp}{body}", timed(hmacsig.UTCDateTime)), "does not begin with a digit, a dot or Z", true},
	{cut("{timestamp}.{body}", timed(hmacsig.UTCDateTime)), "does not begin with a digit, a dot or Z", true},
	{cut("{timestamp}Z{body}", timed(hmacsig.UTCDateTime)), "does not begin with a digit, a dot or Z", true},
	{cut("{header:X-Nonce}{body}", nil), "put a constant there", true},
	{cut("{body}{header:X-Nonce}", nil), "put a constant there", true},
	{cut("{method}{body}", nil), "put a constant there that does not begin or end with a capital letter", true},
	{cut("{method}A{body}", nil), "put a constant there that does not begin or end with a capital letter", false},
	{cut("{body}{method}", nil), "put a constant there that does not begin or end with a capital letter", true},
	{cut("{id}.{timestamp}.{crc32}", nil), "only {body} itself is signed here", false},
	{cut("{id}|{timestamp}|{webhook}|{crc}", nil), "none of {body}", false},
	{cut("{sha256}{body}", nil), "only {body} itself is signed here", false},
	{cut("{id}.{timestamp}", nil), "does not hold {body}", false},
	{cut("{body}.{body}", nil), "{body} twice", false},
	{cut("{timestamp}.{time}.{body}", nil), "twice", false},
	{cut("{header:X-Nonce}.{header:x-nonce}.{body}", nil), "twice", false},
	{cut("{header:}.{body}", nil), "does not name a header", false},
	{cut("{header:Host}.{body}", nil), "does not name a header", false},
	{cut("{host}{body}", nil), "none of {body}", false},
	{cut("{body", nil), "that no } closes", false},
	{cut("{url}{body}", nil), "give the public URL of the endpoint as URL", false},
}

func TestCuts_WhatIsNotDeterminedIsAnErrorThatSaysWhatToEnforce(t *testing.T) {
	t.Parallel()
	for _, tt := range refusedTemplates {
		t.Run(tt.scheme.Content, func(t *testing.T) {
			t.Parallel()
			_, err := hmacsig.New(tt.scheme, hmacsig.StaticKeys(testKey(t, "k", testSecret)), hmacsig.Config{})
			require.ErrorContains(t, err, tt.says)
			if !tt.ambiguous {
				return
			}
			// Read without the rule, one signed text has several readings: the rule is not for nothing.
			pieces := pieceOf.FindAllString(tt.scheme.Content, -1)
			random := rand.New(rand.NewPCG(13, 1795608712))
			most := 0
			for range 256 {
				n := 0
				readings(pieces, genuineText(tt.scheme, random), map[string]string{}, func(map[string]string, string) { n++ })
				most = max(most, n)
			}
			require.Greater(t, most, 1)
		})
	}
}

func TestCuts_URLs(t *testing.T) {
	t.Parallel()
	for url, says := range map[string]string{
		"": "give the public URL", "/hooks": "absolute", "h.example/hooks": "absolute", "HTTPS://h.example": "absolute", "https:///x": "absolute",
		"ftp://h.example/": "absolute", "https://h.example/#f": "fragment", "https://h.example/a b": "blank", "https://h.example/é": "not ASCII",
		"https://h.example/\n": "cannot be parsed", "https://h.example/%zz": "cannot be parsed",
	} {
		_, err := hmacsig.New(forms["square"], hmacsig.StaticKeys(testKey(t, "k", testSecret)), hmacsig.Config{URL: url})
		require.ErrorContains(t, err, says, url)
	}
	_, err := hmacsig.New(forms["github"], hmacsig.StaticKeys(testKey(t, "k", testSecret)), hmacsig.Config{URL: cutURL})
	require.ErrorContains(t, err, "does not hold {url}")
}
