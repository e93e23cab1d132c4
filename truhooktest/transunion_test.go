package truhooktest_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
	"github.com/truhook/truhook/truhooktest"
)

const transunionEntity = "svc:f8329e0e-dd7a-11e7-98b4-469158467b1a"

func TestWhatTransUnionSignsIsAccepted(t *testing.T) {
	t.Parallel()
	platform, service := transUnionKey(t), transUnionKey(t)
	v, err := transunion.New(transunion.Config{
		Entity:      transunionEntity,
		Keys:        jose.StaticKeys{{ID: "platform", Key: &platform.PublicKey}},
		PrivateKeys: jose.StaticPrivateKeys{{ID: "service", Key: service}},
	})
	require.NoError(t, err)
	to := jose.PublicKey{ID: "service", Key: &service.PublicKey}
	cfg := truhooktest.TransUnionConfig{
		Entity: transunionEntity, Platform: jose.PrivateKey{ID: "platform", Key: platform}, Service: to,
	}
	var got *truhook.Verified
	handler := truhook.NewMiddleware(v, truhook.Config{}).Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got, _ = truhook.FromContext(r.Context())
	}))

	device := `{"type":"AUTHORIZED","reason":"APPROVED","auth_request":"a","device_id":"d"}`
	response, err := truhooktest.TransUnionJWE(to, []byte(device))
	require.NoError(t, err)
	event, err := json.Marshal(map[string]string{"auth_jwe": response, "service_user_hash": "u", "user_push_id": "p"})
	require.NoError(t, err)
	assertStatus(t, handler, truhooktest.NewRequest(t, truhooktest.TransUnion(cfg), "/hook?a=b", truhooktest.Event{Body: event}), 200)
	require.NotNil(t, got)
	assert.Equal(t, device, string(got.Inner))
	first, err := transunion.TokenID(got)
	require.NoError(t, err)
	assertStatus(t, handler, truhooktest.NewRequest(t, truhooktest.TransUnion(cfg), "/hook", truhooktest.Event{Body: event}), 200)
	second, err := transunion.TokenID(got)
	require.NoError(t, err)
	assert.NotEqual(t, first, second, "each token has an id of its own")

	cfg.Plain = true
	end := truhooktest.Event{Body: []byte(`{"service_user_hash":"u","api_time":"2018-01-11T05:22:17Z"}`)}
	assertStatus(t, handler, truhooktest.NewRequest(t, truhooktest.TransUnion(cfg), "/hook", end), 200)
	assert.Equal(t, end.Body, got.Payload)

	cfg.Platform.Key = service
	assertStatus(t, handler, truhooktest.NewRequest(t, truhooktest.TransUnion(cfg), "/hook", end), 401)
}

func TestAKeyThatDoesNotServeShowsWhenTransUnionSigns(t *testing.T) {
	t.Parallel()
	r := func() *http.Request {
		r, err := http.NewRequest(http.MethodPost, "http://receiver.example/hook", nil)
		require.NoError(t, err)
		return r
	}
	platform := jose.PrivateKey{ID: "p", Key: transUnionKey(t)}
	for _, cfg := range []truhooktest.TransUnionConfig{
		{}, {Plain: true}, {Platform: platform}, {Platform: platform, Service: jose.PublicKey{ID: "s", Key: "x"}},
		{Plain: true, Platform: jose.PrivateKey{ID: "p", Key: "x"}},
	} {
		_, err := truhooktest.TransUnion(cfg)(r(), truhooktest.Event{Body: []byte("{}")}, time.Unix(1772443800, 0))
		assert.Error(t, err)
	}
}

func transUnionKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	return key
}

func assertStatus(t *testing.T, h http.Handler, r *http.Request, want int) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	assert.Equal(t, want, w.Code)
}
