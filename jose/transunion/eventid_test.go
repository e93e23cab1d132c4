package transunion_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
)

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
