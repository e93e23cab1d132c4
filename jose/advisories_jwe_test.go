package jose_test

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
)

// must is for what a test makes and does not test.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// usedKey counts the operations with a private key.
type usedKey struct {
	hsm
	used *atomic.Int64
}

func (k usedKey) Decrypt(r io.Reader, text []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	k.used.Add(1)
	return k.hsm.Decrypt(r, text, opts)
}

// watched returns a decrypter for RSA-OAEP-256 and the number of times that its private key was used.
func watched(t testing.TB, contents ...string) (*jose.Decrypter, *atomic.Int64) {
	t.Helper()
	cfg, used := decrypterConfig(), new(atomic.Int64)
	cfg.Keys = jose.StaticPrivateKeys{{ID: "1", Key: usedKey{hsm{key: testKeys().rsa}, used}}}
	cfg.ContentAlgorithms = append(cfg.ContentAlgorithms, contents...)
	return newDecrypter(t, cfg), used
}

// refusesUnread checks that each message is refused for want without the private key being used.
func refusesUnread(t *testing.T, want truhook.Reason, messages ...[]byte) {
	t.Helper()
	d, used := watched(t)
	for _, m := range messages {
		got, _, err := d.Decrypt(t.Context(), m)
		require.Equal(t, want, truhook.ReasonOf(err), "%.80s", m)
		require.Nil(t, got)
	}
	assert.Zero(t, used.Load(), "the private key was used")
}

// headed is a message whose key is wrapped as if for RSA, under any header.
func headed(t testing.TB, header string) []byte {
	t.Helper()
	return jwe{header: header, content: body}.text(t)
}

// go-jose computed ECDH with points that are not on the curve, which tells the private key bit by bit.
func TestAdvisory_CVE_2016_9121_PointsOffTheCurveAreNotComputedWith(t *testing.T) {
	t.Parallel()
	epk := fmt.Sprintf(`{"kty":"EC","crv":"P-256","x":%q,"y":%q}`, b64(append(make([]byte, 31), 1)), b64(append(make([]byte, 31), 1)))
	refusesUnread(t, truhook.DecryptFailed,
		headed(t, `{"alg":"ECDH-ES","enc":"A256CBC-HS512","kid":"1","epk":`+epk+`}`),
		headed(t, `{"alg":"ECDH-ES+A256KW","enc":"A256CBC-HS512","kid":"1","epk":`+epk+`}`))
	refusesUnread(t, truhook.AlgorithmNotAllowed, headed(t, `{"alg":"ECDH-ES","enc":"A256CBC-HS512","kid":"1"}`))

	_, err := jose.ParseJWKS([]byte(`{"keys":[` + strings.Replace(epk, `{`, `{"kid":"1",`, 1) + `]}`))
	require.Error(t, err)
	cfg := config()
	cfg.Algorithms = []string{"ES256"}
	cfg.Keys = jose.StaticKeys{{ID: "1", Key: &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1), Y: big.NewInt(1)}}}
	_, err = jose.New(cfg)
	require.Error(t, err)
}

// The length of the header in the tag overflowed 32 bits in go-jose, and bytes could move from one part to the next.
func TestAdvisory_CVE_2016_9123_NoByteMovesBetweenThePartsUnderOneTag(t *testing.T) {
	t.Parallel()
	d, _ := watched(t)
	cek := make([]byte, 64)
	good := jwe{cek: cek, content: bytes.Repeat(body, 4)}
	parts := good.parts(t)
	protected, iv, text := parts[0], make([]byte, 16), must(base64.RawURLEncoding.DecodeString(parts[3]))
	for bits, want := range map[uint64]truhook.Reason{
		uint64(len(protected)) * 8: "", uint64(len(protected)): truhook.DecryptFailed, 0: truhook.DecryptFailed,
		1<<32 + uint64(len(protected))*8: truhook.DecryptFailed, uint64(len(protected))*8 - 128: truhook.DecryptFailed,
	} {
		mac := hmac.New(sha512.New, cek[:32])
		mac.Write([]byte(protected))
		mac.Write(iv)
		mac.Write(text)
		mac.Write(binary.BigEndian.AppendUint64(nil, bits))
		m := good
		m.ciphertext, m.tag = text, mac.Sum(nil)[:32]
		_, _, err := d.Decrypt(t.Context(), m.text(t))
		require.Equal(t, want, truhook.ReasonOf(err), "%d bits", bits)
	}
	moved := good
	moved.iv, moved.ciphertext, moved.tag = text[:16], append(slices.Clone(iv), text[16:]...), must(base64.RawURLEncoding.DecodeString(parts[4]))
	_, _, err := d.Decrypt(t.Context(), moved.text(t))
	require.ErrorIs(t, err, truhook.DecryptFailed)
	refusesUnread(t, truhook.DecryptFailed, headed(t, `{"alg":"RSA-OAEP-256","enc":"A256CBC-HS512","kid":"1","a":"`+strings.Repeat("a", 16<<10)+`"}`))
}

// iterations are headers that ask for a key derivation of many rounds.
func iterations(count, algorithm string) string {
	return `{"alg":"` + algorithm + `","enc":"A256CBC-HS512","kid":"1","p2s":"c2FsdHNhbHQ","p2c":` + count + `}`
}

// go-jose derived a key from a password in as many rounds as the header asked for.
func TestAdvisory_GHSA_2c7c_3mj9_8fqh_RoundsAreNotCounted(t *testing.T) {
	t.Parallel()
	refusesUnread(t, truhook.DecryptFailed, headed(t, iterations("2147483647", "PBES2-HS256+A128KW")))
	refusesUnread(t, truhook.AlgorithmNotAllowed, headed(t, `{"alg":"PBES2-HS256+A128KW","enc":"A256CBC-HS512","kid":"1"}`))
}

// jwx derived a key in as many rounds as the header asked for, also that of one recipient of several.
func TestAdvisory_CVE_2023_49290_RoundsOfARecipientAreNotCounted(t *testing.T) {
	t.Parallel()
	refusesUnread(t, truhook.DecryptFailed, headed(t, iterations("18446744073709551615", "PBES2-HS512+A256KW")),
		[]byte(`{"protected":"`+b64([]byte(`{"enc":"A256CBC-HS512"}`))+`","recipients":[{"header":`+iterations("2147483647", "PBES2-HS512+A256KW")+
			`,"encrypted_key":"AA"}],"iv":"AA","ciphertext":"AA","tag":"AA"}`))
}

// jose2go derived a key in as many rounds as the header asked for, also where a signed token was due.
func TestAdvisory_CVE_2023_50658_RoundsInTheTokensPlaceAreNotCounted(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, config())
	header := iterations("1000000000", "PBES2-HS256+A128KW")
	refusesToken(t, v, string(headed(t, header)), truhook.MalformedToken)
	refusesToken(t, v, b64([]byte(header))+".e30.AA", truhook.MalformedToken)
}

// jwcrypto derived a key in as many rounds as the header asked for, in whatever way the number was written.
func TestAdvisory_CVE_2023_6681_NoSpellingOfRoundsIsRead(t *testing.T) {
	t.Parallel()
	for _, count := range []string{"1e9", "-1", "0", `"1000000000"`, "null", "[1]", "1.5e300"} {
		refusesUnread(t, truhook.DecryptFailed, headed(t, iterations(count, "PBES2-HS256+A128KW")))
	}
}

// web-token derived a key in as many rounds as the header asked for, without any limit.
func TestAdvisory_GHSA_3prj_6hqw_cm82_RoundsUnderAnAllowedAlgorithmAreRefused(t *testing.T) {
	t.Parallel()
	refusesUnread(t, truhook.DecryptFailed, headed(t, iterations("2147483647", "RSA-OAEP-256")), headed(t, iterations("1", "PBES2-HS384+A192KW")))
}

// bomb is 10 MiB of zeros in about 10 KiB.
var bomb = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	w := must(flate.NewWriter(&b, flate.DefaultCompression))
	must(w.Write(make([]byte, 10<<20)))
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
})

// go-jose inflated what was encrypted to any size.
func TestAdvisory_CVE_2024_28180_ACompressedBodyIsNotInflated(t *testing.T) {
	t.Parallel()
	refusesUnread(t, truhook.DecryptFailed,
		jwe{header: `{"alg":"RSA-OAEP-256","enc":"A256CBC-HS512","kid":"1","zip":"DEF"}`, content: bomb()}.text(t))
}

// jwx inflated what was encrypted to any size.
func TestAdvisory_CVE_2024_28122_NoKindOfCompressionIsRead(t *testing.T) {
	t.Parallel()
	packed := bomb()
	for _, zip := range []string{`"def"`, `"GZ"`, `""`, `null`, `["DEF"]`, `true`} {
		refusesUnread(t, truhook.DecryptFailed,
			jwe{header: `{"alg":"RSA-OAEP-256","enc":"A256CBC-HS512","kid":"1","zip":` + zip + `}`, content: packed}.text(t))
	}
}

// jose2go inflated tokens to any size. Here content stays what it was when it was encrypted.
func TestAdvisory_CVE_2025_63811_ContentStaysAsItWasEncrypted(t *testing.T) {
	t.Parallel()
	packed := bomb()
	require.Less(t, len(packed), 32<<10)
	got, _, err := newDecrypter(t, decrypterConfig()).Decrypt(t.Context(), jwe{content: packed}.text(t))
	require.NoError(t, err)
	assert.Equal(t, packed, got)
	refusesToken(t, newVerifier(t, config()), string(jwe{content: packed}.text(t)), truhook.MalformedToken)
}

// go-jose up to 4.1.3 panicked where a wrapped key was empty or too short to unwrap.
func TestAdvisory_CVE_2026_34986_AWrappedKeyThatIsMissingIsRefused(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []string{"A128KW", "A256KW", "A256GCMKW", "ECDH-ES+A256KW", "dir"} {
		for _, wrapped := range [][]byte{{}, {1}, make([]byte, 8), make([]byte, 24)} {
			refusesUnread(t, truhook.AlgorithmNotAllowed,
				jwe{header: `{"alg":"` + algorithm + `","enc":"A256CBC-HS512","kid":"1"}`, wrapped: wrapped, content: body}.text(t))
		}
	}
	for _, wrapped := range [][]byte{{}, {1}, make([]byte, 255), make([]byte, 257), make([]byte, 1024)} {
		refusesUnread(t, truhook.DecryptFailed, jwe{wrapped: wrapped, content: body}.text(t))
	}
}

// go-jose 4.1.4 panicked over an empty ciphertext with a right tag.
func TestAdvisory_GOJOSE_4_1_8_AnEmptyCiphertextUnderARightTagIsRefused(t *testing.T) {
	t.Parallel()
	refusesUnread(t, truhook.DecryptFailed, jwe{ciphertext: []byte{}}.text(t))
}

// go-jose 4.1.4 panicked over content keys of other sizes than the algorithm's.
func TestAdvisory_GOJOSE_4_1_8_ContentKeysOfEverySizeAreRefused(t *testing.T) {
	t.Parallel()
	d, used := watched(t)
	sizes := []int{0, 1, 15, 16, 17, 31, 32, 33, 48, 62, 63, 64, 65, 66, 95, 96, 128, 190}
	for _, size := range sizes {
		_, _, err := d.Decrypt(t.Context(), jwe{cek: make([]byte, size), content: body}.text(t))
		require.Equal(t, size == 64, err == nil, "%d bytes", size)
	}
	assert.EqualValues(t, len(sizes), used.Load())
}

// go-jose 4.1.4 overflowed the stack, which no recover catches, over a deeply nested header.
func TestAdvisory_GOJOSE_4_1_8_DeepHeadersAreRefused(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"a":`, 500_000)
	refusesUnread(t, truhook.DecryptFailed, []byte(b64([]byte(deep))+".AA.AA.AA.AA"))
	refusesToken(t, newVerifier(t, config()), b64([]byte(deep[:10_000]))+".e30.AA", truhook.MalformedToken)
	refusesToken(t, newVerifier(t, config()), rawToken(t, testKeys().rsa, `{"alg":"RS256","kid":"1"}`, strings.Repeat("[", 10_000)), truhook.MalformedToken)
}

// go-jose 4.1.4 parsed private keys and moduli of any length out of the header, and repeated the header in errors.
func TestAdvisory_GOJOSE_4_1_8_KeysOfTheSenderAreNotRead(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, config())
	other := testKeys().other
	own := fmt.Sprintf(`{"kty":"RSA","n":%q,"e":"AQAB"}`, b64(other.N.Bytes()))
	private := fmt.Sprintf(`{"kty":"RSA","n":%q,"e":"AQAB","d":%q}`, b64(other.N.Bytes()), b64(other.D.Bytes()))
	huge := `{"kty":"RSA","n":"` + strings.Repeat("f", 8<<10) + `","e":"AQAB"}`
	for _, jwk := range []string{own, private, huge, "null", `"canary"`} {
		text := rawToken(t, other, `{"alg":"RS256","kid":"1","jwk":`+jwk+`}`, string(toJSON(t, claims(nil))))
		_, err := v.Verify(t.Context(), delivery(text))
		require.ErrorIs(t, err, truhook.MalformedToken)
		assert.NotContains(t, err.Error(), "canary")
		assert.Less(t, len(err.Error()), 200)
	}
}

// go-jose 4.1.4 verified ES256 with keys of other curves, and took any number of recipients and signatures.
func TestAdvisory_GOJOSE_4_1_8_ACurveServesItsOwnAlgorithmOnly(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	input := b64([]byte(`{"alg":"ES256","kid":"1"}`)) + "." + b64(toJSON(t, claims(nil)))
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	require.NoError(t, err)
	cfg := config()
	cfg.Algorithms, cfg.Keys = []string{"ES256", "ES384"}, jose.StaticKeys{{ID: "1", Key: &key.PublicKey}}
	v := newVerifier(t, cfg)
	for _, half := range []int{32, 48} {
		if r.BitLen() > half*8 || s.BitLen() > half*8 {
			continue
		}
		signature := append(r.FillBytes(make([]byte, half)), s.FillBytes(make([]byte, half))...)
		refusesToken(t, v, input+"."+b64(signature), truhook.AlgorithmNotAllowed)
	}
	refusesUnread(t, truhook.DecryptFailed, []byte(`{"recipients":[`+strings.Repeat(`{"encrypted_key":"AA"},`, 10_000)+`{}],"ciphertext":"AA"}`))
}

// gcm is a message under A256GCM.
func gcm(t testing.TB) (parts []string, tag []byte) {
	t.Helper()
	key, iv := make([]byte, 32), make([]byte, 12)
	block, err := aes.NewCipher(key)
	require.NoError(t, err)
	aead, err := cipher.NewGCM(block)
	require.NoError(t, err)
	protected := b64([]byte(`{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"1"}`))
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &testKeys().rsa.PublicKey, key, nil)
	require.NoError(t, err)
	sealed := aead.Seal(nil, iv, body, []byte(protected))
	tag = sealed[len(body):]
	return []string{protected, b64(wrapped), b64(iv), b64(sealed[:len(body)]), b64(tag)}, tag
}

// json-jwt took a tag of AES-GCM of any length, down to one byte, which is right once in 256 times.
func TestAdvisory_CVE_2018_1000539_ATagOfGCMHasSixteenBytes(t *testing.T) {
	t.Parallel()
	d, _ := watched(t, "A256GCM")
	parts, tag := gcm(t)
	_, _, err := d.Decrypt(t.Context(), []byte(strings.Join(parts, ".")))
	require.NoError(t, err)
	for n := range 16 {
		_, _, err := d.Decrypt(t.Context(), []byte(strings.Join(append(parts[:4:4], b64(tag[:n])), ".")))
		require.ErrorIs(t, err, truhook.DecryptFailed, "%d bytes", n)
	}
	_, _, err = d.Decrypt(t.Context(), []byte(strings.Join(append(parts[:4:4], b64(append(slices.Clone(tag), 0))), ".")))
	require.ErrorIs(t, err, truhook.DecryptFailed)
}

// ruby-jwe took tags of any length, so that all those of one byte could be tried.
func TestAdvisory_CVE_2025_54887_NoTagOfOneByteIsTaken(t *testing.T) {
	t.Parallel()
	d, used := watched(t, "A256GCM")
	parts, tag := gcm(t)
	cbc := jwe{content: body}.parts(t)
	for b := range 256 {
		for _, p := range [][]string{parts, cbc} {
			_, _, err := d.Decrypt(t.Context(), []byte(strings.Join(append(p[:4:4], b64([]byte{byte(b)})), ".")))
			require.ErrorIs(t, err, truhook.DecryptFailed)
		}
	}
	assert.Zero(t, used.Load(), "a tag of %s is not compared with", hex.EncodeToString(tag))
}

// json-jwt did not count the parts of an encrypted message, and one without a tag was not authenticated.
func TestAdvisory_CVE_2019_18848_AMessageHasFiveParts(t *testing.T) {
	t.Parallel()
	parts := jwe{content: body}.parts(t)
	for n := range 9 {
		if n != 5 {
			refusesUnread(t, truhook.DecryptFailed, []byte(strings.Join(slices.Concat(parts, parts)[:n], ".")))
		}
	}
	refusesUnread(t, truhook.DecryptFailed, []byte(strings.Join(parts[:4], ".")+"."))
}
