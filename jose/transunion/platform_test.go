package transunion_test

import (
	"crypto/rsa"
	"crypto/x509"
	pemlib "encoding/pem"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
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
