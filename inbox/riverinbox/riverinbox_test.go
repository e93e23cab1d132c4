package riverinbox_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/idempotency/sqlstore"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/inbox/riverinbox"
	"github.com/truhook/truhook/internal/servertest"
	"github.com/truhook/truhook/retry"
)

var errHandler = errors.New("the handler failed")

func database(t *testing.T) (*pgxpool.Pool, *servertest.Server) {
	t.Helper()
	server, err := servertest.StartPostgres()
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Stop() })
	pool, err := pgxpool.New(t.Context(), server.URL())
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	require.NoError(t, err)
	_, err = migrator.Migrate(t.Context(), rivermigrate.DirectionUp, nil)
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), sqlstore.PostgresSchema())
	require.NoError(t, err)
	return pool, server
}

type soon struct{}

func (soon) NextRetry(*rivertype.JobRow) time.Time { return time.Now() }

func client(t *testing.T, pool *pgxpool.Pool, workers *river.Workers) *river.Client[pgx.Tx] {
	t.Helper()
	cfg := &river.Config{Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), TestOnly: true}
	if workers != nil {
		cfg.Workers, cfg.Queues = workers, map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 4}}
		cfg.RetryPolicy, cfg.FetchCooldown, cfg.FetchPollInterval = soon{}, 10*time.Millisecond, 50*time.Millisecond
	}
	c, err := river.NewClient(riverpgxv5.New(pool), cfg)
	require.NoError(t, err)
	return c
}

func newQueue(t *testing.T, pool *pgxpool.Pool) *riverinbox.Queue {
	t.Helper()
	q, err := riverinbox.New(pool, client(t, pool, nil), riverinbox.Config{})
	require.NoError(t, err)
	return q
}

func work(t *testing.T, pool *pgxpool.Pool, fn func(context.Context, *truhook.Verified) error) *river.Client[pgx.Tx] {
	t.Helper()
	w, err := inbox.NewWorker(idempotency.NewMemory(idempotency.MemoryConfig{}), fn, idempotency.Config{})
	require.NoError(t, err)
	workers := river.NewWorkers()
	river.AddWorker(workers, riverinbox.NewWorker(w))
	c := client(t, pool, workers)
	require.NoError(t, c.Start(context.Background()))
	t.Cleanup(func() { assert.NoError(t, c.Stop(context.Background())) })
	return c
}

func message(id string) inbox.Message {
	return inbox.Message{Key: idempotency.Key{Scope: "truv/test", ID: id}, Payload: []byte(id), Received: time.Now()}
}

func count(t *testing.T, pool *pgxpool.Pool, query string) (n int) {
	t.Helper()
	require.NoError(t, pool.QueryRow(t.Context(), query).Scan(&n))
	return n
}

func TestADeliveryAndItsDuplicatesAreOneJobAndOneEffect(t *testing.T) {
	t.Parallel()
	pool, _ := database(t)
	accept, err := inbox.NewHandler(newQueue(t, pool), "truv/test", func(v *truhook.Verified) (string, error) { return string(v.Payload), nil }, inbox.Config{})
	require.NoError(t, err)
	post := func(body string) {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		w := httptest.NewRecorder()
		accept.ServeHTTP(w, r.WithContext(truhook.NewContext(r.Context(), &truhook.Verified{Payload: []byte(body), Inner: []byte("inside")})))
		assert.Equal(t, 200, w.Code)
	}
	var together sync.WaitGroup
	for range 8 {
		together.Go(func() { post("a") })
	}
	together.Wait()
	post("b")
	assert.Equal(t, 2, count(t, pool, "SELECT count(*) FROM river_job"))

	calls := make(chan string, 9)
	work(t, pool, func(ctx context.Context, v *truhook.Verified) error {
		c, _ := idempotency.FromContext(ctx)
		calls <- fmt.Sprintf("%s %s %d", v.Payload, v.Inner, c.Attempt)
		return nil
	})
	assert.ElementsMatch(t, []string{"a inside 1", "b inside 1"}, []string{<-calls, <-calls})
	_, err = pool.Exec(t.Context(), "DELETE FROM river_job WHERE state = 'completed'") // as River's cleaner does after a day
	require.NoError(t, err)
	post("a")
	assert.Zero(t, count(t, pool, "SELECT count(*) FROM river_job WHERE state = 'available'"), "the claim outlives the job")
	_, err = pool.Exec(t.Context(), "UPDATE truhook_once SET expires_at = now() WHERE id = 'a'")
	require.NoError(t, err)
	duplicate, err := newQueue(t, pool).Enqueue(t.Context(), message("a"))
	require.NoError(t, err)
	assert.False(t, duplicate, "after its retention")
}

func TestAJobThatCannotBeInsertedLeavesNoClaim(t *testing.T) {
	t.Parallel()
	pool, _ := database(t)
	q := newQueue(t, pool)
	_, err := pool.Exec(t.Context(), "ALTER TABLE river_job RENAME TO gone")
	require.NoError(t, err)
	_, err = q.Enqueue(t.Context(), message("a"))
	require.Error(t, err)
	assert.Zero(t, count(t, pool, "SELECT count(*) FROM truhook_once"))
	_, err = pool.Exec(t.Context(), "ALTER TABLE gone RENAME TO river_job")
	require.NoError(t, err)
	duplicate, err := q.Enqueue(t.Context(), message("a"))
	require.NoError(t, err)
	assert.False(t, duplicate, "the provider came again")
}

func TestAFailureIsRetriedAndAPermanentOneIsCancelledAndReplayed(t *testing.T) {
	t.Parallel()
	pool, _ := database(t)
	q := newQueue(t, pool)
	for _, id := range []string{"failing", "permanent"} {
		_, err := q.Enqueue(t.Context(), message(id))
		require.NoError(t, err)
	}
	var heal atomic.Bool
	attempts := make(chan uint32, 9)
	c := work(t, pool, func(ctx context.Context, v *truhook.Verified) error {
		claimed, _ := idempotency.FromContext(ctx)
		if string(v.Payload) == "permanent" {
			if heal.Load() {
				return nil
			}
			return retry.Permanent(errHandler)
		}
		attempts <- claimed.Attempt
		switch claimed.Attempt {
		case 1:
			return errHandler
		case 2:
			panic("bug")
		}
		return nil
	})
	for _, want := range []uint32{1, 2, 3} {
		assert.Equal(t, want, <-attempts)
	}
	states := func(completed, cancelled int) func() bool {
		return func() bool {
			return count(t, pool, "SELECT count(*) FROM river_job WHERE state = 'completed'") == completed &&
				count(t, pool, "SELECT count(*) FROM river_job WHERE state = 'cancelled'") == cancelled
		}
	}
	require.Eventually(t, states(1, 1), 20*time.Second, 10*time.Millisecond)
	heal.Store(true)
	id := count(t, pool, "SELECT id FROM river_job WHERE state = 'cancelled'")
	_, err := c.JobRetry(t.Context(), int64(id))
	require.NoError(t, err)
	require.Eventually(t, states(2, 0), 20*time.Second, 10*time.Millisecond)
}

func TestClaimAndJobAreOneCommitWhereverTheServerIsKilled(t *testing.T) {
	t.Parallel()
	pool, server := database(t)
	q := newQueue(t, pool)
	ctx, cancel := context.WithCancel(t.Context())
	var accepted sync.Map
	var provider sync.WaitGroup
	for sender := range 4 {
		provider.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				id := fmt.Sprintf("%d-%d", sender, i)
				for { // a provider that does not give up
					if _, err := q.Enqueue(context.Background(), message(id)); err == nil {
						break
					}
				}
				accepted.Store(id, true)
			}
		})
	}
	for i := range 4 {
		require.Eventually(t, func() bool { // something has happened since the last kill
			n := 0
			accepted.Range(func(any, any) bool { n++; return true })
			return n > 20*i
		}, 30*time.Second, time.Millisecond)
		require.NoError(t, server.Kill())
		require.NoError(t, server.Restart())
	}
	cancel()
	provider.Wait()
	total := 0
	accepted.Range(func(any, any) bool { total++; return true })
	assert.Equal(t, total, count(t, pool, "SELECT count(*) FROM truhook_once"))
	assert.Equal(t, total, count(t, pool, "SELECT count(*) FROM river_job"))
	assert.Equal(t, total, count(t, pool, "SELECT count(DISTINCT args->'message'->>'id') FROM river_job"))
	t.Logf("4 kills of the server, %d events", total)
}

func TestAJobThatAnotherWorkerHoldsIsPutOff(t *testing.T) {
	t.Parallel()
	store := idempotency.NewMemory(idempotency.MemoryConfig{})
	_, err := store.Claim(t.Context(), idempotency.ClaimRequest{
		Key: idempotency.Key{Scope: "truv/test#work", ID: "a"}, Token: idempotency.NewToken(), Lease: time.Hour, Retain: time.Hour,
	})
	require.NoError(t, err)
	w, err := inbox.NewWorker(store, func(context.Context, *truhook.Verified) error { t.Error("called"); return nil }, idempotency.Config{Wait: -1})
	require.NoError(t, err)
	err = riverinbox.NewWorker(w).Work(t.Context(), &river.Job[riverinbox.Args]{Args: riverinbox.Args{Message: message("a")}})
	var snooze *rivertype.JobSnoozeError
	assert.ErrorAs(t, err, &snooze)
}

func TestQueue_ADeliveryWakesTheDeadAndNothingElse(t *testing.T) {
	t.Parallel()
	pool, _ := database(t)
	q := newQueue(t, pool)
	for _, state := range []string{"available", "running", "retryable", "scheduled", "pending", "completed", "cancelled", "discarded"} {
		ids := []string{state, state + "'s \"twin\""}
		for _, id := range ids {
			duplicate, err := q.Enqueue(t.Context(), message(id))
			require.NoError(t, err)
			require.False(t, duplicate)
		}
		_, err := pool.Exec(t.Context(), `UPDATE river_job SET state = $1::river_job_state, attempt = max_attempts, attempted_at = now(),
			finalized_at = CASE WHEN $1 IN ('completed', 'cancelled', 'discarded') THEN now() END
			WHERE args->'message'->>'id' = ANY($2)`, state, ids)
		require.NoError(t, err)
		other := message(ids[0])
		other.Key.Scope = "truv/other"
		duplicate, err := q.Enqueue(t.Context(), other)
		require.NoError(t, err)
		assert.False(t, duplicate, "%s: the same id in another scope is another event", state)

		var together sync.WaitGroup
		var woken atomic.Int32
		for range 4 {
			together.Go(func() {
				duplicate, err := q.Enqueue(t.Context(), message(ids[0]))
				assert.NoError(t, err)
				if !duplicate {
					woken.Add(1)
				}
			})
		}
		together.Wait()
		dead := state == "cancelled" || state == "discarded"
		want, now := int32(0), state
		if dead {
			want, now = 1, "available"
		}
		assert.Equal(t, want, woken.Load(), state)
		is := func(id string) (state string) {
			require.NoError(t, pool.QueryRow(t.Context(), `SELECT state FROM river_job WHERE args->'message'->>'id' = $1
				AND args->'message'->>'scope' = 'truv/test'`, id).Scan(&state), "one job")
			return state
		}
		assert.Equal(t, now, is(ids[0]), "%s: its job", state)
		assert.Equal(t, state, is(ids[1]), "%s: that of another event", state)
	}
	q, err := riverinbox.New(pool, client(t, pool, nil), riverinbox.Config{})
	require.NoError(t, err)
	_, err = pool.Exec(t.Context(), "ALTER TABLE river_job RENAME TO gone")
	require.NoError(t, err)
	_, err = q.Enqueue(t.Context(), message("cancelled"))
	assert.Error(t, err, "who cannot look does not say that somebody has the event")
}

func TestQueue_TakesAnEventWhateverBytesItHolds(t *testing.T) {
	t.Parallel()
	pool, _ := database(t)
	const nul = "a\x00\xff"
	accept, err := inbox.NewHandler(newQueue(t, pool), "truv/test", func(v *truhook.Verified) (string, error) { return string(v.Payload), nil },
		inbox.Config{Header: []string{"X-Trace"}, Version: func(*truhook.Verified) (string, time.Time, error) { return nul, time.Now(), nil }})
	require.NoError(t, err)
	v := &truhook.Verified{Payload: []byte(nul), Inner: []byte(nul), Proofs: []truhook.Proof{{Scheme: nul, KeyID: nul}}}
	header := http.Header{"X-Trace": {nul, "b\x00"}}
	assert.Equal(t, idempotency.Handled, accept.Accept(t.Context(), v, header).Outcome)
	assert.Equal(t, idempotency.Duplicate, accept.Accept(t.Context(), v, header).Outcome)
	work(t, pool, func(context.Context, *truhook.Verified) error { return retry.Permanent(errors.New(nul)) })
	require.Eventually(t, func() bool { return count(t, pool, "SELECT count(*) FROM river_job WHERE state = 'cancelled'") == 1 },
		20*time.Second, 10*time.Millisecond, "the text of an error keeps no job from being cancelled")
}

// River completes many jobs in one commit, and tries it for a minute where it fails.
func TestWorker_APanicWhoseTextCannotBeKeptStopsNoOtherJob(t *testing.T) {
	t.Parallel()
	pool, _ := database(t)
	q := newQueue(t, pool)
	for _, id := range []string{"a\x00", "b", "c", "d", "e"} {
		m := message(hex.EncodeToString([]byte(id)))
		m.Payload = []byte(id)
		_, err := q.Enqueue(t.Context(), m)
		require.NoError(t, err)
	}
	work(t, pool, func(ctx context.Context, v *truhook.Verified) error {
		if c, _ := idempotency.FromContext(ctx); bytes.Contains(v.Payload, []byte{0}) && c.Attempt < 3 {
			panic("cannot read " + string(v.Payload))
		}
		return nil
	})
	require.Eventually(t, func() bool { return count(t, pool, "SELECT count(*) FROM river_job WHERE state = 'completed'") == 5 },
		20*time.Second, 10*time.Millisecond)
}

func TestNewWorker_CancelsNothingThatADeadLetterCouldNotTake(t *testing.T) {
	t.Parallel()
	taken := errHandler
	w, err := inbox.NewWorker(idempotency.NewMemory(idempotency.MemoryConfig{}),
		func(context.Context, *truhook.Verified) error { return retry.Permanent(errHandler) },
		idempotency.Config{DeadLetter: func(context.Context, *truhook.Verified, error) error { return taken }})
	require.NoError(t, err)
	worker, job := riverinbox.NewWorker(w), &river.Job[riverinbox.Args]{Args: riverinbox.Args{Message: message("a")}}
	err = worker.Work(t.Context(), job)
	assert.ErrorIs(t, err, errHandler)
	var cancel *rivertype.JobCancelError
	assert.NotErrorAs(t, err, &cancel, "it is retried")
	taken = nil
	assert.NoError(t, worker.Work(t.Context(), job))
}

func TestWhatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), "postgres://postgres@127.0.0.1:1/postgres")
	require.NoError(t, err)
	defer pool.Close()
	c := client(t, pool, nil)
	_, err = riverinbox.New(nil, c, riverinbox.Config{})
	assert.Error(t, err)
	_, err = riverinbox.New(pool, nil, riverinbox.Config{})
	assert.Error(t, err)
	_, err = riverinbox.New(pool, c, riverinbox.Config{Insert: &river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true}}})
	assert.Error(t, err)
	q, err := riverinbox.New(pool, c, riverinbox.Config{Insert: &river.InsertOpts{MaxAttempts: 3}})
	require.NoError(t, err)
	for _, q := range []*riverinbox.Queue{nil, {}, q} {
		_, err = q.Enqueue(t.Context(), message("a"))
		assert.Error(t, err)
	}
	_, err = q.Enqueue(t.Context(), inbox.Message{})
	assert.Error(t, err)
	assert.Panics(t, func() { riverinbox.NewWorker(nil) })
}

func TestAudit_FindsWhatPromisesDependOn(t *testing.T) {
	t.Parallel()
	pool, server := database(t)
	names := func(pool *pgxpool.Pool, cfg riverinbox.Config) (names []string) {
		q, err := riverinbox.New(pool, client(t, pool, nil), cfg)
		require.NoError(t, err)
		for _, f := range q.Audit(t.Context()) {
			names = append(names, f.Name)
		}
		return names
	}
	assert.Empty(t, names(pool, riverinbox.Config{}))
	require.NoError(t, pool.Ping(t.Context()), "the pool is still open")
	assert.Equal(t, []string{"single-attempt"}, names(pool, riverinbox.Config{Insert: &river.InsertOpts{MaxAttempts: 1}}))
	lazy, err := pgxpool.New(t.Context(), server.URL()+"&synchronous_commit=off&search_path=nowhere")
	require.NoError(t, err)
	t.Cleanup(lazy.Close)
	assert.Equal(t, []string{"table-missing", "table-missing", "commit-not-durable"}, names(lazy, riverinbox.Config{}))
	bouncer, err := servertest.StartPgBouncer(server, "pool_mode=transaction")
	require.NoError(t, err)
	t.Cleanup(func() { _ = bouncer.Stop() })
	pooled, err := pgxpool.New(t.Context(), bouncer.URL())
	require.NoError(t, err)
	t.Cleanup(pooled.Close)
	assert.Contains(t, names(pooled, riverinbox.Config{}), "pooler-loses-statements")
	assert.Equal(t, "zero-store", (*riverinbox.Queue)(nil).Audit(t.Context())[0].Name)
}
