package payload_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/truhook/truhook/internal/payload"
)

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
