package strictjson_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/jose/internal/strictjson"
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

// FuzzObject holds Object to encoding/json: what Object takes, encoding/json takes and reads the same.
func FuzzObject(f *testing.F) {
	for _, s := range []string{`{"a":{"b":[1,"\u00e9",true,null]}}`, `{"alg":"RS256","\u0061lg":1}`, `{"a":-0.1e-9}`, `{}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		members, err := strictjson.Object(data, 16)
		if err != nil {
			return
		}
		require.True(t, json.Valid(data))
		require.True(t, utf8.Valid(data))
		var want map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(data, &want))
		require.Equal(t, want, members)
	})
}
