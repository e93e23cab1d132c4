package jose_test

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/rand"
	"encoding/base64"
	mathrand "math/rand/v2"
	"strings"
	"testing"

	gojose "github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/jose"
)

// The content of a JWE is decrypted by code of this package, so it is held to go-jose: what that encrypted comes out,
// and of what was changed afterwards each takes exactly what the other takes.
func TestContentDecryptionAgreesWithGoJose(t *testing.T) {
	t.Parallel()
	key := testKeys().rsa
	for _, enc := range []string{"A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512", "A128GCM", "A192GCM", "A256GCM"} {
		for _, alg := range []string{"RSA-OAEP", "RSA-OAEP-256"} {
			t.Run(enc+"/"+alg, func(t *testing.T) {
				t.Parallel()
				d := newDecrypter(t, jose.DecrypterConfig{
					Keys:          jose.StaticPrivateKeys{{ID: "1", Key: key}},
					KeyAlgorithms: []string{alg}, ContentAlgorithms: []string{enc},
				})
				encrypter, err := gojose.NewEncrypter(gojose.ContentEncryption(enc),
					gojose.Recipient{Algorithm: gojose.KeyAlgorithm(alg), Key: &key.PublicKey, KeyID: "1"}, nil)
				require.NoError(t, err)
				seed := mathrand.Uint64()
				random := mathrand.New(mathrand.NewPCG(seed, 0))
				for range 8 {
					content := make([]byte, random.IntN(5*aes.BlockSize))
					_, _ = rand.Read(content)
					made, err := encrypter.Encrypt(content)
					require.NoError(t, err)
					text, err := made.CompactSerialize()
					require.NoError(t, err)
					got, id, err := d.Decrypt(t.Context(), []byte(text))
					require.NoError(t, err)
					require.True(t, bytes.Equal(content, got), "seed %d", seed)
					require.Equal(t, "1", id)

					changed := changedByte(random, text)
					want, theirs := goJoseDecrypt(changed, key, alg, enc)
					got, _, err = d.Decrypt(t.Context(), []byte(changed))
					require.Equal(t, theirs == nil, err == nil, "seed %d: go-jose %v, this package %v", seed, theirs, err)
					require.True(t, bytes.Equal(want, got))
				}
			})
		}
	}
}

// changedByte changes one decoded byte of one part, so that the spelling stays canonical: go-jose takes others too.
func changedByte(random *mathrand.Rand, text string) string {
	parts := strings.Split(text, ".")
	part := 1 + random.IntN(4)
	for parts[part] == "" { // the ciphertext of nothing
		part = 1 + random.IntN(4)
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[part])
	if err != nil {
		panic("go-jose wrote what cannot be decoded")
	}
	raw[random.IntN(len(raw))] ^= byte(1 << random.IntN(8))
	parts[part] = b64(raw)
	return strings.Join(parts, ".")
}

func goJoseDecrypt(text string, key crypto.PrivateKey, alg, enc string) ([]byte, error) {
	parsed, err := gojose.ParseEncryptedCompact(text, []gojose.KeyAlgorithm{gojose.KeyAlgorithm(alg)},
		[]gojose.ContentEncryption{gojose.ContentEncryption(enc)})
	if err != nil {
		return nil, err
	}
	return parsed.Decrypt(key)
}
