package transunion_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose"
	"github.com/truhook/truhook/jose/transunion"
)

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

// Whoever forgets to look at the error has nothing that could authorize.
func TestParse_NoAuthorizationBesideAnError(t *testing.T) {
	t.Parallel()
	for _, inner := range []string{
		`{"type":"AUTHORIZED","reason":"APPROVED","device_id":"d"}`,
		`{"type":"AUTHORIZED","reason":"APPROVED","auth_request":5,"device_id":"d"}`,
		`{"type":"AUTHORIZED","reason":"APPROVED","auth_request":"a"}`,
		`{"type":"AUTHORIZED","reason":"APPROVED","auth_request":"a","device_id":"d","auth_policy":"x"}`,
		`{"type":"AUTHORIZED","reason":"APPROVED","auth_request":"a","device_id":"d","auth_methods":{}}`,
		`{"type":"AUTHORIZED","reason":"APPROVED","auth_request":"a","device_id":"d","service_pins":1}`,
		`{"response":true,"device_id":"d"}`,
		`{"response":"true","auth_request":"a","device_id":"d"}`,
	} {
		for _, member := range []string{"auth_jwe", "auth"} {
			event, err := transunion.Parse(&truhook.Verified{
				Payload: []byte(`{"` + member + `":"x","service_user_hash":"s","user_push_id":"p"}`), Inner: []byte(inner),
			})
			require.Error(t, err, inner)
			assert.Nil(t, event, inner)
		}
	}
}

func TestAuthorized_MeansTypeAndReason(t *testing.T) {
	t.Parallel()
	assert.False(t, transunion.AuthorizationResponse{}.Authorized())
	assert.False(t, transunion.AuthorizationResponse{Type: "AUTHORIZED"}.Authorized())
	assert.False(t, transunion.AuthorizationResponse{Reason: "APPROVED"}.Authorized())
	assert.False(t, transunion.AuthorizationResponse{Type: "AUTHORIZED", Reason: "approved"}.Authorized())
	assert.True(t, transunion.AuthorizationResponse{Type: "AUTHORIZED", Reason: "APPROVED"}.Authorized())
}

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
