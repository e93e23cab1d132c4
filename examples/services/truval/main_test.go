package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/hmacsig/truval"
)

func TestRun_EachRequestHasItsSecret(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out, filepath.Join(t.TempDir(), "requests.db")))
	assert.Equal(t, strings.TrimPrefix(`
handled: job-1 deliverable
the first: 200
handled: job-2 deliverable
the second: 200
the first, again: 200
the second by the secret of the first: 401
a token that nobody was given: 401
`, "\n"), out.String())
}

func TestRequests_SurviveARestartAndAreForgottenInTheEnd(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "requests.db")
	db, err := open(t.Context(), file)
	require.NoError(t, err)
	made := time.Now()
	token, secret, err := requests{db}.add(t.Context(), made)
	require.NoError(t, err)
	require.NoError(t, db.Close())

	db, err = open(t.Context(), file)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	r := requests{db}
	h, err := routes(r, func(*truval.Event) error { return nil })
	require.NoError(t, err)
	for _, tt := range []struct {
		days, want int
	}{{0, 200}, {30, 200}, {33, 401}} {
		require.NoError(t, r.prune(t.Context(), made.AddDate(0, 0, tt.days)))
		status, err := callBack(h, token, secret, "job")
		require.NoError(t, err)
		assert.Equal(t, tt.want, status, "%d days", tt.days)
	}
}

func TestRequests_ADatabaseThatIsAwayIsNoRefusal(t *testing.T) {
	t.Parallel()
	db, err := open(t.Context(), filepath.Join(t.TempDir(), "requests.db"))
	require.NoError(t, err)
	r := requests{db}
	h, err := routes(r, func(*truval.Event) error { return nil })
	require.NoError(t, err)
	require.NoError(t, db.Close())
	status, err := callBack(h, "any", "a secret of this test", "job")
	require.NoError(t, err)
	assert.Equal(t, 503, status, "every 4xx is final at Truval")
}
