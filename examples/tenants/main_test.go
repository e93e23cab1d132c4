package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/idempotency"
)

func TestRun_TenantsAreKeptApart(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(&out))
	assert.Equal(t, strings.TrimPrefix(`
handled: acme 1
to acme, signed by acme: 200
handled: globex 1
to globex, signed by globex: 200
to acme, signed by acme: 200
to globex, signed by acme: 401
to initech, signed by acme: 404
`, "\n"), out.String())
}

func TestNewTenants_ATenantWithoutASecretStopsTheStart(t *testing.T) {
	t.Parallel()
	_, err := newTenants(map[string]string{"acme": ""}, idempotency.NewMemory(idempotency.MemoryConfig{}), nil)
	require.ErrorContains(t, err, "acme")
}
