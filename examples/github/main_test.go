package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRun_TheBodyDecidesWhatAnEventIs(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(&out))
	assert.Equal(t, strings.TrimPrefix(`
pushed: refs/heads/main by ann
push: 200
push: 200
star: 200
push: 200
push: 401
`, "\n"), out.String())
	assert.Equal(t, 1, strings.Count(out.String(), "pushed"), "neither twice nor for another body")
}
