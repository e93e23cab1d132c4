package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/examples/services/internal/demotest"
	"github.com/truhook/truhook/internal/servertest"
)

func TestEachEventHasOneEffect(t *testing.T) {
	server, err := servertest.StartRedis("appendonly yes", "appendfsync always", "maxmemory-policy noeviction")
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Stop() })
	t.Setenv("REDIS_URL", server.URL())
	demotest.TestDuplicates(t, demotest.Start(t, run))
}
