package transunion_test

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	pemlib "encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
)

func TestNew_RejectsWhatIsNoReceiver(t *testing.T) {
	t.Parallel()
	const uuid = "f8329e0e-dd7a-11e7-98b4-469158467b1a"
	for name, change := range map[string]func(c *transunion.Config){
		"no entity":          func(c *transunion.Config) { c.Entity = "" },
		"an organization":    func(c *transunion.Config) { c.Entity = "org:" + uuid },
		"a bare UUID":        func(c *transunion.Config) { c.Entity = uuid },
		"a UUID in capitals": func(c *transunion.Config) { c.Entity = "svc:" + strings.ToUpper(uuid) },
		"a short UUID":       func(c *transunion.Config) { c.Entity = "svc:" + uuid[:35] },
		"no hyphens":         func(c *transunion.Config) { c.Entity = "svc:" + strings.ReplaceAll(uuid, "-", "0") },
		"lka as audience":    func(c *transunion.Config) { c.Audience = "lka" },
		"no keys":            func(c *transunion.Config) { c.Keys = nil },
		"no private keys":    func(c *transunion.Config) { c.PrivateKeys = nil },
		"empty keys":         func(c *transunion.Config) { c.Keys = jose.StaticKeys{} },
		"empty private keys": func(c *transunion.Config) { c.PrivateKeys = jose.StaticPrivateKeys{} },
		"a relative path":    func(c *transunion.Config) { c.Path = "webhooks" },
		"a negative leeway":  func(c *transunion.Config) { c.Leeway = -1 },
	} {
		cfg := config(t)
		change(&cfg)
		v, err := transunion.New(cfg)
		assert.Error(t, err, name)
		assert.Nil(t, v, name)
	}
	for _, audience := range []string{"org:" + uuid, "dir:" + uuid, "svc:" + uuid} {
		cfg := config(t)
		cfg.Entity, cfg.Audience = "dir:"+uuid, audience
		_, err := transunion.New(cfg)
		require.NoError(t, err)
	}
}

func TestVerifier_NilAndZeroRejectEverything(t *testing.T) {
	t.Parallel()
	d := delivery(t, "event-authorization-response")
	for _, v := range []*transunion.Verifier{nil, {}} {
		verified, err := v.Verify(t.Context(), d)
		assert.Nil(t, verified)
		require.ErrorIs(t, err, truhook.NoKey)
		require.ErrorIs(t, v.Precheck(t.Context(), d), truhook.NoKey)
	}
	_, err := verifier(t).Verify(t.Context(), &truhook.Delivery{})
	require.ErrorIs(t, err, truhook.MissingToken)
}

// counted counts the questions to key sets.
type counted struct {
	public, private atomic.Int64
	cfg             transunion.Config
}

func (c *counted) PublicKeys(ctx context.Context, q jose.Query) ([]jose.PublicKey, error) {
	c.public.Add(1)
	return c.cfg.Keys.PublicKeys(ctx, q)
}

func (c *counted) PrivateKeys(ctx context.Context, id string) ([]jose.PrivateKey, error) {
	c.private.Add(1)
	return c.cfg.PrivateKeys.PrivateKeys(ctx, id)
}

func TestVerify_TouchesNoPrivateKeyForWhatTheTokenDoesNotVouchFor(t *testing.T) {
	t.Parallel()
	c := &counted{cfg: config(t)}
	cfg := c.cfg
	cfg.Keys, cfg.PrivateKeys = c, c
	v, err := transunion.New(cfg)
	require.NoError(t, err)
	for _, name := range []string{
		"token-forged", "token-of-a-stranger", "token-none", "token-hs256-public-key", "claim-exp-past", "claim-aud-wrong",
		"request-body-swapped", "claim-hash-missing", "request-path-of-another", "header-both-unequal",
	} {
		_, err := v.Verify(t.Context(), delivery(t, name))
		require.Error(t, err)
		require.Equal(t, 401, truhook.ReasonOf(err).Status())
	}
	assert.Zero(t, c.private.Load())
	before := c.public.Load()
	_, err = v.Verify(t.Context(), delivery(t, "token-none"))
	require.Error(t, err)
	assert.Equal(t, before, c.public.Load(), "nor a public one for a bad form")
	_, err = v.Verify(t.Context(), delivery(t, "event-authorization-response"))
	require.NoError(t, err)
	assert.EqualValues(t, 2, c.private.Load(), "the body's and the device response's")
}

func TestVerify_ATokenThatWaitedIsJudgedAtTheTimeItCame(t *testing.T) {
	t.Parallel()
	d := *delivery(t, "event-session-end")
	cfg := config(t)
	cfg.Now = clock(d.Received.Add(time.Hour).UnixNano())
	v, err := transunion.New(cfg)
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), &d)
	require.NoError(t, err)
	d.Received = time.Time{}
	_, err = v.Verify(t.Context(), &d)
	require.ErrorIs(t, err, truhook.Expired)
}

func TestVerify_BehindAProxyThePathIsTheRegisteredOne(t *testing.T) {
	t.Parallel()
	d := *delivery(t, "event-session-end")
	d.RequestURI = "/internal"
	cfg := config(t)
	v, err := transunion.New(cfg)
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), &d)
	require.ErrorIs(t, err, truhook.WrongPath)
	cfg.Path = "/webhooks/transunion"
	v, err = transunion.New(cfg)
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), &d)
	require.NoError(t, err)
}

// rotating is how a service swaps keys: one pointer to a set that never changes.
type rotating struct {
	public  atomic.Pointer[jose.StaticKeys]
	private atomic.Pointer[jose.StaticPrivateKeys]
}

func (r *rotating) PublicKeys(ctx context.Context, q jose.Query) ([]jose.PublicKey, error) {
	return r.public.Load().PublicKeys(ctx, q)
}

func (r *rotating) PrivateKeys(ctx context.Context, id string) ([]jose.PrivateKey, error) {
	return r.private.Load().PrivateKeys(ctx, id)
}

func TestVerify_KeysRotateUnderLoad(t *testing.T) {
	t.Parallel()
	d := []*truhook.Delivery{
		delivery(t, "event-authorization-response"), delivery(t, "event-device-link"), delivery(t, "event-session-end"),
	}
	forged := delivery(t, "token-forged")
	platform, current, retired := platformKey(t), privateKey(t, "service-current"), privateKey(t, "service-retired")
	other := jose.PublicKey{ID: "other", Key: platform.Key}
	publics := []*jose.StaticKeys{{platform}, {other, platform}, {platform, other}}
	privates := []*jose.StaticPrivateKeys{{current}, {retired, current}, {current, retired}}
	keys := &rotating{}
	keys.public.Store(publics[0])
	keys.private.Store(privates[0])
	cfg := config(t)
	cfg.Keys, cfg.PrivateKeys = keys, keys
	v, err := transunion.New(cfg)
	require.NoError(t, err)

	done := make(chan struct{})
	var swaps sync.WaitGroup
	swaps.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
				keys.public.Store(publics[i%3])
				keys.private.Store(privates[(i/3)%3])
			}
		}
	})
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() {
			for i := range 60 {
				_, err := v.Verify(t.Context(), d[i%len(d)])
				assert.NoError(t, err)
				_, err = v.Verify(t.Context(), forged)
				assert.ErrorIs(t, err, truhook.SignatureMismatch)
			}
		})
	}
	load.Wait()
	close(done)
	swaps.Wait()
}

func TestParse_RejectsWhatIsNoEvent(t *testing.T) {
	t.Parallel()
	const outer = `{"auth_jwe":"x","service_user_hash":"a","user_push_id":"b"}`
	const inner = `{"type":"AUTHORIZED","reason":"APPROVED","auth_request":"a","device_id":"d","service_pins":null}`
	for name, c := range map[string]struct {
		payload, inner string
		ok             bool
	}{
		"whole":                    {outer, inner, true},
		"no payload":               {"", inner, false},
		"a list":                   {"[]", inner, false},
		"no inner":                 {outer, "", false},
		"inner is no object":       {outer, "[]", false},
		"a member twice":           {`{"auth_jwe":"x","auth_jwe":"y","service_user_hash":"a","user_push_id":"b"}`, inner, false},
		"an inner member twice":    {outer, inner[:len(inner)-1] + `,"type":"DENIED"}`, false},
		"a member in another case": {strings.Replace(outer, "user_push_id", "USER_PUSH_ID", 1), inner, false},
		"no user":                  {`{"auth_jwe":"x","user_push_id":"b"}`, inner, false},
		"an empty user":            {strings.Replace(outer, `"a"`, `""`, 1), inner, false},
		"a user that is a number":  {strings.Replace(outer, `"a"`, `1`, 1), inner, false},
		"no request":               {outer, strings.Replace(inner, "auth_request", "x", 1), false},
		"no type":                  {outer, strings.Replace(inner, `"type"`, `"x"`, 1), false},
		"no reason":                {outer, strings.Replace(inner, `"reason"`, `"x"`, 1), false},
		"pins are text":            {outer, strings.Replace(inner, "null", `"1"`, 1), false},
		"legacy without response":  {`{"auth":"x","service_user_hash":"a","user_push_id":"b"}`, `{"auth_request":"a","device_id":"d"}`, false},
		"type is a number":         {strings.Replace(outer, "{", `{"type":1,`, 1), inner, false},
		"type comes twice":         {strings.Replace(outer, "{", `{"type":"X","type":"AUTHORIZATION_RESPONSE",`, 1), inner, false},
		"a policy that is text":    {outer, inner[:len(inner)-1] + `,"auth_policy":"x"}`, false},
		"methods that are none":    {outer, inner[:len(inner)-1] + `,"auth_methods":{}}`, false},
		"a denial reason, a list":  {outer, inner[:len(inner)-1] + `,"denial_reason":[]}`, false},
		"a user and nothing else":  {`{"service_user_hash":"a"}`, "", false},
		"a response, nothing else": {`{"auth_jwe":"x"}`, inner, false},
		"a session end":            {`{"service_user_hash":"a","api_time":"2018-01-11T05:22:17Z"}`, "", true},
	} {
		event, err := transunion.Parse(&truhook.Verified{Payload: []byte(c.payload), Inner: []byte(c.inner)})
		assert.Equal(t, c.ok, err == nil, "%s: %v %v", name, event, err)
		if !c.ok {
			assert.ErrorIs(t, err, truhook.MalformedPayload, name)
		}
	}
	_, err := transunion.Parse(nil)
	require.ErrorIs(t, err, truhook.NotVerified)
	_, err = transunion.EventID(nil)
	require.ErrorIs(t, err, truhook.NotVerified)
	_, err = transunion.TokenID(&truhook.Verified{})
	require.ErrorIs(t, err, truhook.NotVerified)
}

func TestParse_WhatAuthorizesNothingIsReadForgivingly(t *testing.T) {
	t.Parallel()
	ended := time.Date(2018, 1, 11, 5, 22, 17, 0, time.UTC)
	for text, want := range map[string]transunion.Event{
		`{"type":1}`:                  transunion.Unknown{},
		`{"type":"X","auth_jwe":"y"}`: transunion.Unknown{Type: "X"},
		`{}`:                          transunion.Unknown{},
		`{"type":"DEVICE_LINK_COMPLETION","device_id":17,"device_public_key":"k","device_public_key_id":null}`: transunion.DeviceLinked{
			PublicKey: "k", Unread: []string{"device_id"},
		},
		`{"type":null,"device_id":"d","device_public_key":"k","device_public_key_id":[]}`: transunion.DeviceLinked{
			DeviceID: "d", PublicKey: "k", Unread: []string{"device_public_key_id"},
		},
		`{"service_user_hash":"a","api_time":"yesterday"}`:                                   transunion.SessionEnded{ServiceUserHash: "a", Unread: []string{"api_time"}},
		`{"service_user_hash":null,"api_time":1515648137}`:                                   transunion.SessionEnded{At: ended},
		`{"service_user_hash":"x","service_user_hash":"a","api_time":"2018-01-11 05:22:17"}`: transunion.SessionEnded{ServiceUserHash: "a", At: ended},
	} {
		event, err := transunion.Parse(&truhook.Verified{Payload: []byte(text)})
		require.NoError(t, err, text)
		assert.Equal(t, want, event, text)
	}
}

func TestEventID_IsTotal(t *testing.T) {
	t.Parallel()
	const outer = `{"auth_jwe":"x","service_user_hash":"a","user_push_id":"b"}`
	for _, c := range []struct{ payload, inner, want string }{
		{outer, `{"auth_request":"r"}`, "^authorization:r$"},
		{outer, `{"auth_request":17,"type":[]}`, "^authorization:17$"},
		{strings.Replace(outer, `"b"`, "17", 1), `{"auth_request":"r"}`, "^authorization:r$"},
		{outer, `{"auth_request":null}`, "^body-sha256/"},
		{outer, `[]`, "^body-sha256/"},
		{outer, ``, "^body-sha256/"},
		{`{"type":"DEVICE_LINK_COMPLETION","device_id":"d"}`, "", "^device:d$"},
		{`{"type":"DEVICE_LINK_COMPLETION","device_id":{}}`, "", "^body-sha256/"},
		{`{"service_user_hash":"a","api_time":"2018-01-11T05:22:17Z"}`, "", "^session:a:2018-01-11T05:22:17Z$"},
		{`{"service_user_hash":"a","api_time":1515648137000}`, "", "^session:a:2018-01-11T05:22:17Z$"},
		{`{"service_user_hash":"a","api_time":"yesterday"}`, "", "^session:a:yesterday$"},
		{`{"service_user_hash":"a","api_time":null}`, "", "^body-sha256/"},
		{`{"service_user_hash":true,"api_time":"2018-01-11T05:22:17Z"}`, "", "^body-sha256/"},
		{`{"type":"X"}`, "", "^token:1$"},
		{`[]`, "", "^body-sha256/"},
		{``, "", "^body-sha256/"},
	} {
		v := &truhook.Verified{Payload: []byte(c.payload), Inner: []byte(c.inner), Proofs: []truhook.Proof{{Scheme: "transunion", Detail: jose.Claims{ID: "1"}}}}
		id, err := transunion.EventID(v)
		require.NoError(t, err)
		assert.Regexp(t, c.want, id, c.payload)
	}
	id, err := transunion.EventID(&truhook.Verified{Payload: []byte(`{"type":"X"}`)})
	require.NoError(t, err)
	assert.Regexp(t, "^body-sha256/", id, "no token")
}

func TestAuthorized_MeansTypeAndReason(t *testing.T) {
	t.Parallel()
	assert.False(t, transunion.AuthorizationResponse{}.Authorized())
	assert.False(t, transunion.AuthorizationResponse{Type: "AUTHORIZED"}.Authorized())
	assert.False(t, transunion.AuthorizationResponse{Reason: "APPROVED"}.Authorized())
	assert.False(t, transunion.AuthorizationResponse{Type: "AUTHORIZED", Reason: "approved"}.Authorized())
	assert.True(t, transunion.AuthorizationResponse{Type: "AUTHORIZED", Reason: "APPROVED"}.Authorized())
}

func TestFingerprint_IsTheMD5OfTheSPKI(t *testing.T) {
	t.Parallel()
	key := privateKey(t, "service-current")
	assert.Regexp(t, `^([0-9a-f]{2}:){15}[0-9a-f]{2}$`, key.ID)
	id, err := transunion.Fingerprint(&key.Key.(*rsa.PrivateKey).PublicKey)
	require.NoError(t, err)
	assert.Equal(t, key.ID, id, "a private key has the id of its public key")
	for _, bad := range []any{nil, "key", 1, (*rsa.PublicKey)(nil), &rsa.PublicKey{}, (*rsa.PrivateKey)(nil)} {
		_, err := transunion.Fingerprint(bad)
		assert.Error(t, err, "%T", bad)
	}
}

func TestPlatformKeys_TakesOnlyTheKeyItAskedFor(t *testing.T) {
	t.Parallel()
	platform := platformKey(t)
	stranger := privateKey(t, "stranger")
	pem := readPEM(t, "platform-public")
	spki, err := x509.MarshalPKIXPublicKey(stranger.Key.(*rsa.PrivateKey).Public())
	require.NoError(t, err)
	otherPEM := pemlib.EncodeToMemory(&pemlib.Block{Type: "PUBLIC KEY", Bytes: spki})
	for name, c := range map[string]struct {
		status int
		id     string
		body   []byte
		want   truhook.Reason
	}{
		"the key":            {200, platform.ID, pem, ""},
		"another id":         {200, stranger.ID, pem, truhook.KeysUnavailable},
		"no id":              {200, "", pem, truhook.KeysUnavailable},
		"another key":        {200, platform.ID, otherPEM, truhook.KeysUnavailable},
		"a private key":      {200, platform.ID, readPEM(t, "stranger"), truhook.KeysUnavailable},
		"no key":             {200, platform.ID, nil, truhook.KeysUnavailable},
		"HTML":               {200, platform.ID, []byte("<html>"), truhook.KeysUnavailable},
		"unknown":            {404, "", nil, truhook.KeysStale},
		"a fault":            {500, platform.ID, pem, truhook.KeysUnavailable},
		"a redirect":         {302, platform.ID, pem, truhook.KeysUnavailable},
		"gone with the wind": {410, platform.ID, pem, truhook.KeysUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked []string
			keys, err := transunion.NewPlatformKeys("https://api.example/", &http.Client{Transport: round(func(r *http.Request) (*http.Response, error) {
				asked = append(asked, r.Method+" "+r.URL.String())
				header := http.Header{}
				header.Set("X-IOV-KEY-ID", c.id)
				header.Set("Location", "https://elsewhere.example/")
				return &http.Response{StatusCode: c.status, Header: header, Body: http.NoBody}, nil
			}, c.body)}, jose.CacheConfig{})
			require.NoError(t, err)
			cfg := config(t)
			cfg.Keys = keys
			v, err := transunion.New(cfg)
			require.NoError(t, err)
			for range 3 {
				_, err = v.Verify(t.Context(), delivery(t, "event-session-end"))
				assert.Equal(t, c.want, truhook.ReasonOf(err), "%v", err)
			}
			assert.Equal(t, []string{"GET https://api.example/public/v3/public-key/" + platform.ID}, asked)
		})
	}
}

func TestPlatformKeys_AnIDOfAnotherShapeNeverReachesAURL(t *testing.T) {
	t.Parallel()
	keys, err := transunion.NewPlatformKeys("https://api.example", &http.Client{
		Transport: round(func(*http.Request) (*http.Response, error) { t.Error("asked"); return nil, http.ErrServerClosed }, nil),
	}, jose.CacheConfig{})
	require.NoError(t, err)
	good := platformKey(t).ID
	for _, id := range []string{
		"", "../../admin", "%2e%2e", good + ":", good[:46], good[:46] + "g", good + good, strings.ToUpper(good), good[:46] + "/",
		strings.ReplaceAll(good, ":", "-"), good[:45] + "\n0",
	} {
		found, err := keys.PublicKeys(t.Context(), jose.Query{KeyID: id})
		require.NoError(t, err)
		assert.Empty(t, found)
	}
	_, err = transunion.NewPlatformKeys("http://api.example", nil, jose.CacheConfig{})
	require.Error(t, err)
	_, err = transunion.NewPlatformKeys("https://api.example", nil, jose.CacheConfig{TTL: -1})
	require.Error(t, err)
}

func TestVerifier_PrintsNoPrivateKey(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	v, err := transunion.New(cfg)
	require.NoError(t, err)
	verified, err := v.Verify(t.Context(), delivery(t, "event-session-end"))
	require.NoError(t, err)
	var out bytes.Buffer
	for _, held := range []any{v, *v, cfg, &cfg, verified} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			fmt.Fprintf(&out, verb, held)
		}
	}
	d := cfg.PrivateKeys.(jose.StaticPrivateKeys)[0].Key.(*rsa.PrivateKey).D
	assert.NotContains(t, out.String(), d.String()[:20])
	assert.NotContains(t, out.String(), fmt.Sprint(d.Bits()[0]))
}

// FuzzEvent reads any payload and any device response as an event.
func FuzzEvent(f *testing.F) {
	f.Add([]byte(`{"auth_jwe":"x","service_user_hash":"a","user_push_id":"b"}`), []byte(`{"type":"AUTHORIZED","reason":"APPROVED","auth_request":"a","device_id":"d"}`))
	f.Add([]byte(`{"service_user_hash":"a","api_time":"2018-01-11T05:22:17Z"}`), []byte(nil))
	f.Add([]byte(`{"type":"DEVICE_LINK_COMPLETION","device_id":"a","device_public_key":"b","device_public_key_id":"c"}`), []byte(nil))
	f.Add([]byte(`{"type":"X"}`), []byte(`{}`))
	f.Fuzz(func(t *testing.T, payload, inner []byte) {
		v := &truhook.Verified{Payload: payload, Inner: inner, Proofs: []truhook.Proof{{Scheme: "transunion", Detail: jose.Claims{ID: "1"}}}}
		event, err := transunion.Parse(v)
		id, idErr := transunion.EventID(v)
		require.NoError(t, idErr)
		require.NotEmpty(t, id)
		require.True(t, utf8.ValidString(id) && !strings.Contains(id, "\x00"))
		if err != nil {
			require.ErrorIs(t, err, truhook.MalformedPayload)
			return
		}
		if r, ok := event.(transunion.AuthorizationResponse); ok && r.Authorized() {
			require.NotEmpty(t, r.AuthRequest)
			require.NotEmpty(t, inner)
		}
	})
}
