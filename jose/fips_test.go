package jose_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"math/big"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
)

const fipsChild = "TRUHOOK_TEST_FIPS_WRAPPED"

// In FIPS 140-only mode RSA-OAEP with SHA-1 does not work: that is our fault, an ordinary error and no panic.
func TestInFIPSOnlyModeSHA1IsOurFault(t *testing.T) {
	t.Parallel()
	if os.Getenv(fipsChild) == "" {
		child := exec.Command(os.Args[0], "-test.run=^TestInFIPSOnlyModeSHA1IsOurFault$", "-test.v")
		child.Env = append(os.Environ(), "GODEBUG=fips140=only", fipsChild+"=1")
		out, err := child.CombinedOutput()
		require.NoError(t, err, "%s", out)
		assert.Contains(t, string(out), "--- PASS: TestInFIPSOnlyModeSHA1IsOurFault")
		return
	}
	_, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, &testKeys().rsa.PublicKey, make([]byte, 64), nil)
	require.Error(t, err, "the mode is on")
	wrapped := make([]byte, 256)
	d := newDecrypter(t, decrypterConfig())
	_, _, err = d.Decrypt(t.Context(), jwe{
		header: `{"alg":"RSA-OAEP","enc":"A256CBC-HS512","kid":"1"}`, wrapped: wrapped, content: body,
	}.text(t))
	require.ErrorIs(t, err, truhook.Internal)
	_, err = d.DecryptRSA(t.Context(), "RSA-OAEP", "1", wrapped)
	require.ErrorIs(t, err, truhook.Internal)

	// A key of an odd number of bits does not work in this mode: whoever gives it made the mistake, not the sender.
	odd := testKeys().rsa.PublicKey
	odd.N = new(big.Int).SetBit(odd.N, 2048, 1)
	cfg := config()
	cfg.Keys = jose.StaticKeys{{ID: "1", Key: &odd}}
	_, err = jose.New(cfg)
	require.ErrorContains(t, err, "FIPS 140-3")
	cfg.Keys = keySetFunc(func(context.Context, string) ([]jose.PublicKey, error) {
		return []jose.PublicKey{{ID: "1", Key: &odd}}, nil
	})
	_, err = newVerifier(t, cfg).Verify(t.Context(), delivery(token(t, nil)))
	require.ErrorIs(t, err, truhook.KeysUnavailable)
	der, err := x509.MarshalPKIXPublicKey(&odd)
	require.NoError(t, err)
	_, err = jose.ParsePublicKey(block("PUBLIC KEY", der))
	require.ErrorContains(t, err, "FIPS 140-3")
	private := *testKeys().rsa
	private.N = odd.N
	decrypter := decrypterConfig()
	decrypter.Keys = jose.StaticPrivateKeys{{ID: "1", Key: &private}}
	_, err = jose.NewDecrypter(decrypter)
	require.ErrorContains(t, err, "FIPS 140-3")
	decrypter = decrypterConfig()
	decrypter.KeyAlgorithms = []string{"RSA-OAEP"}
	_, err = jose.NewDecrypter(decrypter)
	require.ErrorContains(t, err, "FIPS 140-3")

	got, _, err := d.Decrypt(t.Context(), jwe{content: body}.text(t))
	require.NoError(t, err)
	assert.Equal(t, body, got)
	_, err = newVerifier(t, config()).Verify(t.Context(), delivery(token(t, nil)))
	require.NoError(t, err)
}
