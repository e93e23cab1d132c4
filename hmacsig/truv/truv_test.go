package truv_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/hmacsig/truv"
)

const accessSecret = "sandbox-0000test0only0000test0only0000test0only0"

func TestNew_ASecretThatCannotBeMeantIsAnError(t *testing.T) {
	t.Parallel()
	for name, secret := range map[string]string{
		"empty": "", "a newline at its end": accessSecret + "\n", "CR LF": accessSecret + "\r\n", "a newline in front": "\n" + accessSecret,
		"a byte order mark": "\xef\xbb\xbf" + accessSecret,
	} {
		for _, secrets := range [][]string{{secret}, {accessSecret, secret}} {
			v, err := truv.New(secrets[0], secrets[1:]...)
			require.Error(t, err, name)
			assert.Nil(t, v)
			assert.NotContains(t, err.Error(), "0000test0only")
		}
	}
	_, err := truv.New(accessSecret, "dev-0000test0only0000test0only0000test0only0")
	require.NoError(t, err)
}
