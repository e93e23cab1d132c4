package trulioo_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
)

func TestNewClient_FollowsNoRedirectWithTheSecretOrTheToken(t *testing.T) {
	t.Parallel()
	var reached atomic.Int64
	evil := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer evil.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		p := newPlatform(t, nil)
		to := func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, evil.URL, status) }
		p.set(func() { p.tokenFault = to })
		require.Error(t, p.source(t, hmacsig.CacheConfig{}).Refresh(t.Context()))
		p.set(func() { p.tokenFault, p.fault = nil, to })
		require.ErrorContains(t, p.source(t, hmacsig.CacheConfig{}).Refresh(t.Context()), "redirect")

		// Nor does a client of somebody else, such as one of golang.org/x/oauth2, whose transport authorises every hop.
		other := p.server.Client()
		s, err := trulioo.NewCredentialSource(other, p.server.URL+"/api/v2/client-webhooks/current-credential", "acc+ou&nt",
			hmacsig.CacheConfig{})
		require.NoError(t, err)
		require.ErrorContains(t, s.Refresh(t.Context()), "redirect")
		assert.Nil(t, other.CheckRedirect, "which is not changed")
	}
	assert.Zero(t, reached.Load())
}

type roundTripper func(*http.Request) (*http.Response, error)

func TestNewCredentialSource_RejectsBadArguments(t *testing.T) {
	t.Parallel()
	const good = "https://auth.example/connect/token"
	for _, args := range [][3]string{
		{"", "id", "secret"}, {"http://auth.example/token", "id", "secret"}, {"auth.example/token", "id", "secret"},
		{"https://", "id", "secret"}, {"https://user:pass@auth.example/", "id", "secret"},
		{good + "?x=y", "id", "secret"}, {good + "#f", "id", "secret"}, {"https://auth.example/%zz", "id", "secret"},
		{good, "", "secret"}, {good, "id", ""}, {good, "id", "secret\n"}, {good, "id\r\n", "secret"}, {good, "id", "\xef\xbb\xbfsecret"},
	} {
		_, err := trulioo.NewClient(args[0], args[1], args[2], trulioo.ClientConfig{})
		require.Error(t, err, "%q", args)
		assert.NotContains(t, err.Error(), "pass")
	}
	client, err := trulioo.NewClient(good, "id", "secret", trulioo.ClientConfig{})
	require.NoError(t, err)
	for _, test := range []struct {
		client            *http.Client
		endpoint, account string
	}{{nil, good, "a"}, {client, "", "a"}, {client, "http://auth.example", "a"}, {client, good + "?a=b", "a"}, {client, good, ""}} {
		_, err := trulioo.NewCredentialSource(test.client, test.endpoint, test.account, hmacsig.CacheConfig{})
		require.Error(t, err)
	}
	asked := 0
	client, err = trulioo.NewClient(good, "id", "secret", trulioo.ClientConfig{HTTPClient: &http.Client{
		Transport: roundTripper(func(*http.Request) (*http.Response, error) { asked++; return nil, http.ErrNotSupported }),
	}})
	require.NoError(t, err)
	_, err = client.Get("http://auth.example/") //nolint:noctx,bodyclose // it must not get out
	require.ErrorContains(t, err, "https")
	assert.Zero(t, asked, "a token goes over https only")

	for _, s := range []*trulioo.CredentialSource{nil, {}} {
		keys, err := s.Keys(t.Context(), hmacsig.Query{})
		assert.NoError(t, err)
		assert.Empty(t, keys)
		assert.Error(t, s.Refresh(t.Context()))
		assert.Error(t, s.Run(t.Context()))
		assert.NotPanics(t, func() { s.Audit(t.Context()) })
	}
}

func TestNewClient_ReadsBothSpellingsOfATokenAndRejectsOthers(t *testing.T) {
	tests := map[string]bool{
		`{"access_token":"token-x","token_type":"Bearer","expires_in":3600}`:     true,
		`{"Token":"token-x","TokenType":"bearer","ExpiresIn":3600}`:              true,
		`{"access_token":"token-x"}`:                                             true,
		`{"access_token":"token-x","expires_in":"3600"}`:                         true,
		`{"access_token":"token-x","expires_in":99999999999}`:                    true,
		`{"access_token":"token-x","expires_in":null}`:                           true,
		`{"access_token":"token-x","expires_in":"soon","token_type":17}`:         true,
		`{"access_token":"token-x","expires_in":[],"scope":{"x":1}}`:             true,
		`{"access_token":null,"Token":"token-x","ExpiresIn":1799.5}`:             true,
		`{"access_token":"token-x","token_type":"mac"}`:                          false,
		`{"access_token":"token-x","expires_in":0}`:                              false,
		`{"access_token":"token-x","expires_in":-1}`:                             false,
		`{"access_token":"token-x","expires_in":1e400}`:                          false,
		`{"access_token":"token-x\r\nX-Evil: 1"}`:                                false,
		`{"access_token":"token x"}`:                                             false,
		`{"access_token":"tök"}`:                                                 false,
		`{"access_token":""}`:                                                    false,
		`{"access_token":7}`:                                                     false,
		`{"access_token":"` + strings.Repeat("t", 16<<10+1) + `"}`:               false,
		`{"access_token":"token-x","pad":"` + strings.Repeat("t", 64<<10) + `"}`: false,
		`null`: false, `"token-x"`: false, `[]`: false, ``: false, `token-x`: false,
	}
	for body, want := range tests {
		t.Run(fmt.Sprintf("%.60s", body), func(t *testing.T) {
			bubble(t, func(t *testing.T, p *platform) {
				p.set(func() {
					p.tokens["token-x"], p.tokens["token x"], p.tokens["tök"] = true, true, true
					p.tokenFault = func(w http.ResponseWriter, _ *http.Request) {
						w.Header().Set("Content-Type", "application/json")
						_, _ = io.WriteString(w, body)
					}
				})
				err := p.source(t, hmacsig.CacheConfig{}).Refresh(t.Context())
				assert.Equal(t, want, err == nil, "%v", err)
				if err != nil {
					assert.NotContains(t, err.Error(), "token-x")
				}
			})
		})
	}
}
