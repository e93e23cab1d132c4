package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRun_NoDeliveryUnderASecretInUseIsRefusedForGood(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(&out))
	assert.Equal(t, strings.TrimPrefix(`
the old secret               old 200, new 401
the new one is being written old 200, new 503
the new one beside it        old 200, new 200
the old one is removed       old 200, new 200
the new secret               old 401, new 200
`, "\n"), out.String())
}
