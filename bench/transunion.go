package main

import (
	"bytes"
	"context"
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
	"net/http"
	"strings"
	"time"

	gojose "github.com/go-jose/go-jose/v4"
	gojwt "github.com/go-jose/go-jose/v4/jwt"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
	"github.com/truhook/truhook/truhooktest"
)

const (
	bareCrypto     = "cryptography alone" // parts decoded beforehand, buffers used again
	bareOperations = "bare operations"    // the same, and base64 of the ciphertext, into a payload of its own
	oursForged     = "Truhook, forged"
	withGoJose     = "go-jose"
)

// encryptedRaces measure a request of TransUnion: a token, the hash of the body, and the body decrypted.
func encryptedRaces() []func() race {
	p := newPlatform()
	var all []func() race
	for _, size := range sizes[1:] {
		all = append(all, func() race {
			d := p.delivery(p.key, linkEvent(size))
			return race{sizeName(size), []contender{
				{bareCrypto, p.bare(d, "", false)}, {bareOperations, p.bare(d, "", true)}, p.verification(ours, d, nil), {withGoJose, p.goJose(d)},
				p.verification(oursForged, p.delivery(newRSAKey(), linkEvent(size)), truhook.SignatureMismatch),
			}}
		})
	}
	for _, size := range []int{1 << 10, 100 << 10} {
		all = append(all, func() race {
			event, inner := p.authorization(size)
			d := p.delivery(p.key, event)
			return race{"authorization, " + sizeName(size), []contender{
				{bareCrypto, p.bare(d, inner, false)}, {bareOperations, p.bare(d, inner, true)}, p.verification(ours, d, nil),
			}}
		})
	}
	return all
}

// platform sends what a receiver with its own key pair verifies. Keys have 2048 bits.
type platform struct {
	key, service *rsa.PrivateKey
	verifier     *transunion.Verifier
}

const (
	entity     = "svc:f8329e0e-dd7a-11e7-98b4-469158467b1a"
	platformID = "platform"
	serviceID  = "service"
)

func newRSAKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	return key
}

func newPlatform() *platform {
	p := &platform{key: newRSAKey(), service: newRSAKey()}
	var err error
	p.verifier, err = transunion.New(transunion.Config{
		Entity:      entity,
		Keys:        jose.StaticKeys{{ID: platformID, Key: &p.key.PublicKey}},
		PrivateKeys: jose.StaticPrivateKeys{{ID: serviceID, Key: p.service}},
	})
	must(err)
	return p
}

func (p *platform) public() jose.PublicKey {
	return jose.PublicKey{ID: serviceID, Key: &p.service.PublicKey}
}

func (p *platform) delivery(signer *rsa.PrivateKey, event []byte) *truhook.Delivery {
	r, err := http.NewRequest(http.MethodPost, "http://receiver.example/hook", nil)
	must(err)
	at := time.Now().Truncate(time.Second)
	body, err := truhooktest.TransUnion(truhooktest.TransUnionConfig{
		Entity: entity, Platform: jose.PrivateKey{ID: platformID, Key: signer}, Service: p.public(),
	})(r, truhooktest.Event{Body: event}, at)
	must(err)
	return truhook.NewDelivery(truhook.Delivery{
		Method: r.Method, RequestURI: "/hook", Header: r.Header, Body: body, Received: at,
	})
}

func (p *platform) verification(name string, d *truhook.Delivery, want error) contender {
	ctx := context.Background()
	return contender{name, func() {
		_, err := p.verifier.Verify(ctx, d)
		if want == nil {
			must(err)
		} else if truhook.ReasonOf(err) != want { //nolint:errorlint // a Reason is compared with a Reason
			panic(err)
		}
	}}
}

// linkEvent is an event of so many bytes, with one layer of encryption.
func linkEvent(size int) []byte {
	event := []byte(`{"type":"DEVICE_LINK_COMPLETION","device_id":"a","device_public_key":"b","device_public_key_id":"c","x":"`)
	return append(append(event, bytes.Repeat([]byte("x"), size-len(event)-2)...), `"}`...)
}

// authorization is an event of about so many bytes with a second layer, and that layer.
func (p *platform) authorization(size int) (event []byte, inner string) {
	device := []byte(`{"type":"AUTHORIZED","reason":"APPROVED","auth_request":"a","device_id":"d","x":"`)
	fill := max(0, (size-900)*3/4-len(device)) // base64 adds a third; the rest is the layer's own parts and the members
	device = append(append(device, bytes.Repeat([]byte("x"), fill)...), `"}`...)
	inner, err := truhooktest.TransUnionJWE(p.public(), device)
	must(err)
	event, err = json.Marshal(map[string]string{"auth_jwe": inner, "service_user_hash": "u", "user_push_id": "p"})
	must(err)
	return event, inner
}

// bare returns what no receiver can do without: the cryptography of a delivery, and if decodes, the decoding of its
// ciphertext into memory that the handler keeps.
func (p *platform) bare(d *truhook.Delivery, inner string, decodes bool) func() {
	token := d.Header.Get("X-IOV-JWT")
	dot := strings.LastIndexByte(token, '.')
	input, signature := []byte(token[:dot]), decoded(token[dot+1:])
	layers := []func(){p.bareJWE(string(d.Body), decodes)}
	if inner != "" {
		layers = append(layers, p.bareJWE(inner, decodes))
	}
	return func() {
		sum := sha256.Sum256(input)
		must(rsa.VerifyPKCS1v15(&p.key.PublicKey, crypto.SHA256, sum[:], signature))
		sha256.Sum256(d.Body)
		for _, layer := range layers {
			layer()
		}
	}
}

func (p *platform) bareJWE(compact string, decodes bool) func() {
	parts := strings.Split(compact, ".")
	wrapped, iv, text, tag := decoded(parts[1]), decoded(parts[2]), decoded(parts[3]), decoded(parts[4])
	protected, plain := []byte(parts[0]), make([]byte, len(text))
	return func() {
		text, plain := text, plain
		if decodes {
			text = decoded(parts[3])
			plain = text // decrypted in place
		}
		key, err := rsa.DecryptOAEP(sha256.New(), nil, p.service, wrapped, nil)
		must(err)
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(protected))*8)
		mac := hmac.New(sha512.New, key[:32])
		mac.Write(protected)
		mac.Write(iv)
		mac.Write(text)
		mac.Write(length[:])
		if !hmac.Equal(mac.Sum(nil)[:32], tag) {
			panic("the tag does not fit")
		}
		block, err := aes.NewCipher(key[32:])
		must(err)
		cipher.NewCBCDecrypter(block, iv).CryptBlocks(plain, text)
	}
}

func decoded(part string) []byte {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	must(err)
	return raw
}

// goJose returns the same check by go-jose: token, hash of the body, decryption.
func (p *platform) goJose(d *truhook.Delivery) func() {
	token := d.Header.Get("X-IOV-JWT")
	return func() {
		parsed, err := gojwt.ParseSigned(token, []gojose.SignatureAlgorithm{gojose.RS256})
		must(err)
		var registered gojwt.Claims
		var c struct {
			Request map[string]any `json:"request"`
		}
		must(parsed.Claims(&p.key.PublicKey, &registered, &c))
		sha256.Sum256(d.Body)
		sealed, err := gojose.ParseEncryptedCompact(string(d.Body),
			[]gojose.KeyAlgorithm{gojose.RSA_OAEP_256, gojose.RSA_OAEP}, []gojose.ContentEncryption{gojose.A256CBC_HS512})
		must(err)
		_, err = sealed.Decrypt(p.service)
		must(err)
	}
}
