package transunion_test

import (
	"crypto/rsa"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/jose/transunion"
)

func TestFingerprint_IsTheMD5OfTheSPKI(t *testing.T) {
	t.Parallel()
	key := privateKey(t, "service-current")
	assert.Regexp(t, `^([0-9a-f]{2}:){15}[0-9a-f]{2}$`, key.ID)
	id, err := transunion.Fingerprint(&key.Key.(*rsa.PrivateKey).PublicKey)
	require.NoError(t, err)
	assert.Equal(t, key.ID, id, "a private key has the id of its public key")
	for _, bad := range []any{nil, "key", 1, (*rsa.PublicKey)(nil), &rsa.PublicKey{}, (*rsa.PrivateKey)(nil)} {
		_, err := transunion.Fingerprint(bad)
		assert.Error(t, err, "%T", bad)
	}
}
