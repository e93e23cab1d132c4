package transunion_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
)

const fipsIDs = "TRUHOOK_TEST_FIPS_IDS"

// Where MD5 panics, whoever wrote the key ids down can verify all the same.
func TestVerify_InFIPSOnlyModeNeedsNoFingerprint(t *testing.T) {
	t.Parallel()
	if os.Getenv(fipsIDs) == "" {
		child := exec.Command(os.Args[0], "-test.run=^TestVerify_InFIPSOnlyModeNeedsNoFingerprint$", "-test.v")
		child.Env = append(os.Environ(), "GODEBUG=fips140=only",
			fipsIDs+"="+platformKey(t).ID, fipsIDs+"_OWN="+privateKey(t, "service-current").ID)
		out, err := child.CombinedOutput()
		require.NoError(t, err, "%s", out)
		assert.Contains(t, string(out), "--- PASS: TestVerify_InFIPSOnlyModeNeedsNoFingerprint")
		return
	}
	platform, err := jose.ParsePublicKey(readPEM(t, "platform-public"))
	require.NoError(t, err)
	_, err = transunion.Fingerprint(platform)
	require.Error(t, err, "an error, not a panic")
	own, err := jose.ParsePrivateKey(readPEM(t, "service-current"))
	require.NoError(t, err)
	v, err := transunion.New(transunion.Config{
		Entity:      entity,
		Keys:        jose.StaticKeys{{ID: os.Getenv(fipsIDs), Key: platform}},
		PrivateKeys: jose.StaticPrivateKeys{{ID: os.Getenv(fipsIDs + "_OWN"), Key: own}},
	})
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), delivery(t, "event-authorization-response"))
	require.NoError(t, err)
}
