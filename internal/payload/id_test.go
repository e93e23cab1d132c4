package payload_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/internal/payload"
)

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
