package jose_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/jose"
)

func block(label string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
}

func TestPEMIsReadByItsBytesNotByItsLabel(t *testing.T) {
	t.Parallel()
	k := testKeys().rsa
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k)
	require.NoError(t, err)
	spki, err := x509.MarshalPKIXPublicKey(&k.PublicKey)
	require.NoError(t, err)
	for _, label := range []string{"PRIVATE KEY", "RSA PRIVATE KEY", "PUBLIC KEY", "X"} {
		for _, der := range [][]byte{pkcs8, x509.MarshalPKCS1PrivateKey(k)} {
			got, err := jose.ParsePrivateKey(append([]byte("made for a test\n"), block(label, der)...))
			require.NoError(t, err, label)
			assert.True(t, k.Equal(got))
			assert.NotNil(t, got.(*rsa.PrivateKey).Precomputed.Dp, "precomputed")
			_, err = jose.ParsePublicKey(block(label, der))
			require.Error(t, err, "a private key is no public one")
		}
		for _, der := range [][]byte{spki, x509.MarshalPKCS1PublicKey(&k.PublicKey)} {
			got, err := jose.ParsePublicKey(block(label, der))
			require.NoError(t, err, label)
			assert.True(t, k.PublicKey.Equal(got))
			_, err = jose.ParsePublicKey(append([]byte("\xef\xbb\xbf"), block(label, der)...))
			require.NoError(t, err, "the mark of an editor")
			_, err = jose.ParsePrivateKey(block(label, der))
			require.Error(t, err, "a public key is no private one")
		}
	}
	ec, err := x509.MarshalPKIXPublicKey(&testKeys().ec.PublicKey)
	require.NoError(t, err)
	_, err = jose.ParsePublicKey(block("PUBLIC KEY", ec))
	require.NoError(t, err)
}

func TestPEMThatIsNotOneKeyIsRefused(t *testing.T) {
	t.Parallel()
	k := testKeys()
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k.rsa)
	require.NoError(t, err)
	spki, err := x509.MarshalPKIXPublicKey(&k.rsa.PublicKey)
	require.NoError(t, err)
	ec, err := x509.MarshalPKCS8PrivateKey(k.ec)
	require.NoError(t, err)
	encrypted := pem.EncodeToMemory(&pem.Block{
		Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"}, Bytes: pkcs8,
	})
	for name, data := range map[string][]byte{
		"nothing":         nil,
		"no PEM":          []byte("hello"),
		"DER":             pkcs8,
		"an empty block":  block("PRIVATE KEY", nil),
		"cut":             block("PRIVATE KEY", pkcs8[:len(pkcs8)-1]),
		"longer":          block("PRIVATE KEY", append(pkcs8[:len(pkcs8):len(pkcs8)], 0)),
		"two keys":        append(block("PRIVATE KEY", pkcs8), block("PRIVATE KEY", pkcs8)...),
		"text after it":   append(block("PRIVATE KEY", pkcs8), 'x'),
		"encrypted":       encrypted,
		"encrypted PKCS8": block("ENCRYPTED PRIVATE KEY", pkcs8),
		"an EC key":       block("PRIVATE KEY", ec),
		"over 32 KiB":     append(bytes.Repeat([]byte("\n"), 32<<10), block("PRIVATE KEY", pkcs8)...),
		"two public keys": append(block("PUBLIC KEY", spki), block("PUBLIC KEY", spki)...),
	} {
		private, err := jose.ParsePrivateKey(data)
		require.Error(t, err, name)
		assert.Nil(t, private, name)
		assert.NotContains(t, err.Error(), "MII", name)
		public, err := jose.ParsePublicKey(data)
		require.Error(t, err, name)
		assert.Nil(t, public, name)
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	_, err = jose.ParsePrivateKey(block("X", x509.MarshalPKCS1PrivateKey(small)))
	require.Error(t, err)
	_, err = jose.ParsePublicKey(block("X", x509.MarshalPKCS1PublicKey(&small.PublicKey)))
	require.Error(t, err)
}

// Every way that fmt, slog and JSON have to print a key, alone and inside of what holds it.
func TestAPrivateKeyIsNeverPrinted(t *testing.T) {
	t.Parallel()
	k := testKeys().rsa
	key := jose.PrivateKey{ID: "the-id", Key: k}
	set := jose.StaticPrivateKeys{key}
	cfg := jose.DecrypterConfig{
		Keys: set, KeyAlgorithms: []string{"RSA-OAEP"}, ContentAlgorithms: []string{"A256CBC-HS512"},
	}
	d := newDecrypter(t, cfg)
	whole := config()
	whole.Decrypter = d
	var out bytes.Buffer
	for _, held := range []any{key, &key, set, cfg, &cfg, d, *d, newVerifier(t, whole), *newVerifier(t, whole), []any{d}, struct{ D any }{d}} {
		for _, verb := range "vsqdxXbotTp" {
			for _, flags := range []string{"", "+", "#"} {
				fmt.Fprintf(&out, "%"+flags+string(verb)+"\n", held)
			}
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "held", held)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "held", held)
		text, _ := json.Marshal(held)
		out.Write(text)
	}
	assert.Contains(t, out.String(), "jose.PrivateKey(the-id)")
	text := strings.ToLower(out.String())
	for _, secret := range []string{
		k.D.String()[:20], k.D.Text(16)[:20], k.Primes[0].String()[:20], k.Primes[0].Text(16)[:20], b64(k.D.Bytes())[:20],
		hex.EncodeToString([]byte(k.D.String()))[:20], fmt.Sprint(k.D.Bits()[0]), fmt.Sprintf("%x", uint(k.D.Bits()[0])),
		fmt.Sprint(k.Primes[0].Bits()[0]),
	} {
		assert.NotContains(t, text, strings.ToLower(secret))
	}
}

func TestStaticSetsAnswerByID(t *testing.T) {
	t.Parallel()
	set := jose.StaticKeys{{ID: "a", Key: 1}, {ID: "b", Key: 2}}
	keys, err := set.PublicKeys(context.Background(), jose.Query{KeyID: "b"})
	require.NoError(t, err)
	assert.Equal(t, []jose.PublicKey{{ID: "b", Key: 2}}, keys)
	keys, err = set.PublicKeys(context.Background(), jose.Query{KeyID: ""})
	require.NoError(t, err)
	assert.Empty(t, keys)
	keys, err = jose.StaticKeys(nil).PublicKeys(context.Background(), jose.Query{KeyID: "a"})
	require.NoError(t, err)
	assert.Empty(t, keys)
	private, err := jose.StaticPrivateKeys{{ID: "a"}}.PrivateKeys(context.Background(), "a")
	require.NoError(t, err)
	assert.Len(t, private, 1)
}
