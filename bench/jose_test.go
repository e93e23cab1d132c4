package bench

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
	"github.com/truhook/truhook/truhooktest"
)

// tu is a TransUnion receiver, and its deliveries, with keys of 2048 bits.
type tu struct {
	tb                           testing.TB
	platform, service, forger    *rsa.PrivateKey
	verifier                     *transunion.Verifier
	entity, platformID, serverID string
}

func newTU(tb testing.TB) *tu {
	tb.Helper()
	generate := func() *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		require.NoError(tb, err)
		return key
	}
	u := &tu{tb: tb, platform: generate(), service: generate(), forger: generate()}
	u.entity, u.platformID, u.serverID = "svc:f8329e0e-dd7a-11e7-98b4-469158467b1a", "platform", "service"
	var err error
	u.verifier, err = transunion.New(transunion.Config{
		Entity:      u.entity,
		Keys:        jose.StaticKeys{{ID: u.platformID, Key: &u.platform.PublicKey}},
		PrivateKeys: jose.StaticPrivateKeys{{ID: u.serverID, Key: u.service}},
	})
	require.NoError(tb, err)
	return u
}

func (u *tu) delivery(signer *rsa.PrivateKey, payload []byte, plain bool) *truhook.Delivery {
	r, err := http.NewRequest(http.MethodPost, "http://receiver.example/hook", nil)
	require.NoError(u.tb, err)
	at := time.Unix(1772443800, 0)
	body, err := truhooktest.TransUnion(truhooktest.TransUnionConfig{
		Entity:   u.entity,
		Platform: jose.PrivateKey{ID: u.platformID, Key: signer},
		Service:  u.public(),
		Plain:    plain,
	})(r, truhooktest.Event{Body: payload}, at)
	require.NoError(u.tb, err)
	return &truhook.Delivery{Method: r.Method, RequestURI: "/hook", Header: r.Header, Body: body, Received: at}
}

func (u *tu) public() jose.PublicKey {
	return jose.PublicKey{ID: u.serverID, Key: &u.service.PublicKey}
}

// link is an event of so many bytes with one layer of encryption, authorization one with two.
func link(size int) []byte {
	event := []byte(`{"type":"DEVICE_LINK_COMPLETION","device_id":"a","device_public_key":"b","device_public_key_id":"c","x":"`)
	return append(append(event, bytes.Repeat([]byte("x"), size-len(event)-2)...), `"}`...)
}

func (u *tu) authorization(size int) []byte {
	// Three quarters go into auth_jwe, as base64 makes them whole again; the rest is the JWE's own parts and the members.
	device := []byte(`{"type":"AUTHORIZED","reason":"APPROVED","auth_request":"a","device_id":"d","x":"`)
	fill := max(0, (size-900)*3/4-len(device))
	device = append(append(device, bytes.Repeat([]byte("x"), fill)...), `"}`...)
	inner, err := truhooktest.TransUnionJWE(u.public(), device)
	require.NoError(u.tb, err)
	event, err := json.Marshal(map[string]string{"auth_jwe": inner, "service_user_hash": "u", "user_push_id": "p"})
	require.NoError(u.tb, err)
	return event
}

// bare returns the cryptography of a delivery and nothing else: parts decoded beforehand, buffers reused.
func (u *tu) bare(d *truhook.Delivery, inner string) func() {
	token := d.Header.Get("X-IOV-JWT")
	dot := strings.LastIndexByte(token, '.')
	input, signature := []byte(token[:dot]), decode(u.tb, token[dot+1:])
	ops := []func(){func() {
		sum := sha256.Sum256(input)
		must(rsa.VerifyPKCS1v15(&u.platform.PublicKey, crypto.SHA256, sum[:], signature))
	}, func() { sha256.Sum256(d.Body) }}
	if bytes.Count(d.Body, []byte(".")) == 4 {
		ops = append(ops, u.bareJWE(string(d.Body)))
	}
	if inner != "" {
		ops = append(ops, u.bareJWE(inner))
	}
	return func() {
		for _, op := range ops {
			op()
		}
	}
}

func (u *tu) bareJWE(compact string) func() {
	parts := strings.Split(compact, ".")
	wrapped, iv, text, tag := decode(u.tb, parts[1]), decode(u.tb, parts[2]), decode(u.tb, parts[3]), decode(u.tb, parts[4])
	aad, plain := []byte(parts[0]), make([]byte, len(text))
	return func() {
		key, err := rsa.DecryptOAEP(sha256.New(), nil, u.service, wrapped, nil)
		must(err)
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(aad))*8)
		mac := hmac.New(sha512.New, key[:32])
		mac.Write(aad)
		mac.Write(iv)
		mac.Write(text)
		mac.Write(length[:])
		if !hmac.Equal(mac.Sum(nil)[:32], tag) {
			panic("bench: the tag does not fit")
		}
		block, err := aes.NewCipher(key[32:])
		must(err)
		cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, text)
	}
}

func decode(tb testing.TB, part string) []byte {
	tb.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(part)
	require.NoError(tb, err)
	return raw
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// BenchmarkTransUnion compares a true request with the sum of its bare cryptography.
func BenchmarkTransUnion(b *testing.B) {
	u := newTU(b)
	for _, size := range []int{1 << 10, 100 << 10} {
		b.Run(fmt.Sprintf("device-link/%dKiB", size>>10), func(b *testing.B) {
			d := u.delivery(u.platform, link(size), false)
			u.compare(b, d, u.bare(d, ""))
		})
		b.Run(fmt.Sprintf("authorization/%dKiB", size>>10), func(b *testing.B) {
			event := u.authorization(size)
			var members map[string]string
			require.NoError(b, json.Unmarshal(event, &members))
			d := u.delivery(u.platform, event, false)
			u.compare(b, d, u.bare(d, members["auth_jwe"]))
		})
	}
}

func (u *tu) compare(b *testing.B, d *truhook.Delivery, floor func()) {
	ctx := b.Context()
	_, err := u.verifier.Verify(ctx, d)
	require.NoError(b, err)
	ratio(b, floor, func() {
		_, err := u.verifier.Verify(ctx, d)
		must(err)
	})
}

// BenchmarkForgedTransUnion compares a forged request (x-floor: at most 0.1) with a true one.
func BenchmarkForgedTransUnion(b *testing.B) {
	u := newTU(b)
	ctx := b.Context()
	for _, size := range []int{1 << 10, 100 << 10} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			genuine, forged := u.delivery(u.platform, link(size), false), u.delivery(u.forger, link(size), false)
			_, err := u.verifier.Verify(ctx, forged)
			require.ErrorIs(b, err, truhook.SignatureMismatch)
			ratio(b, func() {
				_, err := u.verifier.Verify(ctx, genuine)
				must(err)
			}, func() { _, _ = u.verifier.Verify(ctx, forged) })
		})
	}
}
