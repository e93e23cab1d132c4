package strictjson_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/internal/strictjson"
)

func TestObjectRefusesWhatTwoReadersCouldReadDifferently(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing":                "",
		"space":                  " ",
		"an array":               "[]",
		"a string":               `"a"`,
		"a duplicate name":       `{"alg":"RS256","alg":"none"}`,
		"a duplicate by escape":  `{"alg":"RS256","\u0061lg":"none"}`,
		"a second object":        `{}{}`,
		"text after it":          `{} x`,
		"a byte order mark":      "\ufeff{}",
		"a trailing comma":       `{"a":1,}`,
		"a missing comma":        `{"a":1 "b":2}`,
		"a comma only":           `{,}`,
		"a single quote":         `{'a':1}`,
		"a name without quotes":  `{a:1}`,
		"no value":               `{"a":}`,
		"no colon":               `{"a" 1}`,
		"a comment":              `{/**/}`,
		"an open string":         `{"a":"`,
		"an open object":         `{"a":1`,
		"an open array":          `{"a":[1`,
		"a bad array":            `{"a":[1 2]}`,
		"a trailing array comma": `{"a":[1,]}`,
		"a control character":    "{\"a\":\"\n\"}",
		"a bad escape":           `{"a":"\x"}`,
		"a short escape":         `{"a":"\u12"}`,
		"a bad literal":          `{"a":tru}`,
		"a literal in capitals":  `{"a":True}`,
		"a leading zero":         `{"a":01}`,
		"a plus":                 `{"a":+1}`,
		"a bare minus":           `{"a":-}`,
		"a bare point":           `{"a":1.}`,
		"a bare exponent":        `{"a":1e}`,
		"not a number":           `{"a":NaN}`,
		"hexadecimal":            `{"a":0x1}`,
		"invalid UTF-8":          "{\"a\":\"\xff\"}",
		"a NUL":                  "{\"a\":1}\x00",
		"four in one another":    `{"a":{"b":[{}]}}`,
		"five million deep":      strings.Repeat(`{"a":`, 5_000_000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := strictjson.Object([]byte(text), 3)
			assert.Error(t, err)
		})
	}
}

func TestObjectReturnsTheMembersAsTheyStand(t *testing.T) {
	t.Parallel()
	members, err := strictjson.Object([]byte(" {\"a\" : 1 , \"\\u0062\":\t[ {\"x\":1,\"x\":2}, \"]\" ], \"A\":null,\"c\":\"\\\"é\",\"n\":-1.5e+3 } \n"), 3)
	require.NoError(t, err)
	want := map[string]json.RawMessage{
		"a": json.RawMessage("1"), "b": json.RawMessage(`[ {"x":1,"x":2}, "]" ]`), "A": json.RawMessage("null"),
		"c": json.RawMessage(`"\"é"`), "n": json.RawMessage("-1.5e+3"),
	}
	assert.Equal(t, want, members)
	text, ok := strictjson.String(members["c"])
	assert.True(t, ok)
	assert.Equal(t, `"é`, text)
	_, ok = strictjson.String(members["a"])
	assert.False(t, ok)
	assert.True(t, strictjson.IsNull(members["A"]))
	assert.True(t, strictjson.IsNull(members["absent"]))
	assert.False(t, strictjson.IsNull(members["a"]))
}

// agree holds Object to encoding/json, both ways: what Object takes, encoding/json takes and reads the same, and what
// Object refuses is no JSON object, or has a duplicate name, too much depth or bytes that are not UTF-8.
func agree(t *testing.T, data []byte) {
	t.Helper()
	const depth = 16
	members, err := strictjson.Object(data, depth)
	if err != nil {
		require.False(t, json.Valid(data) && utf8.Valid(data) && plainObject(data, depth), "refused: %q", data)
		return
	}
	require.True(t, json.Valid(data), "%q", data)
	require.True(t, utf8.Valid(data), "%q", data)
	var want map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(data, &want))
	require.Equal(t, want, members)
	for name, value := range members {
		var text string
		got, ok := strictjson.String(value)
		require.Equal(t, value[0] == '"', ok, "%q", name)
		if ok {
			require.NoError(t, json.Unmarshal(value, &text))
			require.Equal(t, text, got)
		}
	}
}

// plainObject reports whether valid JSON is an object without duplicate names of its own and within depth, as
// encoding/json reads it.
func plainObject(data []byte, depth int) bool {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber() // one that no float64 holds is no error
	seen, open, isName := map[string]bool{}, 0, false
	for {
		token, err := dec.Token()
		if err != nil {
			return open == 0
		}
		switch delim, isDelim := token.(json.Delim); {
		case isDelim && (delim == '{' || delim == '['):
			if open == 0 && delim == '[' {
				return false
			}
			if open++; open > depth {
				return false
			}
			isName = open == 1
			continue
		case isDelim:
			open--
		case open == 0:
			return false
		case open == 1 && isName:
			name, _ := token.(string)
			if seen[name] {
				return false
			}
			seen[name], isName = true, false
			continue
		}
		isName = open == 1
	}
}

func TestObjectAgreesWithEncodingJSON(t *testing.T) {
	t.Parallel()
	values := []string{
		"0", "-0", "1", "-1", "10", "01", "+1", "1.", ".1", "1.0", "-1.50", "1e1", "1E+1", "1e-01", "1e", "1e+", "--1", "-", "1_0",
		"0x1", "NaN", "Infinity", "true", "false", "null", "True", "nul", "nulll", "undefined",
		`""`, `"a"`, `"\""`, `"\\"`, `"\/"`, `"\b\f\n\r\t"`, `"\u0000"`, `"\u00e9"`, `"\uD83D\uDE00"`, `"\uD83D"`, `"\uDE00\uD83D"`, `"\U0041"`,
		`"\u004"`, `"\u004g"`, `"\a"`, `"\'"`, `"\"`, `"`, `'a'`, "\"\t\"", "\"\x00\"", "\"\x1f\"", "\"\x7f\"", "\"\u2028\"", "\"é\"", "\"😀\"",
		"\"\xff\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xef\xbf\xbd\"",
		"{}", "[]", "{", "}", "[", "]", "[1]", "[1,]", "[,1]", "[1 2]", "[[[]]]", `{"a":{"a":1,"a":2}}`, `{"a":1,}`, `{,}`, "",
		strings.Repeat("[", 15) + strings.Repeat("]", 15), strings.Repeat("[", 16) + strings.Repeat("]", 16),
		strings.Repeat(`{"a":`, 15) + "1" + strings.Repeat("}", 15), strings.Repeat(`{"a":`, 16) + "1" + strings.Repeat("}", 16),
	}
	for n := range 80 { // strings are read by 32 and by eight bytes at a time
		for _, end := range []string{`\"`, `\\`, "\x1f", "\x20", "é", "\x80", `"`} {
			values = append(values, `"`+strings.Repeat("a", n)+end+`b"`)
		}
	}
	spaces := []string{"", " ", "\t\r\n", "\v", "\f", "\u00a0", "\u2028", "\ufeff", "\x00", "//", "/**/"}
	for _, value := range values {
		agree(t, []byte(value))
		agree(t, []byte(`{"a":`+value+`}`))
		agree(t, []byte(`{"a":[`+value+`],"b":`+value+`}`))
		agree(t, []byte(`{`+value+`:1}`))
		agree(t, []byte(`{"a":1,`+value+`:2}`))
		agree(t, []byte(value+`{}`))
		agree(t, []byte(`{}`+value))
	}
	for _, s := range spaces {
		for at := range 14 {
			text := `{"a":[1,{}],"b":"" }`
			agree(t, []byte(text[:at]+s+text[at:]))
		}
		agree(t, []byte(s+`{}`+s))
	}
}

// FuzzObject holds Object to encoding/json; see agree.
func FuzzObject(f *testing.F) {
	for _, s := range []string{
		`{"a":{"b":[1,"\u00e9",true,null]}}`, `{"alg":"RS256","\u0061lg":1}`, `{"a":-0.1e-9}`, `{}`,
		`{"a":"\ud83d\ude00 \ud800","b":"aaaaaaaaaaaaaaaaaaaa\\"}`, `{"a":[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}`, ` { "a" : [ ] , "" : { } } `,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(agree)
}

// Members takes what encoding/json takes.
func FuzzMembers(f *testing.F) {
	for _, seed := range []string{
		`{}`, ` { "a" : 1 , "a" : [ ] } `, `{"a":"\ud800"}`, "{\"a\":\"\xff\"}", `{"a":1}x`, `[1]`, `{"a":01}`, `{"a":1e5,"b":-0.5}`,
		`{"a":"` + strings.Repeat("x", 100) + `\n"}`, "{\"a\":\"\n\"}", `{"a"}`, `{"a":}`, `{,}`, `{"a":1,}`, `nul`, `{"a":nul}`, "", "{",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		n := 0
		ok := strictjson.Members(data, 10000, func(quoted, value []byte) {
			n++
			if !json.Valid(quoted) || !json.Valid(value) {
				t.Fatalf("a part that is no JSON: %q %q", quoted, value)
			}
		})
		object := strings.HasPrefix(strings.TrimLeft(string(data), " \t\r\n"), "{")
		if want := object && json.Valid(data); ok != want {
			t.Fatalf("%q: %v, encoding/json says %v", data, ok, want)
		}
	})
}
