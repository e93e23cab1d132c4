package main

import (
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/examples/services/internal/demotest"
)

// TestMain is the program itself where a test has started it as a process.
func TestMain(m *testing.M) {
	if os.Getenv("TRUHOOK_EXAMPLE") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestEachEventHasOneEffect(t *testing.T) {
	demotest.TestDuplicates(t, demotest.Start(t, run))
}

func TestAnEventOutlivesTheProcessThatWorksOnIt(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "hooks.db")
	start := func(args ...string) (*exec.Cmd, *demotest.Service) {
		cmd := exec.Command(os.Args[0], append([]string{"-db", db, "-lease", "500ms"}, args...)...) //nolint:gosec // this very program
		cmd.Env = append(os.Environ(), "TRUHOOK_EXAMPLE=1")
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		return cmd, demotest.Read(t, out)
	}
	cmd, s := start("-slow", "1h")
	assert.Equal(t, 200, s.Post(t, secret, demotest.Event("a")))
	s.Line(t, "begun a/order-status-updated, attempt 1")
	require.NoError(t, cmd.Process.Kill()) // in the middle of the work, after the 200
	_ = cmd.Wait()

	cmd, s = start()
	assert.Equal(t, 200, s.Post(t, secret, demotest.Event("a")), "a redelivery is a duplicate")
	s.Line(t, "handled a/order-status-updated, attempt 2")
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.NoError(t, cmd.Wait())

	file, err := sql.Open("sqlite", "file:"+db)
	require.NoError(t, err)
	defer file.Close()
	var n int
	require.NoError(t, file.QueryRowContext(t.Context(), "SELECT count(*) FROM effect").Scan(&n))
	assert.Equal(t, 1, n)
}
