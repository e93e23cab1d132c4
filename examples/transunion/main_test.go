package main

import (
	"bytes"
	"encoding/base64"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/recorded"
	"github.com/truhook/truhook/recorded/deliveries"
)

func TestRun_TellsWhatEachEventAllows(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(&out))
	assert.Equal(t, `allowed: 62e09ff8-f9a9-11e8-bbe2-0242ac130008
denied: 62e09ff8-f9a9-11e8-bbe2-0242ac130008 FRAUDULENT
linked: 31ba7a2e-8ecf-11e7-8d3a-0800200c9a66
signed out: Rg8EMoDsWFrWUPDjVTuwTDRFoFXjWbA4ZdYTNpSAbFp
not known: "SOMETHING_NEW"
token-forged: 401
claim-sub-wrong: 401
`, out.String())
}

// claims.json is what the token of a recorded delivery claims, so that the page which shows it shows a true one.
func TestClaims_AreThoseOfARecordedDelivery(t *testing.T) {
	t.Parallel()
	file, err := recorded.ReadFS(deliveries.FS(), "transunion/event-authorization-response.http")
	require.NoError(t, err)
	r, err := file.Request()
	require.NoError(t, err)
	parts := strings.Split(r.Header.Get("X-Iov-Jwt"), ".")
	require.Len(t, parts, 3)
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	require.NoError(t, err)
	shown, err := os.ReadFile("claims.json")
	require.NoError(t, err)
	assert.JSONEq(t, string(claims), string(shown))
}
