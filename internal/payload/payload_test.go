package payload_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/payload"
)

func TestParse_OneObjectAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"{}", " {} \r\n", "\xef\xbb\xbf{}", `{"a":{"b":[1,{"c":"}"}]},"d":"\"]"}`, "{\"a\":\"\xff\"}"} {
		_, ok := payload.Parse([]byte(text))
		assert.True(t, ok, text)
	}
	for _, text := range []string{
		"", " ", "null", "[]", `"x"`, "{", "}", "{}{}", "{},", "{} x", `{"a"}`, `{"a":}`, `{"a":1,}`, `{'a':1}`, "\xef\xbb\xbf", "\xff\xfe{}", "{\"a\":\"\n\"}", "{\x00}",
		strings.Repeat(`{"a":`, 10_001) + "1" + strings.Repeat("}", 10_001),
	} {
		o, ok := payload.Parse([]byte(text))
		assert.False(t, ok, text)
		assert.Nil(t, o.Get("a"))
		assert.Empty(t, o.Members())
	}
}

func TestObject_GetReadsAsEncodingJSON(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"name":"a"}`, `{"name":"a","name":"b"}`, `{"name":"a","name":null}`, `{"name":null}`, `{"other":"a"}`, `{"Name":"a"}`, `{"name":"a","NAME":"b"}`,
		`{"NAME":"b","name":"a"}`, `{"n\u0061me":"a"}`, `{"other":{"name":"a"}}`, `{"other":["name","a"]}`, `{ "name" : "a" , "x" : [ ] }`, "{\n\t\"x\":{},\"name\":\"a\"}",
		`{"naſme":"a"}`, `{"x":"\\","name":"a"}`, `{"x":"\"","name":"a"}`,
	} {
		var want struct {
			Name *string `json:"name"`
		}
		require.NoError(t, json.Unmarshal([]byte(text), &want))
		o, ok := payload.Parse([]byte(text))
		require.True(t, ok)
		got, there := o.Get("name").Text()
		if want.Name == nil && text != `{"name":"a","name":null}` { // null leaves a pointer nil, and a string as it was
			assert.False(t, there, text)
			continue
		}
		require.True(t, there, text)
		if want.Name != nil {
			assert.Equal(t, *want.Name, got, text)
		}
	}
}

func TestValue_TellsItsType(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 25, 12, 11, 52, 0, time.UTC)
	type read struct {
		text string
		b    bool
		n    int
		f    float64
		at   time.Time
	}
	for value, want := range map[string]struct {
		types string // text, bool, int, float, time, array, object, ID
		read
	}{
		`"x"`: {"x....... ID", read{text: "x"}}, `""`: {"x.......", read{}}, `"\u0061"`: {"x....... ID", read{text: "a"}},
		`true`: {".x......", read{b: true}}, `false`: {".x......", read{}}, `null`: {"........", read{}}, ``: {"........", read{}},
		`3`: {"..xx.... ID", read{n: 3, f: 3}}, `3.0`: {"..xx.... ID", read{n: 3, f: 3}}, `3e0`: {"..xx.... ID", read{n: 3, f: 3}}, `-7`: {"..xx.... ID", read{n: -7, f: -7}},
		`1.5`: {"...x.... ID", read{f: 1.5}}, `1e400`: {"........ ID", read{}}, `1e300`: {"...x.... ID", read{f: 1e300}},
		`1795608712`: {"..xxx... ID", read{n: 1795608712, f: 1795608712, at: at}}, `"1795608712"`: {"x...x... ID", read{text: "1795608712", at: at}},
		`[]`: {".....x..", read{}}, `[1,"]"]`: {".....x..", read{}}, `{}`: {"......x.", read{}}, `{"a":"}"}`: {"......x.", read{}},
	} {
		v := payload.Value(value)
		var got read
		var is [7]bool
		got.text, is[0] = v.Text()
		got.b, is[1] = v.Bool()
		got.n, is[2] = v.Int()
		got.f, is[3] = v.Float()
		got.at, is[4] = v.Time()
		_, is[5] = v.Array()
		_, is[6] = v.Object()
		_, id := v.ID()
		assert.Equal(t, want.read, got, value)
		for i := range is {
			assert.Equal(t, want.types[i] == 'x', is[i], "%s: %d", value, i)
		}
		assert.Equal(t, strings.HasSuffix(want.types, "ID"), id, value)
		assert.Equal(t, value == "" || value == "null", v.IsNull())
	}
	n, ok := payload.Value(fmt.Sprint(math.MaxInt)).Int()
	assert.True(t, ok)
	assert.Equal(t, math.MaxInt, n)
	_, ok = payload.Value("1e18").Int()
	assert.False(t, ok, "a float64 does not hold it exactly")
}

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

func TestValue_NoTwoIDsBecomeOne(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, value := range []string{
		`"a"`, "\"a\xff\"", "\"a\xfe\"", `"a\ufffd"`, `"a\ud800"`, `"a\udfff"`, `"a\ud800\ud800"`, `"a\ud83d\ude00"`, `"a\ude00\ud83d"`, `"a\u0000"`, `"\u0000a"`,
		`"a\\u0000"`, `"a\\ud800"`, `17`, `17.0`, `"sha256:a"`,
	} {
		id, ok := payload.Value(value).ID()
		require.True(t, ok, value)
		require.Empty(t, seen[id], "%s and %s", value, seen[id])
		seen[id] = value
	}
	for a, b := range map[string]string{`17`: `"17"`, `"a"`: `"\u0061"`, `"a\ud83d\ude00"`: `"a😀"`, `"/"`: `"\/"`} {
		one, _ := payload.Value(a).ID()
		two, _ := payload.Value(b).ID()
		assert.Equal(t, one, two)
	}
	// What looks like a hash is hashed, or it could be chosen to meet another one.
	forged, _ := payload.Value(`"` + payload.Value(`{}`).Part() + `"`).ID()
	assert.NotEqual(t, payload.Value(`{}`).Part(), forged)
	parts := map[string]bool{}
	for _, value := range []string{``, `true`, `false`, `[]`, `{}`, `[1]`, `"x"`, `1`} {
		parts[payload.Value(value).Part()] = true
	}
	assert.Len(t, parts, 8)
	assert.Empty(t, payload.Value(`null`).Part()+payload.Value(`""`).Part())
}

func TestRead_TellsWhatWasNotVerified(t *testing.T) {
	t.Parallel()
	_, err := payload.Read("s", nil)
	require.ErrorIs(t, err, truhook.NotVerified)
	_, err = payload.Read("s", &truhook.Verified{Payload: []byte(`"secret-value"`)})
	require.ErrorIs(t, err, truhook.MalformedPayload)
	assert.NotContains(t, err.Error(), "secret-value")
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"a":{"b":[1,{"c":"}"}]},"d":"\"]","a":null,"e":1.5e3,"f":true}`))
	f.Add([]byte("\xef\xbb\xbf{ \"a\" : \"\\ud800\" }\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		o, ok := payload.Parse(data)
		var want map[string]json.RawMessage
		valid := json.Unmarshal(trimBOM(data), &want) == nil && want != nil
		require.Equal(t, valid, ok)
		last := map[string]string{}
		for _, m := range o.Members() {
			require.True(t, json.Valid(m.Value))
			last[m.Name()] = string(m.Value)
			v := m.Value
			v.Text()
			v.Int()
			v.Time()
			v.ID()
			v.Part()
			v.Instant()
			o.Get(m.Name())
		}
		require.Len(t, last, len(want))
		for name, value := range want {
			require.Equal(t, string(value), last[name])
		}
	})
}

func trimBOM(data []byte) []byte {
	if len(data) > 2 && string(data[:3]) == "\xef\xbb\xbf" {
		return data[3:]
	}
	return data
}
