package jose_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
)

// oneRefusal checks that every message is refused in the very same words after the same use of the private key.
func oneRefusal(t *testing.T, messages ...[]byte) {
	t.Helper()
	d, used := watched(t)
	for i, m := range messages {
		_, _, err := d.Decrypt(t.Context(), m)
		require.EqualError(t, err, "decrypt-failed: encrypted content")
		require.EqualValues(t, i+1, used.Load(), "message %d", i)
	}
}

// badContents are a body with a padding that is wrong under a right tag, one with a wrong tag, and one with both.
func badContents(t testing.TB) (padding, tag, both []byte) {
	t.Helper()
	cek, raw := make([]byte, 64), make([]byte, 32)
	block, err := aes.NewCipher(cek[32:])
	require.NoError(t, err)
	ciphertext := make([]byte, 32)
	cipher.NewCBCEncrypter(block, make([]byte, 16)).CryptBlocks(ciphertext, append(raw[:31:31], 17))
	zeros := make([]byte, 32)
	return jwe{ciphertext: ciphertext}.text(t), jwe{content: body, tag: zeros}.text(t), jwe{ciphertext: ciphertext, tag: zeros}.text(t)
}

// jwx told wrong padding from a wrong tag.
func TestAdvisory_GHSA_rm8v_mxj3_5rmq_PaddingAndTagFailAlike(t *testing.T) {
	t.Parallel()
	padding, tag, both := badContents(t)
	oneRefusal(t, padding, tag, both)
}

// badKeys are wrapped keys that fail at each step of OAEP, or give a key of a wrong size or value.
func badKeys(t testing.TB) (messages [][]byte) {
	t.Helper()
	public := &testKeys().rsa.PublicKey
	raw := func(first byte) []byte { // RSA without OAEP: the padded text begins with first, which OAEP wants to be 0
		m := new(big.Int).SetBytes(append([]byte{first, 2}, bytes.Repeat([]byte{0xaa}, public.Size()-2)...))
		return m.Exp(m, big.NewInt(int64(public.E)), public.N).FillBytes(make([]byte, public.Size()))
	}
	label := must(rsa.EncryptOAEP(sha256.New(), rand.Reader, public, make([]byte, 64), []byte("label")))
	wrong := make([]byte, 64)
	wrong[0] = 1
	other := must(rsa.EncryptOAEP(sha256.New(), rand.Reader, public, wrong, nil))
	for _, wrapped := range [][]byte{raw(0), raw(1), label, other, make([]byte, 256)} {
		messages = append(messages, jwe{wrapped: wrapped, content: body}.text(t))
	}
	for _, size := range []int{0, 1, 16, 32, 63, 65, 128} {
		messages = append(messages, jwe{cek: make([]byte, size), content: body}.text(t))
	}
	return messages
}

// Authlib said that a content key has a wrong length, which is an oracle about what RSA gave.
func TestAdvisory_CVE_2026_28490_KeyAndContentFailAlike(t *testing.T) {
	t.Parallel()
	padding, tag, both := badContents(t)
	oneRefusal(t, append(badKeys(t), padding, tag, both)...)
}

// jsrsasign took longer, or failed otherwise, for some ciphertexts of RSA (Marvin). "make timing" measures OAEP.
func TestAdvisory_CVE_2024_21484_WhatRSAGivesDoesNotShow(t *testing.T) {
	t.Parallel()
	oneRefusal(t, badKeys(t)...)
}

// refusesPKCS1v15 checks that no ciphertext under RSAES-PKCS1-v1_5 reaches the private key, well padded or not.
func refusesPKCS1v15(t *testing.T, header string) {
	t.Helper()
	public := &testKeys().rsa.PublicKey
	good := must(rsa.EncryptPKCS1v15(rand.Reader, public, make([]byte, 64)))
	bad := slices.Clone(good)
	bad[10] ^= 1
	refusesUnread(t, truhook.AlgorithmNotAllowed, jwe{header: header, wrapped: good, content: body}.text(t),
		jwe{header: header, wrapped: bad, content: body}.text(t))
}

// web-token told good PKCS #1 v1.5 padding from bad, which decrypts for the attacker (Bleichenbacher).
func TestAdvisory_GHSA_5739_39v2_5754_PKCS1v15IsNotDecrypted(t *testing.T) {
	t.Parallel()
	refusesPKCS1v15(t, `{"alg":"RSA1_5","enc":"A256CBC-HS512","kid":"1"}`)
}

// jwcrypto decrypted under PKCS #1 v1.5 unless told otherwise, an oracle (Bleichenbacher). Here nothing can ask for it.
func TestAdvisory_CVE_2016_6298_PKCS1v15CannotBeAllowed(t *testing.T) {
	t.Parallel()
	refusesPKCS1v15(t, `{"enc":"A256CBC-HS512","kid":"1","alg":"RSA1_5","x":"RSA-OAEP-256"}`)
	cfg := decrypterConfig()
	cfg.KeyAlgorithms = []string{"RSA-OAEP-256", "RSA1_5"}
	_, err := jose.NewDecrypter(cfg)
	require.Error(t, err)
}

// PHP's openssl extension was an oracle for PKCS #1 v1.5 without a JWE around it.
func TestAdvisory_GHSA_hh26_4ppw_5864_BareRSAIsOAEPOnly(t *testing.T) {
	t.Parallel()
	d, used := watched(t)
	good := must(rsa.EncryptPKCS1v15(rand.Reader, &testKeys().rsa.PublicKey, body))
	for _, algorithm := range []string{"RSA1_5", "", "RSA", "PKCS1", "rsa-oaep"} {
		_, err := d.DecryptRSA(t.Context(), algorithm, "1", good)
		require.ErrorIs(t, err, truhook.AlgorithmNotAllowed)
	}
	assert.Zero(t, used.Load())
	_, err := d.DecryptRSA(t.Context(), "RSA-OAEP-256", "1", good)
	require.EqualError(t, err, "decrypt-failed: encrypted content")
}

// RustCrypto's rsa leaked the key by the time that decryption took. Here crypto/rsa decrypts, and every failure is one.
func TestAdvisory_RUSTSEC_2023_0071_EveryChangedByteFailsAlike(t *testing.T) {
	t.Parallel()
	d, used := watched(t)
	good := must(rsa.EncryptOAEP(sha256.New(), rand.Reader, &testKeys().rsa.PublicKey, body, nil))
	for i := range 32 {
		bad := slices.Clone(good)
		bad[i*8+7] ^= 1
		_, err := d.DecryptRSA(t.Context(), "RSA-OAEP-256", "1", bad)
		require.EqualError(t, err, "decrypt-failed: encrypted content")
	}
	assert.EqualValues(t, 32, used.Load())
}
