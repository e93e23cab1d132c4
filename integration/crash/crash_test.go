package crash_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/integration/crash"
)

// held fails if an event is lost, or had two effects without being told.
func held(t *testing.T, r crash.Report) {
	t.Helper()
	assert.Empty(t, r.Lost, "acknowledged events without an effect")
	assert.Empty(t, r.Unannounced, "events with two effects under one attempt")
	assert.NotZero(t, r.Events)
}

func TestCrashRedisWithAppendOnlyFile(t *testing.T) {
	t.Parallel()
	s := startRedis(t, "appendonly yes", "appendfsync always")
	held(t, crash.Run(t, crash.Config{
		Receiver: "redis", Target: s.URL(), Times: *crashes, Faults: []crash.Fault{crash.KillServer(s)},
	}))
}

func TestCrashPostgres(t *testing.T) {
	t.Parallel()
	s, _ := startPostgres(t)
	held(t, crash.Run(t, crash.Config{
		Receiver: "postgres", Target: s.URL(), Times: *crashes, Faults: []crash.Fault{crash.KillServer(s)},
	}))
}

func TestCrashSQLite(t *testing.T) {
	t.Parallel()
	held(t, crash.Run(t, crash.Config{
		Receiver: "sqlite", Target: filepath.Join(t.TempDir(), "hooks.db"), Times: *crashes,
	}))
}

func TestCrashOnceHasExactlyOneEffect(t *testing.T) {
	t.Parallel()
	s, db := startPostgres(t)
	r := crash.Run(t, crash.Config{
		Receiver: "once", Target: s.URL(), Times: *crashes, Faults: []crash.Fault{crash.KillServer(s)},
		Effects: func() (map[string][]uint32, error) { return rows(db) },
	})
	held(t, r)
	assert.Zero(t, r.Repeated, "events with more than one effect")
	assert.GreaterOrEqual(t, r.Effects, r.Events)
}

// What a promise depends on: the same store on a Redis with its own default, which keeps records in memory only until
// the next snapshot.
func TestCrashRedisWithoutAppendOnlyFileForgets(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	c, err := client(s.URL())
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	r := crash.Run(t, crash.Config{
		Receiver: "redis", Target: s.URL(), Times: *crashes, Faults: []crash.Fault{crash.KillServer(s)}, Spare: true,
	})
	assert.Empty(t, r.Lost, "events are not lost even so, as long as they are delivered again")
	assert.NotEmpty(t, r.Unannounced, "Redis without an append-only file should have forgotten completed events")
	t.Logf("REDIS WITHOUT AN APPEND-ONLY FILE FORGETS: %d of %d events had a second effect that no attempt announced",
		len(r.Unannounced), r.Events)
}

// The matrix can fail: a set of seen ids, with a lease that nobody owns.
func TestCrashTheUsualRecipeFails(t *testing.T) {
	t.Parallel()
	s := startRedis(t, "appendonly yes", "appendfsync always")
	r := crash.Run(t, crash.Config{
		Receiver: "naive", Target: s.URL(), Times: *crashes, // of the receiver alone
	})
	assert.NotEmpty(t, r.Unannounced, "SET NX should have let an event have two effects under one attempt")
}

func rows(db *sql.DB) (map[string][]uint32, error) {
	rows, err := db.Query(`SELECT event FROM effects`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	effects := map[string][]uint32{}
	for rows.Next() {
		var event string
		if err := rows.Scan(&event); err != nil {
			return nil, err
		}
		effects[event] = append(effects[event], 1)
	}
	return effects, rows.Err()
}
