//go:build unix

package servertest_test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/internal/servertest"
)

const ports = "TRUHOOK_PORTS" // set for a process that prints what it is given

func TestMain(m *testing.M) {
	if os.Getenv(ports) == "" {
		os.Exit(m.Run())
	}
	for range 50 {
		port, err := servertest.FreePort()
		fmt.Println(port, err)
	}
}

// Nobody listens on any of them meanwhile, and still none is given to two, here or in another process.
func TestFreePort_IsGivenToOneTestOfOneProcess(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	given := map[string]bool{}
	var all sync.WaitGroup
	for range 150 {
		all.Go(func() {
			port, err := servertest.FreePort()
			assert.NoError(t, err)
			mu.Lock()
			defer mu.Unlock()
			given[strconv.Itoa(port)] = true
		})
	}
	all.Wait()
	assert.Len(t, given, 150)
	self, err := os.Executable()
	require.NoError(t, err)
	for range 10 {
		c := exec.Command(self) //nolint:gosec // this very program
		c.Env = append(os.Environ(), ports+"=1", "GORACE=atexit_sleep_ms=0")
		out, err := c.Output()
		require.NoError(t, err)
		theirs := strings.Fields(strings.ReplaceAll(string(out), " <nil>", ""))
		require.Len(t, theirs, 50)
		for _, port := range theirs {
			require.False(t, given[port], "another process is given %s too", port)
		}
	}
}
