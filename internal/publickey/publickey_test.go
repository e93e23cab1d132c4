package publickey_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/internal/publickey"
)

func TestText_RecognizesPublicKeysAndNothingElse(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	public, _, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	spki, err := x509.MarshalPKIXPublicKey(public)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	block := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}))
	for name, text := range map[string]string{
		"PEM": block, "PEM behind blanks": " \n" + block, "PEM, cut": block[:30], "OpenSSH": "ssh-ed25519 AAAA a@b", "OpenSSH, RSA": "\tssh-rsa AAAA",
		"OpenSSH, ECDSA": "ecdsa-sha2-nistp256 AAAA", "a security key": "sk-ssh-ed25519@openssh.com AAAA",
		"JWK": `{"kty":"RSA","n":"x","e":"AQAB"}`, "JWK behind a line": "\n" + `{ "n":"x", "kty" : "RSA"}`,
		"DER": string(spki), "PKCS #1": string(x509.MarshalPKCS1PublicKey(&key.PublicKey)), "a certificate": string(certificate),
	} {
		assert.True(t, publickey.Text(text), name)
	}
	for name, text := range map[string]string{
		"nothing": "", "one character": "0", "two": "0\x00", "a word": "secret", "JSON": `{"secret":"x"}`, "hex": "3059301306", "a dash": "-----",
		"a sequence of something else": string(spki[:len(spki)-1]), "in the middle": "a ssh-rsa b", "like it": "ssh-rsa", "kty": `"kty"`,
	} {
		assert.False(t, publickey.Text(text), name)
	}
}
