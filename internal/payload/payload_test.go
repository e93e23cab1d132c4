package payload_test

import (
	"encoding/json"
	"strings"
	"testing"

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
		`{"name":"a"}`, `{"name":"a","name":"b"}`, `{"name":"a","name":null}`, `{"name":null}`, `{"other":"a"}`, `{"Name":"a"}`, `{"NAME":"b","name":"a"}`, `{"NAME":"b"}`, `{"Name":"a","NAME":"b"}`,
		`{"n\u0061me":"a"}`, `{"other":{"name":"a"}}`, `{"other":["name","a"]}`, `{ "name" : "a" , "x" : [ ] }`, "{\n\t\"x\":{},\"name\":\"a\"}",
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

// Another member of the provider's, whose name differs in case, does not stand in for the one that is meant.
func TestObject_GetPrefersTheExactName(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"id":"a","ID":"b"}`:             `"a"`,
		`{"ID":"b","id":"a"}`:             `"a"`,
		`{"id":"a","ID":{}}`:              `"a"`,
		`{"id":"a","id":"c","ID":"b"}`:    `"c"`,
		`{"id":"a","id":null,"ID":"b"}`:   `"a"`,
		`{"id":null,"ID":"b"}`:            `"b"`,
		`{"Id":"a","ID":"b","iD":null}`:   `"b"`,
		`{"i\u0064":"a","ID":"b"}`:        `"a"`,
		`{"id":17,"ID":"b"}`:              `17`,
		`{"id":null,"ID":null,"Id":null}`: ``,
	} {
		o, ok := payload.Parse([]byte(text))
		require.True(t, ok)
		assert.Equal(t, want, string(o.Get("id")), text)
	}
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
