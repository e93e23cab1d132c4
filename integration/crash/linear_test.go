package crash_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/idempotency/lineartest"
)

// The lease is about the time of two calls, so that takeovers happen.
var linear = lineartest.Config{Operations: 300, Lease: 8 * time.Millisecond, Seed: uint64(time.Now().UnixNano())}

func TestStoresAreLinearizable(t *testing.T) {
	t.Parallel()
	t.Logf("seed %d", linear.Seed)
	stores := map[string]func() (idempotency.Store, error){
		"sqlite": func() (idempotency.Store, error) { return openSQLite(filepath.Join(t.TempDir(), "hooks.db")) },
	}
	for name, b := range backends(t) {
		stores[name] = func() (idempotency.Store, error) { return b.open(b.server.URL()) }
	}
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := open()
			require.NoError(t, err)
			lineartest.Run(t, s, linear)
		})
	}
}

func TestTheUsualRecipeIsNotLinearizable(t *testing.T) {
	t.Parallel()
	c, err := client(startRedis(t).URL())
	require.NoError(t, err)
	assert.Error(t, lineartest.Check(naive{c}, linear))
}
