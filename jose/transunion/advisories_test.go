package transunion_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/jose/transunion"
)

// Argo CD's server ended over a payload with an empty list of which the first element was taken.
func TestAdvisory_CVE_2025_59538_EmptyListsAndObjectsEndNothing(t *testing.T) {
	t.Parallel()
	for _, payload := range []string{
		"", "null", "[]", "{}", "[{}]", `""`, "0", `{"type":[]}`, `{"type":{}}`, `{"auth":"","auth_jwe":""}`, `{"auth":[],"auth_jwe":[]}`,
		`{"type":"AUTHORIZATION_RESPONSE"}`, `{"type":"AUTHORIZATION_RESPONSE","auth_jwe":"...."}`, `{"type":"DEVICE_LINK_COMPLETION"}`,
		`{"type":"DEVICE_LINK_COMPLETION","device_id":[]}`, `{"service_user_hash":[],"api_time":[]}`, `{"service_user_hash":"","api_time":""}`,
		`{"auth_policy":{"geofences":[]},"auth_methods":[],"auth":"x"}`,
	} {
		for _, inner := range [][]byte{nil, {}, []byte("[]"), []byte("{}"), []byte(`{"device_ids":[],"auth_methods":[]}`), []byte("null")} {
			v := &truhook.Verified{Payload: []byte(payload), Inner: inner}
			require.NotPanics(t, func() {
				if event, err := transunion.Parse(v); err == nil {
					if r, ok := event.(transunion.AuthorizationResponse); ok {
						assert.False(t, r.Authorized(), "nothing authorizes nobody")
					}
				}
				id, err := transunion.EventID(v)
				require.NoError(t, err)
				assert.NotEmpty(t, id)
			}, "%s %s", payload, inner)
		}
	}
}
