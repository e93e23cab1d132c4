package keysig_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/keysig"
)

// schemes are those of the published vectors.
var schemes = map[string]keysig.Scheme{
	"standard_webhooks_v1a": {Form: hmacsig.Scheme{
		Name: "standard-webhooks-v1a", Header: "Webhook-Signature", Prefix: "v1a,", Separator: " ", Encoding: hmacsig.Base64,
		Content: "{id}.{timestamp}.{body}", ID: "Webhook-Id", Timestamp: "Webhook-Timestamp", Tolerance: 5 * time.Minute,
		KeyText: hmacsig.KeyText{Encoding: hmacsig.KeyBase64, Prefix: "whpk_"},
	}},
	"sendgrid": {Algorithm: keysig.ECDSA, Form: hmacsig.Scheme{
		Name: "sendgrid", Header: "X-Twilio-Email-Event-Webhook-Signature", Encoding: hmacsig.Base64, Content: "{timestamp}{body}",
		Timestamp: "X-Twilio-Email-Event-Webhook-Timestamp", Tolerance: hmacsig.NoWindow,
		KeyText: hmacsig.KeyText{Encoding: hmacsig.KeyBase64},
	}},
	"wise": {Algorithm: keysig.RSAPKCS1v15, Form: hmacsig.Scheme{
		Name: "wise", Header: "X-Signature-SHA256", Encoding: hmacsig.Base64, KeyText: hmacsig.KeyText{Encoding: hmacsig.KeyPEM},
	}},
	"discord": {Form: hmacsig.Scheme{
		Name: "discord", Header: "X-Signature-Ed25519", Content: "{timestamp}{body}", Timestamp: "X-Signature-Timestamp",
		Tolerance: hmacsig.NoWindow, KeyText: hmacsig.KeyText{Encoding: hmacsig.KeyHex},
	}},
	"telnyx": {Form: hmacsig.Scheme{
		Name: "telnyx", Header: "Telnyx-Signature-Ed25519", Encoding: hmacsig.Base64, Content: "{timestamp}|{body}",
		Timestamp: "Telnyx-Timestamp", Tolerance: 5 * time.Minute, KeyText: hmacsig.KeyText{Encoding: hmacsig.KeyBase64},
	}},
}

func TestVerifier_PublishedVectors(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/vectors.json")
	require.NoError(t, err)
	var vectors []struct {
		Name, Key, Body string
		PublishedBy     string `json:"published_by"`
		Headers         [][2]string
	}
	require.NoError(t, json.Unmarshal(data, &vectors))
	require.Len(t, vectors, 6)
	for _, vector := range vectors {
		t.Run(vector.Name, func(t *testing.T) {
			t.Parallel()
			s := schemes[vector.Name]
			k, err := s.NewKey("published", vector.Key)
			require.NoError(t, err)
			v := verifier(t, s, k)
			fresh := func() *truhook.Delivery {
				d := &truhook.Delivery{Header: http.Header{}, Body: []byte(vector.Body)}
				for _, h := range vector.Headers {
					d.Header.Add(h[0], h[1])
				}
				if text := d.Header.Get(s.Form.Timestamp); text != "" {
					require.NoError(t, json.Unmarshal([]byte(text), new(int64)))
					var seconds int64
					require.NoError(t, json.Unmarshal([]byte(text), &seconds))
					d.Received = time.Unix(seconds, 0)
				}
				return d
			}
			requireReason(t, "", v, fresh())
			forged := forgeries(s)
			require.GreaterOrEqual(t, len(forged), 6)
			for name, forge := range forged {
				d := fresh()
				forge(d)
				_, err := v.Verify(t.Context(), d)
				assert.Error(t, err, name)
				assert.Less(t, truhook.ReasonOf(err).Status(), 500, name)
			}
		})
	}
}

// forgeries change one thing each.
func forgeries(s keysig.Scheme) map[string]func(d *truhook.Delivery) {
	header := s.Form.Header
	all := map[string]func(d *truhook.Delivery){
		"a byte more":  func(d *truhook.Delivery) { d.Body = append(d.Body, ' ') },
		"a byte less":  func(d *truhook.Delivery) { d.Body = d.Body[:len(d.Body)-1] },
		"another byte": func(d *truhook.Delivery) { d.Body[0] ^= 1 },
		"no body":      func(d *truhook.Delivery) { d.Body = nil },
		"no signature": func(d *truhook.Delivery) { d.Header.Del(header) },
		"twice":        func(d *truhook.Delivery) { d.Header.Add(header, d.Header.Get(header)) },
		"half":         func(d *truhook.Delivery) { v := d.Header.Get(header); d.Header.Set(header, v[:len(v)/2]) },
		"another letter": func(d *truhook.Delivery) {
			v := []byte(d.Header.Get(header))
			i := len(v) / 2
			v[i] = map[bool]byte{true: '0', false: '1'}[v[i] == '1']
			d.Header.Set(header, string(v))
		},
	}
	if s.Form.Timestamp != "" {
		all["another time"] = func(d *truhook.Delivery) { d.Header.Set(s.Form.Timestamp, "1600112503") }
	}
	if s.Form.ID != "" {
		all["another id"] = func(d *truhook.Delivery) { d.Header.Set(s.Form.ID, "evt_2") }
	}
	return all
}

func TestVerifier_EveryAlgorithmSignsAndVerifies(t *testing.T) {
	t.Parallel()
	for a, private := range privateKeys() {
		s := scheme(a)
		v := verifier(t, s, key(a, "current"))
		d := signedBy(t, s, private)
		verified, err := v.Verify(t.Context(), d)
		require.NoError(t, err, "%v", a)
		assert.Equal(t, "current", verified.Proofs[0].KeyID)
		message, ok := truhook.Detail[hmacsig.Message](verified)
		require.True(t, ok)
		assert.Equal(t, "evt_1", message.ID)
		assert.True(t, message.Time.Equal(now))
		for name, forge := range forgeries(s) {
			d := signedBy(t, s, private)
			forge(d)
			_, err := v.Verify(t.Context(), d)
			assert.Error(t, err, "%v: %s", a, name)
		}
		for b := range privateKeys() {
			if other := scheme(b); a != b {
				_, err := verifier(t, other, key(b, "current")).Verify(t.Context(), d)
				assert.Error(t, err, "%v is no %v", a, b)
			}
		}
	}
}

func TestVerifier_HeadIsRefusedBeforeAKeyIsAskedFor(t *testing.T) {
	t.Parallel()
	asked := 0
	s := scheme(keysig.Ed25519)
	s.KeyID = "Acme-Key"
	v, err := keysig.New(s, sourceFunc(func(context.Context, keysig.Query) ([]keysig.Key, error) {
		asked++
		return []keysig.Key{key(keysig.Ed25519, "current")}, nil
	}), keysig.Config{})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		change func(h http.Header)
		want   truhook.Reason
	}{
		"no signature": {func(h http.Header) { h.Del("Acme-Signature") }, truhook.MissingSignature},
		"no digest":    {func(h http.Header) { h.Set("Acme-Signature", "v1,AAAA") }, truhook.MalformedSignature},
		"no time":      {func(h http.Header) { h.Del("Acme-Timestamp") }, truhook.MissingTimestamp},
		"old":          {func(h http.Header) { h.Set("Acme-Timestamp", "1600112503") }, truhook.Expired},
		"no key id":    {func(h http.Header) { h.Del("Acme-Key") }, truhook.MissingKeyID},
		"two key ids":  {func(h http.Header) { h.Add("Acme-Key", "x") }, truhook.DuplicateHeader},
		"long key id":  {func(h http.Header) { h.Set("Acme-Key", strings.Repeat("x", 513)) }, truhook.HeaderTooLong},
	} {
		d := signedBy(t, s, privateKeys()[keysig.Ed25519])
		d.Header.Set("Acme-Key", "current")
		c.change(d.Header)
		require.Equal(t, c.want, truhook.ReasonOf(v.Precheck(t.Context(), d)), name)
		requireReason(t, c.want, v, d)
	}
	assert.Zero(t, asked)
	d := signedBy(t, s, privateKeys()[keysig.Ed25519])
	d.Header.Set("Acme-Key", "current")
	requireReason(t, "", v, d)
	d.Header.Set("Acme-Key", "another")
	requireReason(t, truhook.UnknownKey, v, d)
}

type sourceFunc func(ctx context.Context, q keysig.Query) ([]keysig.Key, error)

func (f sourceFunc) Keys(ctx context.Context, q keysig.Query) ([]keysig.Key, error) { return f(ctx, q) }

// 16 keys and 8 signatures make at most 24 verifications. The current key meets the first signatures, and one signature
// meets every key.
func TestVerifier_WorkIsBounded(t *testing.T) {
	t.Parallel()
	s := scheme(keysig.Ed25519)
	var keys []keysig.Key
	for i := range 16 {
		public, _, err := ed25519.GenerateKey(rand.Reader)
		require.NoError(t, err)
		keys = append(keys, keysig.Key{ID: string(rune('a' + i)), Public: public})
	}
	private := privateKeys()[keysig.Ed25519]
	keys[0].Public = private.Public()
	d := signedBy(t, s, private)
	genuine := d.Header.Get("Acme-Signature")
	junk := "v1," + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 64))
	v := verifier(t, s, keys...)
	for place := range 6 {
		elements := []string{junk, junk, junk, junk, junk, junk, junk, junk}
		elements[place] = genuine
		d.Header.Set("Acme-Signature", strings.Join(elements, " "))
		requireReason(t, "", v, d)
	}
	d.Header.Set("Acme-Signature", strings.Join([]string{junk, junk, junk, junk, junk, junk, junk, junk, junk}, " "))
	requireReason(t, truhook.MalformedSignature, v, d)
	d.Header.Set("Acme-Signature", strings.Join([]string{junk, junk, junk, junk, junk, junk, junk, junk}, " "))
	assert.Equal(t, 24, v.Tries(d, keys))
	d.Header.Set("Acme-Signature", junk)
	assert.Equal(t, 16, v.Tries(d, keys))
	assert.Equal(t, 1, v.Tries(d, keys[:1]), "a forged signature under a named key costs one verification")
	for place := range keys {
		rotated := append([]keysig.Key(nil), keys...)
		rotated[0], rotated[place] = rotated[place], rotated[0]
		d.Header.Set("Acme-Signature", genuine)
		requireReason(t, "", verifier(t, s, rotated...), d)
	}
}

func TestVerifier_ValidityIsInclusiveWithLeewayAtItsBeginning(t *testing.T) {
	t.Parallel()
	s := scheme(keysig.Ed25519)
	d := signedBy(t, s, privateKeys()[keysig.Ed25519])
	for name, c := range map[string]struct {
		notBefore, notAfter time.Time
		want                truhook.Reason
	}{
		"open":                     {},
		"begins now":               {now, time.Time{}, ""},
		"begins in 30 s":           {now.Add(30 * time.Second), time.Time{}, ""},
		"begins in 30 s and a bit": {now.Add(30*time.Second + 1), time.Time{}, truhook.KeyNotYetValid},
		"ends now":                 {time.Time{}, now, ""},
		"ended":                    {time.Time{}, now.Add(-1), truhook.KeyExpired},
		"reversed":                 {now, now.Add(-time.Hour), truhook.KeyExpired},
	} {
		k := key(keysig.Ed25519, "k")
		k.NotBefore, k.NotAfter = c.notBefore, c.notAfter
		v := verifier(t, s, k)
		requireReason(t, c.want, v, d)
		forged := signedBy(t, s, privateKeys()[keysig.Ed25519])
		forged.Body = []byte("{}")
		requireReason(t, truhook.SignatureMismatch, v, forged)
		_ = name
	}
}

func TestVerifier_SourceThatFailsIsNotTheSendersFault(t *testing.T) {
	t.Parallel()
	s := scheme(keysig.Ed25519)
	d := signedBy(t, s, privateKeys()[keysig.Ed25519])
	small := keysig.Key{ID: "small", Public: ed25519.PublicKey(make([]byte, 32))}
	for want, f := range map[truhook.Reason]sourceFunc{
		truhook.KeysUnavailable: func(context.Context, keysig.Query) ([]keysig.Key, error) { return nil, os.ErrNotExist },
		truhook.NoKey:           func(context.Context, keysig.Query) ([]keysig.Key, error) { return nil, nil },
		truhook.KeysStale:       func(context.Context, keysig.Query) ([]keysig.Key, error) { return nil, truhook.KeysStale },
		truhook.Canceled: func(ctx context.Context, _ keysig.Query) ([]keysig.Key, error) {
			return nil, context.Cause(ctx)
		},
	} {
		v, err := keysig.New(s, f, keysig.Config{})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		if want == truhook.Canceled {
			cancel()
		}
		_, err = v.Verify(ctx, d)
		assert.Equal(t, want, truhook.ReasonOf(err))
		assert.Equal(t, 503, truhook.ReasonOf(err).Status())
		cancel()
	}
	v, err := keysig.New(s, sourceFunc(func(context.Context, keysig.Query) ([]keysig.Key, error) {
		return []keysig.Key{small}, nil
	}), keysig.Config{})
	require.NoError(t, err)
	requireReason(t, truhook.NoKey, v, d)
}

func TestVerifier_ZeroAndNilRejectEverything(t *testing.T) {
	t.Parallel()
	for _, v := range []*keysig.Verifier{nil, {}} {
		requireReason(t, truhook.NoKey, v, &truhook.Delivery{})
		require.Error(t, v.Precheck(t.Context(), nil))
		assert.NotEmpty(t, v.Audit(t.Context()))
	}
	v := verifier(t, scheme(keysig.Ed25519), key(keysig.Ed25519, "k"))
	requireReason(t, truhook.MissingSignature, v, nil)
}

func TestNew_RefusesWhatIsNotSound(t *testing.T) {
	t.Parallel()
	good := keysig.StaticKeys(key(keysig.Ed25519, "k"))
	for name, f := range map[string]func(s *keysig.Scheme, keys *keysig.KeySource){
		"no name":           func(s *keysig.Scheme, _ *keysig.KeySource) { s.Form.Name = "" },
		"no header":         func(s *keysig.Scheme, _ *keysig.KeySource) { s.Form.Header = "" },
		"SHA-1":             func(s *keysig.Scheme, _ *keysig.KeySource) { s.Form.Hash = crypto.SHA1 },
		"unknown algorithm": func(s *keysig.Scheme, _ *keysig.KeySource) { s.Algorithm = 9 },
		"odd key id":        func(s *keysig.Scheme, _ *keysig.KeySource) { s.KeyID = "A, B" },
		"free cut":          func(s *keysig.Scheme, _ *keysig.KeySource) { s.Form.Content = "{id}{timestamp}{body}" },
		"no source":         func(_ *keysig.Scheme, keys *keysig.KeySource) { *keys = nil },
		"no keys":           func(_ *keysig.Scheme, keys *keysig.KeySource) { *keys = keysig.StaticKeys() },
		"zero key":          func(_ *keysig.Scheme, keys *keysig.KeySource) { *keys = keysig.StaticKeys(keysig.Key{}) },
		"no id":             func(_ *keysig.Scheme, keys *keysig.KeySource) { *keys = keysig.StaticKeys(key(keysig.Ed25519, "")) },
		"one id twice": func(_ *keysig.Scheme, keys *keysig.KeySource) {
			*keys = keysig.StaticKeys(key(keysig.Ed25519, "k"), key(keysig.Ed25519, "k"))
		},
		"17 keys": func(_ *keysig.Scheme, keys *keysig.KeySource) {
			*keys = keysig.StaticKeys(make([]keysig.Key, 17)...)
		},
		"another kind": func(_ *keysig.Scheme, keys *keysig.KeySource) { *keys = keysig.StaticKeys(key(keysig.RSAPSS, "k")) },
		"a private key": func(_ *keysig.Scheme, keys *keysig.KeySource) {
			*keys = keysig.StaticKeys(keysig.Key{ID: "k", Public: privateKeys()[keysig.Ed25519]})
		},
		"a secret": func(_ *keysig.Scheme, keys *keysig.KeySource) {
			*keys = keysig.StaticKeys(keysig.Key{ID: "k", Public: []byte("truhook-test-only")})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, keys := scheme(keysig.Ed25519), good
			f(&s, &keys)
			_, err := keysig.New(s, keys, keysig.Config{})
			require.Error(t, err)
			assert.NotContains(t, err.Error(), "truhook-test-only")
		})
	}
}

func TestVerifier_HeadRefusalsAllocateOnceAtMost(t *testing.T) {
	s := scheme(keysig.Ed25519)
	v := verifier(t, s, key(keysig.Ed25519, "k"))
	d := signedBy(t, s, privateKeys()[keysig.Ed25519])
	d.Header.Set("Acme-Timestamp", "1600112503")
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { _ = v.Precheck(t.Context(), d) }), 1.0)
}

func FuzzVerifier_AcceptsNothingThatWasNotSigned(f *testing.F) {
	v := verifier(f, scheme(keysig.Ed25519), key(keysig.Ed25519, "k"))
	d := signedBy(f, scheme(keysig.Ed25519), privateKeys()[keysig.Ed25519])
	f.Add(d.Header.Get("Acme-Signature"), "1772443800", "evt_1", []byte(body))
	f.Add("v1, v1,,v1a", "17724438000", "", []byte{})
	f.Fuzz(func(t *testing.T, signature, timestamp, id string, content []byte) {
		d := &truhook.Delivery{Header: http.Header{}, Body: content, Received: now}
		d.Header.Set("Acme-Signature", signature)
		d.Header.Set("Acme-Timestamp", timestamp)
		d.Header.Set("Acme-Id", id)
		if _, err := v.Verify(t.Context(), d); err == nil && (string(content) != body || id != "evt_1") {
			t.Fatal("accepted")
		}
	})
}
