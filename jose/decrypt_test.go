package jose_test

import (
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
)

// jwe is a message with a right tag over whatever its parts are.
type jwe struct {
	header           string
	cek, wrapped, iv []byte
	ciphertext, tag  []byte // nil: made from the content
	content          []byte
}

func (m jwe) parts(t testing.TB) []string {
	t.Helper()
	if m.header == "" {
		m.header = `{"alg":"RSA-OAEP-256","enc":"A256CBC-HS512","kid":"1"}`
	}
	if m.cek == nil {
		m.cek = make([]byte, 64)
	}
	if m.iv == nil {
		m.iv = make([]byte, 16)
	}
	if m.wrapped == nil {
		var err error
		m.wrapped, err = rsa.EncryptOAEP(sha256.New(), rand.Reader, &testKeys().rsa.PublicKey, m.cek, nil)
		require.NoError(t, err)
	}
	whole := append(m.cek[:len(m.cek):len(m.cek)], make([]byte, 64)...)[:64]
	if m.ciphertext == nil {
		padded := append([]byte(nil), m.content...)
		for n := 16 - len(padded)%16; n > 0 && len(padded) < (len(m.content)/16+1)*16; {
			padded = append(padded, byte(n))
		}
		m.ciphertext = make([]byte, len(padded))
		block, err := aes.NewCipher(whole[32:])
		require.NoError(t, err)
		cipher.NewCBCEncrypter(block, append(m.iv[:len(m.iv):len(m.iv)], make([]byte, 16)...)[:16]).CryptBlocks(m.ciphertext, padded)
	}
	protected := b64([]byte(m.header))
	if m.tag == nil {
		mac := hmac.New(sha512.New, whole[:32])
		mac.Write([]byte(protected))
		mac.Write(m.iv)
		mac.Write(m.ciphertext)
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(protected))*8))
		m.tag = mac.Sum(nil)[:32]
	}
	return []string{protected, b64(m.wrapped), b64(m.iv), b64(m.ciphertext), b64(m.tag)}
}

func (m jwe) text(t testing.TB) []byte { t.Helper(); return []byte(strings.Join(m.parts(t), ".")) }

func decrypterConfig() jose.DecrypterConfig {
	return jose.DecrypterConfig{
		Keys:          jose.StaticPrivateKeys{{ID: "1", Key: testKeys().rsa}, {ID: "2", Key: testKeys().other}},
		KeyAlgorithms: []string{"RSA-OAEP", "RSA-OAEP-256"}, ContentAlgorithms: []string{"A256CBC-HS512"},
	}
}

func newDecrypter(t testing.TB, cfg jose.DecrypterConfig) *jose.Decrypter {
	t.Helper()
	d, err := jose.NewDecrypter(cfg)
	require.NoError(t, err)
	return d
}

func TestDecryptReturnsTheContent(t *testing.T) {
	t.Parallel()
	d := newDecrypter(t, decrypterConfig())
	for n := range 50 {
		content := []byte(strings.Repeat("x", n))
		got, id, err := d.Decrypt(t.Context(), jwe{content: content}.text(t))
		require.NoError(t, err)
		assert.Equal(t, string(content), string(got))
		assert.Equal(t, "1", id)
	}
	wrapped, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, &testKeys().rsa.PublicKey, make([]byte, 64), nil)
	require.NoError(t, err)
	got, _, err := d.Decrypt(t.Context(), jwe{
		header: `{"alg":"RSA-OAEP","enc":"A256CBC-HS512","kid":"1","cty":"application/json"}`, wrapped: wrapped, content: body,
	}.text(t))
	require.NoError(t, err)
	assert.Equal(t, body, got)
}

func TestAVerifierDecryptsTheBody(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.Decrypter = newDecrypter(t, decrypterConfig())
	v := newVerifier(t, cfg)
	text := jwe{content: []byte("secret")}.text(t)
	deliver := func(text []byte) *truhook.Delivery {
		d := delivery(token(t, object{"request": object{
			"meth": "POST", "path": "/hook", "func": "S256", "hash": fmt.Sprintf("%x", sha256.Sum256(text)),
		}}))
		d.Body = text
		return d
	}
	verified, err := v.Verify(t.Context(), deliver(text))
	require.NoError(t, err)
	assert.Equal(t, "secret", string(verified.Payload))
	_, err = v.Verify(t.Context(), deliver([]byte("not encrypted")))
	require.EqualError(t, err, "jose: decrypt-failed: encrypted content")
}

// Every size of every part, with a tag that is right where it can be: one reason, and no panic.
func TestEveryPartHasItsExactSize(t *testing.T) {
	t.Parallel()
	d := newDecrypter(t, decrypterConfig())
	refused := func(m jwe, what string, n int) {
		_, _, err := d.Decrypt(t.Context(), m.text(t))
		require.EqualError(t, err, "decrypt-failed: encrypted content", "%s of %d bytes", what, n)
	}
	for n := range 81 {
		fill := make([]byte, n)
		if n != 64 {
			refused(jwe{cek: fill, content: body}, "content key", n)
		}
		if n != 16 {
			refused(jwe{iv: fill, content: body}, "IV", n)
		}
		refused(jwe{ciphertext: fill, content: body}, "ciphertext", n)
		refused(jwe{tag: fill, content: body}, "tag", n)
		refused(jwe{wrapped: fill, content: body}, "encrypted key", n)
	}
	for _, n := range []int{255, 256, 257, 384, 512, 1024, 1025, 1 << 16} {
		refused(jwe{wrapped: make([]byte, n), content: body}, "encrypted key", n)
	}
}

// A part more, wherever it stands: none is passed over, so there is one text for one message.
func TestDecrypter_PassesOverNoPart(t *testing.T) {
	t.Parallel()
	d, _ := watched(t, "A256CBC-HS512", "A256GCM")
	counter, _ := gcm(t)
	for _, good := range [][]string{jwe{content: body}.parts(t), counter} {
		_, _, err := d.Decrypt(t.Context(), []byte(strings.Join(good, ".")))
		require.NoError(t, err)
		for at := range len(good) + 1 {
			for _, more := range append([]string{"", "AAAA"}, good...) {
				_, _, err := d.Decrypt(t.Context(), []byte(strings.Join(slices.Insert(slices.Clone(good), at, more), ".")))
				require.Error(t, err, "part %d is %q", at, more)
			}
		}
	}
}

// A key of ours under which nothing fits: whatever fails inside, nobody can tell what.
func TestWhatFailsInsideCannotBeTold(t *testing.T) {
	t.Parallel()
	d := newDecrypter(t, decrypterConfig())
	good := jwe{content: body}.parts(t)
	flip := func(part, at int) []byte {
		changed := append([]string(nil), good...)
		raw := []byte(changed[part])
		if raw[at] == 'A' {
			raw[at] = 'B'
		} else {
			raw[at] = 'A'
		}
		changed[part] = string(raw)
		return []byte(strings.Join(changed, "."))
	}
	badPadding := func(last ...byte) []byte {
		block, err := aes.NewCipher(make([]byte, 32))
		require.NoError(t, err)
		text := append(make([]byte, 32-len(last)), last...)
		cipher.NewCBCEncrypter(block, make([]byte, 16)).CryptBlocks(text, text)
		return jwe{ciphertext: text}.text(t)
	}
	sha1Key, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, &testKeys().rsa.PublicKey, make([]byte, 64), nil)
	require.NoError(t, err)
	labelled, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &testKeys().rsa.PublicKey, make([]byte, 64), []byte("label"))
	require.NoError(t, err)
	otherKey, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &testKeys().other.PublicKey, make([]byte, 64), nil)
	require.NoError(t, err)
	toLarge, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &largeKey().PublicKey, make([]byte, 64), nil)
	require.NoError(t, err)
	lineEnds := append([]string(nil), good...)
	lineEnds[3] = good[3][:5] + strings.Repeat("\n", 64) + good[3][5:] // 48 bytes more: the size still fits
	shortened, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &testKeys().rsa.PublicKey, make([]byte, 64), nil)
	for err == nil && shortened[0] != 0 {
		shortened, err = rsa.EncryptOAEP(sha256.New(), rand.Reader, &testKeys().rsa.PublicKey, make([]byte, 64), nil)
	}
	require.NoError(t, err)
	for name, text := range map[string][]byte{
		"line ends that keep the size": []byte(strings.Join(lineEnds, ".")),
		"the same with CR":             []byte(strings.ReplaceAll(strings.Join(lineEnds, "."), "\n", "\r")),
		"no leading zero":              jwe{wrapped: shortened[1:], content: body}.text(t),
		"encrypted key":                flip(1, 10),
		"encrypted key, first byte":    flip(1, 0),
		"IV":                           flip(2, 3),
		"ciphertext":                   flip(3, 3),
		"tag":                          flip(4, 3),
		"header":                       []byte(strings.Replace(strings.Join(good, "."), good[0], b64([]byte(`{"alg":"RSA-OAEP-256","enc":"A256CBC-HS512","kid":"1" }`)), 1)),
		"padding 0":                    badPadding(0),
		"padding 17":                   badPadding(17),
		"padding 255":                  badPadding(255),
		"padding 2 1":                  badPadding(1, 2),
		"RSA-OAEP for RSA-OAEP-256":    jwe{wrapped: sha1Key, content: body}.text(t),
		"a label":                      jwe{wrapped: labelled, content: body}.text(t),
		"another key":                  jwe{wrapped: otherKey, content: body}.text(t),
		"a larger key":                 jwe{wrapped: toLarge, content: body}.text(t),
		"the key of the id 2":          jwe{header: `{"alg":"RSA-OAEP-256","enc":"A256CBC-HS512","kid":"2"}`, content: body}.text(t),
		"all ones":                     jwe{wrapped: []byte(strings.Repeat("\xff", 256)), content: body}.text(t),
		"all zeros":                    jwe{wrapped: make([]byte, 256), content: body}.text(t),
		"empty ciphertext, good tag":   jwe{ciphertext: []byte{}}.text(t),
		"content key of 31 bytes":      jwe{cek: make([]byte, 31), content: body}.text(t),
		"content key of 63 bytes":      jwe{cek: make([]byte, 63), content: body}.text(t),
		"a header 5 million deep":      []byte(b64([]byte(strings.Repeat(`{"a":`, 5_000_000))) + ".AA.AA.AA.AA"),
		"nothing":                      {},
		"four parts":                   []byte(strings.Join(good[:4], ".")),
		"six parts":                    []byte(strings.Join(good, ".") + ".AA"),
		"a million dots":               []byte(strings.Repeat(".", 1_000_000)),
		"JSON serialization":           []byte(`{"protected":"` + good[0] + `"}`),
		"a line end":                   []byte(strings.Join(good, ".") + "\n"),
		"a space":                      []byte(" " + strings.Join(good, ".")),
		"padding characters":           []byte(strings.Join(good, ".") + "="),
		"the other base64 alphabet":    []byte(strings.Join([]string{good[0], "+" + good[1][1:], good[2], good[3], good[4]}, ".")),
		"another last bit":             []byte(strings.Join(append(append([]string(nil), good[:4]...), good[4][:42]+string(good[4][42]+1)), ".")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, id, err := d.Decrypt(t.Context(), text)
			assert.Nil(t, got)
			assert.Empty(t, id)
			require.EqualError(t, err, "decrypt-failed: encrypted content")
		})
	}
}

func TestTheHeaderOfAJWEIsHeldToTheAllowLists(t *testing.T) {
	t.Parallel()
	d := newDecrypter(t, decrypterConfig())
	for header, want := range map[string]truhook.Reason{
		`{"alg":"RSA1_5","enc":"A256CBC-HS512","kid":"1"}`:                                      truhook.AlgorithmNotAllowed,
		`{"alg":"dir","enc":"A256CBC-HS512","kid":"1"}`:                                         truhook.AlgorithmNotAllowed,
		`{"alg":"PBES2-HS256+A128KW","enc":"A256CBC-HS512","kid":"1","p2c":2147483648}`:         truhook.DecryptFailed,
		`{"alg":"PBES2-HS256+A128KW","enc":"A256CBC-HS512","kid":"1"}`:                          truhook.AlgorithmNotAllowed,
		`{"alg":"ECDH-ES","enc":"A256CBC-HS512","kid":"1"}`:                                     truhook.AlgorithmNotAllowed,
		`{"alg":"rsa-oaep","enc":"A256CBC-HS512","kid":"1"}`:                                    truhook.AlgorithmNotAllowed,
		`{"alg":"RSA-OAEP-512","enc":"A256CBC-HS512","kid":"1"}`:                                truhook.AlgorithmNotAllowed,
		`{"enc":"A256CBC-HS512","kid":"1"}`:                                                     truhook.AlgorithmNotAllowed,
		`{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"1"}`:                                      truhook.AlgorithmNotAllowed,
		`{"alg":"RSA-OAEP-256","enc":"A128CBC-HS256","kid":"1"}`:                                truhook.AlgorithmNotAllowed,
		`{"alg":"RSA-OAEP-256","kid":"1"}`:                                                      truhook.AlgorithmNotAllowed,
		`{"alg":"RSA-OAEP-256","enc":"A256CBC-HS512"}`:                                          truhook.MissingKeyID,
		`{"alg":"RSA-OAEP-256","enc":"A256CBC-HS512","kid":1}`:                                  truhook.DecryptFailed,
		`{"alg":"RSA-OAEP-256","enc":"A256CBC-HS512","kid":"a b"}`:                              truhook.DecryptFailed,
		`{"alg":"RSA-OAEP-256","enc":"A256CBC-HS512","kid":"1","zip":"DEF"}`:                    truhook.DecryptFailed,
		`{"alg":"RSA-OAEP-256","enc":"A256CBC-HS512","kid":"1","crit":["exp"]}`:                 truhook.DecryptFailed,
		`{"alg":"RSA-OAEP-256","enc":"A256CBC-HS512","kid":"1","jwk":{}}`:                       truhook.DecryptFailed,
		`{"alg":"RSA-OAEP-256","enc":"A256CBC-HS512","enc":"A256CBC-HS512","kid":"1"}`:          truhook.DecryptFailed,
		`{"alg":"RSA-OAEP-256","enc":"A256CBC-HS512","kid":"3"}`:                                truhook.UnknownDecryptionKey,
		`{"alg":"RSA-OAEP-256","enc":"A256CBC-HS512","kid":"` + strings.Repeat("k", 257) + `"}`: truhook.DecryptFailed,
	} {
		got, _, err := d.Decrypt(t.Context(), jwe{header: header, content: body}.text(t))
		assert.Nil(t, got)
		assert.Equal(t, want, truhook.ReasonOf(err), header)
	}
}

func TestNewDecrypterRefusesWhatIsNotSafe(t *testing.T) {
	t.Parallel()
	key := testKeys().rsa
	for name, change := range map[string]func(c *jose.DecrypterConfig){
		"no keys":          func(c *jose.DecrypterConfig) { c.Keys = nil },
		"an empty set":     func(c *jose.DecrypterConfig) { c.Keys = jose.StaticPrivateKeys{} },
		"a zero key":       func(c *jose.DecrypterConfig) { c.Keys = jose.StaticPrivateKeys{{}} },
		"a nil key":        func(c *jose.DecrypterConfig) { c.Keys = jose.StaticPrivateKeys{{ID: "1"}} },
		"a typed nil key":  func(c *jose.DecrypterConfig) { c.Keys = jose.StaticPrivateKeys{{ID: "1", Key: (*rsa.PrivateKey)(nil)}} },
		"an empty RSA key": func(c *jose.DecrypterConfig) { c.Keys = jose.StaticPrivateKeys{{ID: "1", Key: &rsa.PrivateKey{}}} },
		"a public key":     func(c *jose.DecrypterConfig) { c.Keys = jose.StaticPrivateKeys{{ID: "1", Key: &key.PublicKey}} },
		"an EC key":        func(c *jose.DecrypterConfig) { c.Keys = jose.StaticPrivateKeys{{ID: "1", Key: testKeys().ec}} },
		"no id":            func(c *jose.DecrypterConfig) { c.Keys = jose.StaticPrivateKeys{{Key: key}} },
		"an id twice": func(c *jose.DecrypterConfig) {
			c.Keys = jose.StaticPrivateKeys{{ID: "1", Key: key}, {ID: "1", Key: key}}
		},
		"a broken key": func(c *jose.DecrypterConfig) {
			broken := &rsa.PrivateKey{PublicKey: key.PublicKey, D: testKeys().other.D, Primes: key.Primes}
			c.Keys = jose.StaticPrivateKeys{{ID: "1", Key: broken}}
		},
		"no algorithms": func(c *jose.DecrypterConfig) { c.KeyAlgorithms = nil },
		"no contents":   func(c *jose.DecrypterConfig) { c.ContentAlgorithms = nil },
		"RSA1_5":        func(c *jose.DecrypterConfig) { c.KeyAlgorithms = []string{"RSA1_5"} },
		"dir":           func(c *jose.DecrypterConfig) { c.KeyAlgorithms = []string{"dir"} },
		"CBC alone":     func(c *jose.DecrypterConfig) { c.ContentAlgorithms = []string{"A256CBC"} },
	} {
		cfg := decrypterConfig()
		change(&cfg)
		d, err := jose.NewDecrypter(cfg)
		assert.Error(t, err, name)
		assert.Nil(t, d, name)
	}
}

func TestAnswersOfAPrivateKeySet(t *testing.T) {
	t.Parallel()
	k := testKeys()
	right, wrong := jose.PrivateKey{ID: "1", Key: k.rsa}, jose.PrivateKey{ID: "1", Key: k.other}
	retired := right
	retired.NotAfter = now
	outage := errors.New("connection refused")
	for name, c := range map[string]struct {
		keys  []jose.PrivateKey
		err   error
		later time.Duration
		want  truhook.Reason
	}{
		"none":                     {want: truhook.UnknownDecryptionKey},
		"an error":                 {err: outage, want: truhook.KeysUnavailable},
		"an error with a reason":   {err: truhook.Overloaded, want: truhook.Overloaded},
		"a zero key":               {keys: []jose.PrivateKey{{}}, want: truhook.KeysUnavailable},
		"a wrong and a right key":  {keys: []jose.PrivateKey{wrong, right}},
		"a wrong key":              {keys: []jose.PrivateKey{wrong}, want: truhook.DecryptFailed},
		"a larger key":             {keys: []jose.PrivateKey{{ID: "1", Key: largeKey()}}, want: truhook.DecryptFailed},
		"five keys":                {keys: []jose.PrivateKey{wrong, wrong, wrong, wrong, right}, want: truhook.KeysUnavailable},
		"at NotAfter":              {keys: []jose.PrivateKey{retired}},
		"after NotAfter":           {keys: []jose.PrivateKey{retired}, later: 1, want: truhook.UnknownDecryptionKey},
		"after one NotAfter":       {keys: []jose.PrivateKey{retired, right}, later: 1},
		"before, the clock behind": {keys: []jose.PrivateKey{retired}, later: -time.Hour},
	} {
		cfg := decrypterConfig()
		cfg.Now = func() time.Time { return now.Add(c.later) }
		cfg.Keys = privateKeySetFunc(func(context.Context, string) ([]jose.PrivateKey, error) { return c.keys, c.err })
		_, _, err := newDecrypter(t, cfg).Decrypt(t.Context(), jwe{content: body}.text(t))
		assert.Equal(t, c.want, truhook.ReasonOf(err), "%s: %v", name, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := newDecrypter(t, decrypterConfig()).Decrypt(ctx, jwe{content: body}.text(t))
	require.NoError(t, err, "with the keys at hand a context that has ended changes nothing")
}

// hsm is a key that is not an *rsa.PrivateKey.
type hsm struct {
	key *rsa.PrivateKey
	err error
}

func (h hsm) Public() crypto.PublicKey { return &h.key.PublicKey }

func (h hsm) Decrypt(r io.Reader, text []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	if h.err != nil {
		return nil, h.err
	}
	return h.key.Decrypt(r, text, opts)
}

func TestAKeyMayLiveElsewhere(t *testing.T) {
	t.Parallel()
	cfg := decrypterConfig()
	cfg.Keys = jose.StaticPrivateKeys{{ID: "1", Key: hsm{key: testKeys().rsa}}}
	got, _, err := newDecrypter(t, cfg).Decrypt(t.Context(), jwe{content: body}.text(t))
	require.NoError(t, err)
	assert.Equal(t, body, got)

	cfg.Keys = jose.StaticPrivateKeys{{ID: "1", Key: hsm{testKeys().rsa, errors.New("padding wrong at byte 7")}}}
	_, _, err = newDecrypter(t, cfg).Decrypt(t.Context(), jwe{content: body}.text(t))
	require.EqualError(t, err, "decrypt-failed: encrypted content", "its error tells nobody anything")
}

// An outage of an HSM is not the sender's fault, if the HSM says that it is one.
func TestAKeyElsewhereThatCannotBeReachedIsOurFault(t *testing.T) {
	t.Parallel()
	outage := errors.New("no route to the HSM")
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &testKeys().rsa.PublicKey, []byte("x"), nil)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		err  error
		want truhook.Reason
	}{
		"unavailable":                {&truhook.Error{Reason: truhook.KeysUnavailable, Err: outage}, truhook.KeysUnavailable},
		"overloaded":                 {fmt.Errorf("%w: %w", truhook.Overloaded, outage), truhook.Overloaded},
		"internal":                   {fmt.Errorf("%w: %w", truhook.Internal, outage), truhook.Internal},
		"an error without a reason":  {outage, truhook.DecryptFailed},
		"a reason that is no outage": {truhook.Expired, truhook.DecryptFailed},
		"an unlisted reason":         {truhook.Reason("x"), truhook.DecryptFailed},
	} {
		cfg := decrypterConfig()
		cfg.Keys = jose.StaticPrivateKeys{{ID: "1", Key: hsm{testKeys().rsa, c.err}}}
		d := newDecrypter(t, cfg)
		_, _, err := d.Decrypt(t.Context(), jwe{content: body}.text(t))
		assert.Equal(t, c.want, truhook.ReasonOf(err), name)
		_, err = d.DecryptRSA(t.Context(), "RSA-OAEP-256", "1", wrapped)
		assert.Equal(t, c.want, truhook.ReasonOf(err), name)
		if c.want == truhook.DecryptFailed {
			assert.NotErrorIs(t, err, outage, "%s: it tells nobody anything", name)
		} else {
			assert.ErrorIs(t, err, c.err, name)
		}
	}
}

func TestPrivateKeysAreCopiedAndPrecomputed(t *testing.T) {
	t.Parallel()
	k := testKeys().rsa
	bare := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: k.N, E: k.E}, D: k.D, Primes: k.Primes}
	set := jose.StaticPrivateKeys{{ID: "1", Key: bare}}
	cfg := decrypterConfig()
	cfg.Keys = set
	d := newDecrypter(t, cfg)
	assert.Nil(t, bare.Precomputed.Dp, "the caller's key is left alone")
	set[0] = jose.PrivateKey{}
	bare.Primes = nil
	got, _, err := d.Decrypt(t.Context(), jwe{content: body}.text(t))
	require.NoError(t, err)
	assert.Equal(t, body, got)
}

// countingDevice is an HSM that counts who uses it at once.
type countingDevice struct {
	hsm
	release chan struct{}
	now     *atomic.Int64
	most    *atomic.Int64
}

func (c countingDevice) Decrypt(r io.Reader, msg []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	at := c.now.Add(1)
	defer c.now.Add(-1)
	for most := c.most.Load(); at > most && !c.most.CompareAndSwap(most, at); most = c.most.Load() {
	}
	<-c.release
	return c.hsm.Decrypt(r, msg, opts)
}

func TestDecrypter_BoundsThePrivateKeyOperationsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		device := countingDevice{hsm{key: testKeys().rsa}, make(chan struct{}), new(atomic.Int64), new(atomic.Int64)}
		cfg := decrypterConfig()
		cfg.Keys = jose.StaticPrivateKeys{{ID: "1", Key: device}}
		d := newDecrypter(t, cfg)
		text := jwe{content: body}.text(t)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				_, _, err := d.Decrypt(t.Context(), text)
				assert.NoError(t, err)
			})
		}
		synctest.Wait()
		assert.EqualValues(t, 64, device.most.Load())
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, _, err := d.Decrypt(ctx, text)
		assert.ErrorIs(t, err, truhook.Canceled, "the wait for a device ends with the context")
		close(device.release)
		wg.Wait()
		_, _, err = d.Decrypt(ctx, text)
		assert.NoError(t, err, "and nothing else does")
	})
}

// Keys of one id are tried one after the other: what the first one made of the content does not spoil it for the next.
func TestDecrypt_TheSecondKeyOfAnIDReadsIt(t *testing.T) {
	t.Parallel()
	cfg := decrypterConfig()
	cfg.Keys = privateKeySetFunc(func(context.Context, string) ([]jose.PrivateKey, error) {
		return []jose.PrivateKey{{ID: "1", Key: testKeys().other}, {ID: "1", Key: testKeys().other}, {ID: "1", Key: testKeys().rsa}}, nil
	})
	got, id, err := newDecrypter(t, cfg).Decrypt(t.Context(), jwe{content: body}.text(t))
	require.NoError(t, err)
	require.Equal(t, "1", id)
	require.Equal(t, body, got)
}
