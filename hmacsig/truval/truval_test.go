package truval_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/hmacsig/truval"
)

func TestNewSecret_Is32RandomBytesAsHex(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 100 {
		secret := truval.NewSecret()
		require.Regexp(t, `^[0-9a-f]{64}$`, secret)
		require.False(t, seen[secret])
		seen[secret] = true
		_, err := truval.New(secret)
		require.NoError(t, err)
	}
}

func TestNew_TheLengthOfASecret(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"", "x", "1234567", strings.Repeat(" ", 7), "12345678\n", "\n12345678", "1234567\r\n", "\xef\xbb\xbf12345678"} {
		_, err := truval.New(secret)
		require.Error(t, err)
		_, err = truval.New("12345678", secret)
		require.Error(t, err)
	}
	_, err := truval.New("12345678", "whsec_12")
	require.NoError(t, err)
}
