package transunion_test

import (
	"crypto/rsa"
	"crypto/x509"
	pemlib "encoding/pem"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
	"github.com/truhook/truhook/truhooktest"
)

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

// For an hour after a restart strangers who do not know the entity send ten tokens a second: the platform is asked for
// the one true key only, and every true delivery is accepted.
func TestPlatformKeys_StrangersCauseNoCall(t *testing.T) {
	t.Parallel()
	stranger := privateKey(t, "stranger")
	spki, err := x509.MarshalPKIXPublicKey(stranger.Key.(*rsa.PrivateKey).Public())
	require.NoError(t, err)
	pem := pemlib.EncodeToMemory(&pemlib.Block{Type: "PUBLIC KEY", Bytes: spki})
	synctest.Test(t, func(t *testing.T) {
		asked := map[string]int{}
		keys, err := transunion.NewPlatformKeys("https://api.example", &http.Client{Transport: round(func(r *http.Request) (*http.Response, error) {
			id := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
			asked[id]++
			if id != stranger.ID {
				return &http.Response{StatusCode: http.StatusNotFound, Header: http.Header{}, Body: http.NoBody}, nil
			}
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"X-Iov-Key-Id": {id}}, Body: http.NoBody}, nil
		}, pem)}, jose.CacheConfig{})
		require.NoError(t, err)
		cfg := config(t)
		cfg.Keys = keys
		v, err := transunion.New(cfg)
		require.NoError(t, err)
		sign := truhooktest.TransUnion(truhooktest.TransUnionConfig{Entity: entity, Platform: stranger, Plain: true})
		forge := truhooktest.TransUnion(truhooktest.TransUnionConfig{
			Entity: "svc:99999999-2222-3333-4444-555555555555", Platform: stranger, Plain: true,
		})
		event := []byte(`{"service_user_hash":"u","api_time":"2026-03-02T09:30:00Z"}`)
		deliver := func(sign truhooktest.Signer) *truhook.Delivery {
			r, err := http.NewRequest(http.MethodPost, "http://receiver.example/hook", nil)
			require.NoError(t, err)
			_, err = sign(r, truhooktest.Event{Body: event}, time.Now())
			require.NoError(t, err)
			return &truhook.Delivery{Method: "POST", RequestURI: "/hook", Header: r.Header, Received: time.Now(), Body: event}
		}
		accepted := 0
		for range 60 {
			forged := deliver(forge)
			for range 600 {
				require.ErrorIs(t, v.Precheck(t.Context(), forged), truhook.WrongAudience)
				_, err := v.Verify(t.Context(), forged)
				require.ErrorIs(t, err, truhook.WrongAudience)
			}
			time.Sleep(time.Minute)
			if _, err := v.Verify(t.Context(), deliver(sign)); assert.NoError(t, err) {
				accepted++
			}
		}
		assert.Equal(t, 60, accepted)
		synctest.Wait()
		assert.Len(t, asked, 1)
		assert.LessOrEqual(t, asked[stranger.ID], 2)
	})
}
