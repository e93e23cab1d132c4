package sqliteinbox_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/inbox/sqliteinbox"
)

var errHandler = errors.New("the handler failed")

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		child()
		return
	}
	os.Exit(m.Run())
}

// A database is the name of one that a test has for itself.
type database string

const sqliteSettings = "?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(5000)"

func newDatabase(t testing.TB) database {
	return database("file:" + filepath.Join(t.TempDir(), "inbox.db") + sqliteSettings)
}

func (d database) open(t testing.TB) *sql.DB {
	t.Helper()
	db, err := d.connect()
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	_, err = db.ExecContext(t.Context(), sqliteinbox.Schema())
	require.NoError(t, err)
	return db
}

func (d database) connect() (*sql.DB, error) {
	db, err := sql.Open("sqlite", string(d))
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, err
}

// each runs a test on a database of its own.
func each(t *testing.T, test func(t *testing.T, db *sql.DB)) {
	t.Helper()
	t.Parallel()
	test(t, newDatabase(t).open(t))
}

func newQueue(t *testing.T, db *sql.DB, cfg sqliteinbox.Config) *sqliteinbox.Queue {
	t.Helper()
	if cfg.Poll == 0 {
		cfg.Poll = 10 * time.Millisecond
	}
	if cfg.Backoff == nil {
		cfg.Backoff = func(int) time.Duration { return time.Millisecond }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	q, err := sqliteinbox.New(db, cfg)
	require.NoError(t, err)
	return q
}

// start runs the queue until the test ends, or stop is called.
func start(t *testing.T, q *sqliteinbox.Queue, fn func(context.Context, *truhook.Verified) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		assert.NoError(t, q.Run(ctx, fn))
	}()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

func message(id string) inbox.Message {
	return inbox.Message{
		Key: idempotency.Key{Scope: "truv/test", ID: id}, Payload: []byte("payload of " + id),
		Fingerprint: idempotency.NewFingerprint([]byte(id)), Received: time.Now(),
	}
}

func enqueue(t *testing.T, q *sqliteinbox.Queue, ids ...string) {
	t.Helper()
	for _, id := range ids {
		duplicate, err := q.Enqueue(t.Context(), message(id))
		require.NoError(t, err)
		require.False(t, duplicate)
	}
}

// A journal is what the functions under test were called with.
type journal struct {
	mu      sync.Mutex
	entries []string
}

func (j *journal) add(ctx context.Context, format string, args ...any) idempotency.Claim {
	c, _ := idempotency.FromContext(ctx)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, fmt.Sprintf(format, args...))
	return c
}

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.entries)
}

func (j *journal) wait(t *testing.T, want ...string) {
	t.Helper()
	eventually(t, func() bool { return len(j.all()) >= len(want) })
	assert.ElementsMatch(t, want, j.all())
}

func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, 20*time.Second, 2*time.Millisecond)
}

// idle waits until nothing is open.
func idle(t *testing.T, q *sqliteinbox.Queue) sqliteinbox.Stats {
	t.Helper()
	var s sqliteinbox.Stats
	eventually(t, func() bool {
		var err error
		s, err = q.Stats(t.Context())
		require.NoError(t, err)
		return s.Waiting+s.Delayed+s.Running == 0
	})
	return s
}

// seen collects events.
type seen struct {
	mu     sync.Mutex
	events []idempotency.Observation
}

func (s *seen) observe(_ context.Context, e idempotency.Observation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
}

func (s *seen) outcomes() (out []idempotency.Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		out = append(out, e.Outcome)
	}
	return out
}

func (s *seen) wait(t *testing.T, want ...idempotency.Outcome) {
	t.Helper()
	eventually(t, func() bool { return len(s.outcomes()) >= len(want) })
	assert.ElementsMatch(t, want, s.outcomes())
}
