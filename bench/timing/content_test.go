package timing

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	cryptorand "crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
)

const (
	jweHeader   = `{"alg":"RSA-OAEP-256","enc":"A256CBC-HS512","kid":"1"}`
	contentSize = 16 << 10 // so large that a step left out is seen beside the private key operation
)

// jweOf is a compact JWE of contentSize bytes. change gets at the content key before it is encrypted, at what the block
// cipher encrypts, and at the tag.
type jweOf struct {
	cek, padded func(b []byte) []byte
	tag         func(b []byte)
	wrapped     func(b []byte)
}

func (j jweOf) compact(t testing.TB, key *rsa.PublicKey) string {
	t.Helper()
	cek, iv := make([]byte, 64), make([]byte, aes.BlockSize)
	_, _ = cryptorand.Read(cek)
	_, _ = cryptorand.Read(iv)
	sent := cek
	if j.cek != nil {
		sent = j.cek(cek)
	}
	wrapped, err := rsa.EncryptOAEP(sha256.New(), cryptorand.Reader, key, sent, nil)
	require.NoError(t, err)
	if j.wrapped != nil {
		j.wrapped(wrapped)
	}
	padded := append(bytes.Repeat([]byte("x"), contentSize), bytes.Repeat([]byte{aes.BlockSize}, aes.BlockSize)...)
	if j.padded != nil {
		padded = j.padded(padded)
	}
	block, err := aes.NewCipher(cek[32:])
	require.NoError(t, err)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(padded, padded)
	header := base64.RawURLEncoding.EncodeToString([]byte(jweHeader))
	m := hmac.New(sha512.New, cek[:32])
	m.Write([]byte(header))
	m.Write(iv)
	m.Write(padded)
	m.Write(binary.BigEndian.AppendUint64(nil, uint64(len(header))*8))
	tag := m.Sum(nil)[:32]
	if j.tag != nil {
		j.tag(tag)
	}
	parts := []string{header}
	for _, part := range [][]byte{wrapped, iv, padded, tag} {
		parts = append(parts, base64.RawURLEncoding.EncodeToString(part))
	}
	return strings.Join(parts, ".")
}

// contentRows are about the ways in which encrypted content does not decrypt.
func contentRows(t testing.TB) []row {
	key := rsaKey(t)
	d, err := jose.NewDecrypter(jose.DecrypterConfig{
		Keys:          jose.StaticPrivateKeys{{ID: "1", Key: key}},
		KeyAlgorithms: []string{"RSA-OAEP-256"}, ContentAlgorithms: []string{"A256CBC-HS512"},
	})
	require.NoError(t, err)
	flip := func(at int) func([]byte) { return func(b []byte) { b[at] ^= 1 } }
	of := func(name string, j jweOf) class {
		return each(name, func(*rand.Rand) string { return j.compact(t, &key.PublicKey) })
	}
	classes := []class{
		of("OAEP", jweOf{wrapped: flip(255)}),
		of("size of the content key", jweOf{cek: func(b []byte) []byte { return b[:31] }}),
		of("tag", jweOf{tag: flip(0)}),
		of("padding", jweOf{padded: func(b []byte) []byte { b[len(b)-1] = 0; return b }}),
	}
	decrypt := func(f func(jwe []byte) error) subject {
		input := make([]byte, len(classes[0].texts[0]))
		return subject{input: input, call: func() error { return f(input) }}
	}
	whole := decrypt(func(jwe []byte) error {
		_, _, err := d.Decrypt(context.Background(), jwe)
		return err
	})
	leaky := decrypt(func(jwe []byte) error { // a private key operation, and a tag that is looked at only where it went well
		parts := bytes.Split(jwe, []byte("."))
		wrapped := make([]byte, 256)
		if _, err := base64.RawURLEncoding.Decode(wrapped, parts[1]); err != nil {
			return err
		}
		if cek, err := rsa.DecryptOAEP(sha256.New(), nil, key, wrapped, nil); err == nil {
			m := hmac.New(sha512.New, cek[:32])
			m.Write(jwe)
			m.Sum(nil)
		}
		return &truhook.Error{Reason: truhook.DecryptFailed}
	})
	return []row{
		{name: "encrypted content: what does not fit", dear: true, subject: whole, classes: classes, wants: same(truhook.DecryptFailed, len(classes))},
		{
			name: "control: no tag computed after a failed OAEP", dear: true, leaky: true, subject: leaky,
			classes: []class{classes[0], classes[2]}, wants: same(truhook.DecryptFailed, 2),
		},
	}
}
