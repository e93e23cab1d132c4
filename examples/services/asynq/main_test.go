package main

import (
	"testing"

	"github.com/truhook/truhook/examples/services/internal/demotest"
)

func TestEachEventHasOneEffect(t *testing.T) {
	t.Setenv("REDIS_URL", "") // its own
	demotest.TestDuplicates(t, demotest.Start(t, run))
}
