package timing

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
)

// tokenOf is a token bound to the body, signed by sign.
func tokenOf(t testing.TB, algorithm string, sign func(input []byte) []byte) string {
	t.Helper()
	hash := sha256.Sum256(body)
	claims, err := json.Marshal(map[string]any{
		"iss": "provider", "aud": "receiver", "iat": at.Unix(), "exp": at.Unix() + 5, "hash": hex.EncodeToString(hash[:]),
	})
	require.NoError(t, err)
	input := base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"alg":%q,"kid":"1"}`, algorithm)) +
		"." + base64.RawURLEncoding.EncodeToString(claims)
	return input + "." + base64.RawURLEncoding.EncodeToString(sign([]byte(input)))
}

func hs256(secret string) func(input []byte) []byte {
	return func(input []byte) []byte {
		m := hmac.New(sha256.New, []byte(secret))
		m.Write(input)
		return m.Sum(nil)
	}
}

func tokenVerifier(t testing.TB, algorithm string, keys jose.KeySource, secrets jose.SecretSource) *jose.Verifier {
	t.Helper()
	v, err := jose.New(jose.Config{
		Token: jose.HeaderToken("X-Signature"), Keys: keys, Secrets: secrets, Algorithms: []string{algorithm},
		Issuer: "provider", Audience: "receiver",
		Binding: jose.Binding{BodyHash: "hash", BodyOnly: true, Hashes: map[string]crypto.Hash{"": crypto.SHA256}},
	})
	require.NoError(t, err)
	return v
}

func rsaKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return key
}

func tokenRows(t testing.TB) []row {
	const n = 4
	var secrets jose.StaticSecrets
	var tokens []string
	for i := range n {
		s, err := jose.NewSecret(fmt.Sprintf("secret-%d", i), secretText(i))
		require.NoError(t, err)
		secrets = append(secrets, s)
		tokens = append(tokens, tokenOf(t, "HS256", hs256(secretText(i))))
	}
	key := rsaKey(t)
	private := tokenOf(t, "RS256", func(input []byte) []byte {
		sum := sha256.Sum256(input)
		signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
		require.NoError(t, err)
		return signature
	})
	which := func(right string, first int) []class {
		return []class{wrongAt("first byte", right, first, base64URL), wrongAt("last byte", right, len(right)-2, base64URL)}
	}
	signature := strings.LastIndexByte(private, '.') + 1
	smaller := signature // where a zero makes a number that is below the modulus too: one above is refused at sight
	for private[smaller] == 'A' {
		smaller++
	}
	mismatch := same(truhook.SignatureMismatch, 2)
	withSecrets := func() subject { return verifying(tokenVerifier(t, "HS256", nil, secrets), len(tokens[0])) }
	return []row{
		{
			name: "token, HS256: which byte is wrong", wants: mismatch, subject: withSecrets(),
			classes: which(tokens[0], strings.LastIndexByte(tokens[0], '.')+1),
		},
		{
			name: "token, HS256: which of 4 secrets fits", wants: same("", 2), subject: withSecrets(),
			classes: []class{equal("first", tokens[0]), equal("last", tokens[n-1])},
		},
		{
			name: "token, RS256: which byte of the signature is wrong", dear: true, wants: mismatch,
			subject: verifying(tokenVerifier(t, "RS256", jose.StaticKeys{{ID: "1", Key: &key.PublicKey}}, nil), len(private)),
			classes: []class{wrongAt("first byte", private, smaller, "A"), wrongAt("last byte", private, len(private)-2, base64URL)},
		},
	}
}
