//go:build unix

package servertest_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/internal/servertest"
)

func TestServersStartAndSurviveKillAndEnd(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(...string) (*servertest.Server, error){
		"redis": servertest.StartRedis, "postgres": servertest.StartPostgres,
		"pgbouncer": func(settings ...string) (*servertest.Server, error) {
			pg, err := servertest.StartPostgres()
			if err != nil {
				return nil, err
			}
			t.Cleanup(func() { assert.NoError(t, pg.Stop()) })
			return servertest.StartPgBouncer(pg, settings...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := start()
			require.NoError(t, err)
			t.Cleanup(func() { assert.NoError(t, s.Stop()) })
			reachable := func() bool {
				c, err := net.Dial("tcp", s.Addr())
				if err == nil {
					_ = c.Close()
				}
				return err == nil
			}
			for range 2 {
				require.True(t, reachable())
				require.NoError(t, s.Kill())
				require.False(t, reachable(), "after Kill")
				require.NoError(t, s.Restart())
			}
			require.NoError(t, s.Stop())
			assert.False(t, reachable(), "after Stop")
			assert.NoDirExists(t, s.Dir())
			assert.Error(t, s.Kill())
		})
	}
}

func TestASettingThatTheServerRefusesIsAnErrorInItsWords(t *testing.T) {
	t.Parallel()
	_, err := servertest.StartRedis("appendonly perhaps")
	require.ErrorContains(t, err, "appendonly")
	_, err = servertest.StartPostgres("fsync=perhaps")
	require.ErrorContains(t, err, "fsync")
}
