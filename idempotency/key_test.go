package idempotency_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/idempotency"
)

func TestNewKey_KeepsOrHashesAndNeverCuts(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 255)
	keys := map[idempotency.Key]string{}
	for _, id := range []string{
		"a", "A", "a ", long, long[1:], long + "a", long + "b", long + "a ", "\xff", "\xfe", "\ufffd", "\x00", "a\x00", "a\x00b", "sha256:", "sha256:a",
		strings.Repeat("\u00e9", 127), strings.Repeat("\u00e9", 128),
	} {
		k, err := idempotency.NewKey("s", id)
		require.NoError(t, err)
		assert.LessOrEqual(t, len(k.ID), idempotency.MaxKeyBytes)
		assert.True(t, utf8.ValidString(k.ID) && !strings.Contains(k.ID, "\x00"), "%q is one that every store can keep", k.ID)
		assert.Empty(t, keys[k], "%q meets %q", id, keys[k])
		keys[k] = id
		if len(id) > 255 {
			forged, err := idempotency.NewKey("s", k.ID)
			require.NoError(t, err)
			assert.NotEqual(t, k, forged, "the hash of an id is no way to meet it")
		}
	}
	k, err := idempotency.NewKey("s", long)
	require.NoError(t, err)
	assert.Equal(t, idempotency.Key{Scope: "s", ID: long}, k)
	for _, bad := range [][2]string{{"", "a"}, {"s", ""}, {"s\x00", "a"}, {long + "x", "a"}, {"\xff", "a"}} {
		_, err := idempotency.NewKey(bad[0], bad[1])
		assert.Error(t, err, "%q", bad)
	}
}

func TestKey_IdempotencyKeysDifferWhereKeysDo(t *testing.T) {
	t.Parallel()
	a := idempotency.Key{Scope: "a", ID: "bc"}.IdempotencyKey()
	assert.Equal(t, a, idempotency.Key{Scope: "a", ID: "bc"}.IdempotencyKey())
	assert.NotEqual(t, a, idempotency.Key{Scope: "ab", ID: "c"}.IdempotencyKey())
	assert.Regexp(t, "^[0-9a-f]{32}$", a)
}

func FuzzNewKeyIsInjective(f *testing.F) {
	f.Add("s", "a", "s", "b")
	f.Add("a", "bc", "ab", "c")
	f.Add("s", strings.Repeat("x", 256), "s", "sha256:")
	f.Fuzz(func(t *testing.T, s1, i1, s2, i2 string) {
		a, err1 := idempotency.NewKey(s1, i1)
		b, err2 := idempotency.NewKey(s2, i2)
		if err1 != nil || err2 != nil {
			return
		}
		if equal := s1 == s2 && i1 == i2; (a == b) != equal || (a.IdempotencyKey() == b.IdempotencyKey()) != equal {
			t.Fatalf("%q %q and %q %q: %v and %v", s1, i1, s2, i2, a, b)
		}
		if len(a.ID) > idempotency.MaxKeyBytes || len(a.Scope) > idempotency.MaxKeyBytes {
			t.Fatal("too long")
		}
	})
}
