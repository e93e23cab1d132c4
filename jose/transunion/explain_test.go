package transunion_test

import (
	"bytes"
	"crypto/rsa"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
	"github.com/truhook/truhook/truhooktest"
)

func TestExplain_NamesWhatAProxyDid(t *testing.T) {
	t.Parallel()
	v := verifier(t)
	for name, test := range map[string]struct {
		change func(d *truhook.Delivery)
		reason truhook.Reason
		cause  string
	}{
		"a prefix":         {func(d *truhook.Delivery) { d.RequestURI = "/api" + d.RequestURI }, truhook.WrongPath, "path-rewritten"},
		"a trailing break": {func(d *truhook.Delivery) { d.Body = append(bytes.Clone(d.Body), '\n') }, truhook.BodyHashMismatch, "body-text-changed"},
		"a header's name": {func(d *truhook.Delivery) {
			d.Header["X_iov_jwt"] = d.Header["X-Iov-Jwt"]
			delete(d.Header, "X-Iov-Jwt")
		}, truhook.MissingToken, "header-similar-name"},
		"the word in front": {func(d *truhook.Delivery) { d.Header["X-Iov-Jwt"][0] = "IOV-JWT " + d.Header["X-Iov-Jwt"][0] }, truhook.MalformedToken, "signature-form"},
	} {
		d := delivery(t, "event-device-link")
		test.change(d)
		_, err := v.Verify(t.Context(), d)
		require.ErrorIs(t, err, test.reason, name)
		e := truhook.Explain(t.Context(), v, d, truhook.ExplainConfig{})
		assert.Equal(t, test.reason, e.Reason, name)
		require.NotEmpty(t, e.Findings, name)
		assert.Equal(t, test.cause, e.Findings[0].Name, name)
		assert.True(t, e.Findings[0].Proven, name)
	}
}

func TestExplain_FindsTheKeyOfAnotherService(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.Keys = strangerKeys(t)
	here, err := transunion.New(cfg)
	require.NoError(t, err)
	e := truhook.Explain(t.Context(), here, delivery(t, "event-device-link"), truhook.ExplainConfig{Others: []truhook.Verifier{verifier(t)}})
	require.NotEmpty(t, e.Findings)
	assert.Equal(t, "key-of-other-environment", e.Findings[0].Name)
	assert.True(t, e.Findings[0].Proven)
	assert.Equal(t, truhook.NoKey, (*transunion.Verifier)(nil).Explain(t.Context(), truhook.ExplainQuery{}).Reason)
}

func strangerKeys(t *testing.T) jose.StaticKeys {
	t.Helper()
	stranger := privateKey(t, "stranger")
	return jose.StaticKeys{{ID: stranger.ID, Key: &stranger.Key.(*rsa.PrivateKey).PublicKey}}
}

func TestExplain_HashOfThePlaintext(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.Keys = strangerKeys(t)
	v, err := transunion.New(cfg)
	require.NoError(t, err)
	service := privateKey(t, "service-current")
	public := jose.PublicKey{ID: service.ID, Key: &service.Key.(*rsa.PrivateKey).PublicKey}
	event := []byte(`{"type":"DEVICE_LINK_COMPLETION","device_id":"a","device_public_key":"b","device_public_key_id":"c"}`)
	at := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	r, err := http.NewRequest(http.MethodPost, "http://receiver.example/hook", nil)
	require.NoError(t, err)
	_, err = truhooktest.TransUnion(truhooktest.TransUnionConfig{
		Entity: entity, Platform: privateKey(t, "stranger"), Service: public, Plain: true,
	})(r, truhooktest.Event{Body: event}, at)
	require.NoError(t, err)
	encrypted, err := truhooktest.TransUnionJWE(public, event)
	require.NoError(t, err)
	for path, causes := range map[string][]string{
		"/hook":     {"hash-of-plaintext"},
		"/api/hook": {"path-rewritten", "hash-of-plaintext"},
	} {
		d := &truhook.Delivery{Method: "POST", RequestURI: path, Header: r.Header, Received: at, Body: []byte(encrypted)}
		e := truhook.Explain(t.Context(), v, d, truhook.ExplainConfig{})
		var names []string
		for _, f := range e.Findings {
			names = append(names, f.Name)
			assert.True(t, f.Proven, f.Name)
		}
		assert.Equal(t, causes, names)
	}
}
