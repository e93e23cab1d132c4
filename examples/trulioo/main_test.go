package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/idempotency"
)

func TestRun_RegistersAndHandlesAnEventOnce(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(&out))
	assert.Equal(t, `handshake: 200 {"challenge":"made-for-this-example"}
handled: FLOW_END 952255da
event: 200
the same, retried: 200
under an expired credential: 401 Unauthorized
`, out.String())
}

func TestReceiver_WithoutCredentialsStopsTheStart(t *testing.T) {
	t.Parallel()
	p := platform()
	t.Cleanup(p.Close)
	_, err := receiver(t.Context(), settings{
		tokenURL: p.URL + "/connect/token", credentialsURL: p.URL + "/elsewhere", clientID: "client",
		clientSecret: "made-for-this-example", account: "account", client: p.Client(),
	}, idempotency.NewMemory(idempotency.MemoryConfig{}), nil)
	require.Error(t, err)
}
