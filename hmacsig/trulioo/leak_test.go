package trulioo_test

import (
	"io"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/internal/leaktest"
)

func TestCredentialSource_ShowsNeitherSecretNorToken(t *testing.T) {
	t.Parallel()
	const token = "token-made-for-this-test"
	var reported atomic.Int64
	p := newPlatform(t, nil)
	p.set(func() {
		p.tokens[token] = true
		p.tokenFault = func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"access_token":"`+token+`","expires_in":3600}`)
		}
	})
	client := p.client(t, trulioo.ClientConfig{})
	s, err := trulioo.NewCredentialSource(client, p.server.URL+"/api/v2/client-webhooks/current-credential", "acc+ou&nt",
		hmacsig.CacheConfig{OnError: func(error) { reported.Add(1) }})
	require.NoError(t, err)
	v := verifier(t, s, hmacsig.Config{})
	require.Empty(t, reason(t, v, secretOne))
	keys, err := s.Keys(t.Context(), hmacsig.Query{})
	require.NoError(t, err)
	values := []any{client, client.Transport, s, v, keys, truhook.Audit(t.Context(), v)}

	// The worst case: both endpoints repeat what they were sent.
	p.set(func() {
		p.fault = func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, r.Header.Get("Authorization")+secretOne)
		}
	})
	err = s.Refresh(t.Context())
	require.Error(t, err)
	values = append(values, err, truhook.Audit(t.Context(), v))
	p.set(func() {
		p.tokenFault = func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"`+clientSecret+`"}`)
		}
	})
	err = s.Refresh(t.Context())
	require.Error(t, err)
	values = append(values, err)
	p.server.Close()
	err = s.Refresh(t.Context())
	require.Error(t, err)
	for reported.Load() < 3 { // what is printed must not change meanwhile
		runtime.Gosched()
	}
	for _, value := range append(values, err) {
		leaktest.Check(t, value, clientSecret, secretOne, token)
	}
}
