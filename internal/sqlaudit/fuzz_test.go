package sqlaudit_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/internal/sqlaudit"
)

func TestOlder_ComparesNumbersNotTexts(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{{"9.6", "12"}, {"3.9", "3.35"}, {"", "1"}, {"3", "3.1"}, {"x.9", "1.0"}} {
		assert.True(t, sqlaudit.Older(c[0], c[1]), "%v", c)
	}
	for _, c := range [][2]string{{"12", "12"}, {"12.1", "12"}, {"3.35.0", "3.35"}, {"15.7 (Debian)", "12"}} {
		assert.False(t, sqlaudit.Older(c[0], c[1]), "%v", c)
	}
}

// FuzzOlder takes what a database says its version is: none is older than itself, and never two than one another.
func FuzzOlder(f *testing.F) {
	f.Add("15.7 (Debian 15.7-0+deb12u1)", "12")
	f.Add("3.46.0", "3.35")
	f.Add("99999999999999999999", "-1.")
	f.Fuzz(func(t *testing.T, a, b string) {
		require.False(t, sqlaudit.Older(a, a))
		require.False(t, sqlaudit.Older(a, b) && sqlaudit.Older(b, a))
	})
}
