package sqlinbox_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/inbox/sqlinbox"
	"github.com/truhook/truhook/internal/servertest"
)

var errHandler = errors.New("the handler failed")

// postgres is one server for all tests.
var postgres = sync.OnceValues(func() (*servertest.Server, error) { return servertest.StartPostgres() })

var postgresStarted atomic.Bool

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		child()
		return
	}
	code := m.Run()
	if postgresStarted.Load() {
		if s, err := postgres(); err == nil {
			_ = s.Stop()
		}
	}
	os.Exit(code)
}

// A database is one that a test has for itself.
type database struct {
	dialect sqlinbox.Dialect
	driver  string
	name    string
}

const sqliteSettings = "?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(5000)"

var schemas atomic.Int64

func newSQLite(t *testing.T) database {
	return database{sqlinbox.SQLite, "sqlite", "file:" + filepath.Join(t.TempDir(), "inbox.db") + sqliteSettings}
}

func newPostgres(t *testing.T) database {
	t.Helper()
	postgresStarted.Store(true)
	server, err := postgres()
	require.NoError(t, err)
	schema := fmt.Sprintf("t%d", schemas.Add(1))
	db, err := sql.Open("pgx", server.URL())
	require.NoError(t, err)
	defer db.Close()
	_, err = db.ExecContext(t.Context(), "CREATE SCHEMA "+schema)
	require.NoError(t, err)
	return database{sqlinbox.PostgreSQL, "pgx", server.URL() + "&search_path=" + schema}
}

func (d database) open(t *testing.T) *sql.DB {
	t.Helper()
	db, err := d.connect()
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	_, err = db.ExecContext(t.Context(), sqlinbox.Schema(d.dialect))
	require.NoError(t, err)
	return db
}

func (d database) connect() (*sql.DB, error) {
	db, err := sql.Open(d.driver, d.name)
	if err == nil && d.dialect == sqlinbox.SQLite {
		db.SetMaxOpenConns(1)
	}
	return db, err
}

// each runs a test on both databases.
func each(t *testing.T, test func(t *testing.T, db *sql.DB, d sqlinbox.Dialect)) {
	t.Helper()
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		d := newSQLite(t)
		test(t, d.open(t), d.dialect)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		d := newPostgres(t)
		test(t, d.open(t), d.dialect)
	})
}

func newQueue(t *testing.T, db *sql.DB, d sqlinbox.Dialect, cfg sqlinbox.Config) *sqlinbox.Queue {
	t.Helper()
	if cfg.Poll == 0 {
		cfg.Poll = 10 * time.Millisecond
	}
	if cfg.Backoff == nil {
		cfg.Backoff = func(int) time.Duration { return time.Millisecond }
	}
	q, err := sqlinbox.NewQueue(db, d, cfg)
	require.NoError(t, err)
	return q
}

// start runs the queue until the test ends, or stop is called.
func start(t *testing.T, q *sqlinbox.Queue, fn func(context.Context, *truhook.Verified) error) (stop func()) {
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

func enqueue(t *testing.T, q *sqlinbox.Queue, ids ...string) {
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
func idle(t *testing.T, q *sqlinbox.Queue) sqlinbox.Stats {
	t.Helper()
	var s sqlinbox.Stats
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
	assert.Equal(t, want, s.outcomes())
}
