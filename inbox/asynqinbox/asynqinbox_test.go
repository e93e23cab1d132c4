package asynqinbox_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/inbox/asynqinbox"
	"github.com/truhook/truhook/internal/servertest"
	"github.com/truhook/truhook/retry"
)

var errHandler = errors.New("the handler failed")

// redis is one server for all tests; each has a queue of its own.
var redis *servertest.Server

func TestMain(m *testing.M) {
	var err error
	if redis, err = servertest.StartRedis("appendonly yes"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = redis.Stop()
	os.Exit(code)
}

func message(id string) inbox.Message {
	return inbox.Message{Key: idempotency.Key{Scope: "truv/test", ID: id}, Payload: []byte("payload of " + id), Received: time.Now()}
}

func newQueue(t *testing.T, s *servertest.Server, cfg asynqinbox.Config) (*asynqinbox.Queue, *asynq.Inspector) {
	t.Helper()
	client := goredis.NewClient(&goredis.Options{Addr: s.Addr()})
	inspector := asynq.NewInspectorFromRedisClient(client)
	t.Cleanup(func() { _ = client.Close() })
	q, err := asynqinbox.New(client, cfg)
	require.NoError(t, err)
	return q, inspector
}

func work(t *testing.T, s *servertest.Server, queue string, fn func(context.Context, *truhook.Verified) error) {
	t.Helper()
	worker, err := inbox.NewWorker(idempotency.NewMemory(idempotency.MemoryConfig{}), fn, idempotency.Config{})
	require.NoError(t, err)
	mux := asynq.NewServeMux()
	mux.Handle(asynqinbox.TaskType, asynqinbox.NewHandler(worker))
	server := asynq.NewServer(asynq.RedisClientOpt{Addr: s.Addr()}, asynq.Config{
		Queues: map[string]int{queue: 1}, LogLevel: asynq.FatalLevel, Concurrency: 4,
		DelayedTaskCheckInterval: 50 * time.Millisecond, TaskCheckInterval: 20 * time.Millisecond,
		RetryDelayFunc: func(int, error, *asynq.Task) time.Duration { return 10 * time.Millisecond },
	})
	require.NoError(t, server.Start(mux))
	t.Cleanup(server.Shutdown)
}

func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	require.Eventually(t, condition, 20*time.Second, 5*time.Millisecond)
}

// Asynq recovers a panic, and waits for the end of a task's time, 30 minutes, where its goroutine ends.
func TestNewHandler_GoexitOfAFunctionIsRetriedLikeAnError(t *testing.T) {
	t.Parallel()
	q, _ := newQueue(t, redis, asynqinbox.Config{Queue: "exit"})
	_, err := q.Enqueue(t.Context(), message("a"))
	require.NoError(t, err)
	var attempts atomic.Int32
	work(t, redis, "exit", func(context.Context, *truhook.Verified) error {
		if attempts.Add(1) == 1 {
			runtime.Goexit()
		}
		return nil
	})
	eventually(t, func() bool { return attempts.Load() == 2 })
}

func TestADeliveryAndItsDuplicatesAreOneEffect(t *testing.T) {
	t.Parallel()
	q, inspector := newQueue(t, redis, asynqinbox.Config{Queue: "one"})
	accept, err := inbox.NewHandler(q, "truv/test", func(v *truhook.Verified) (string, error) { return string(v.Payload), nil }, inbox.Config{})
	require.NoError(t, err)
	post := func(body string) int {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		w := httptest.NewRecorder()
		accept.ServeHTTP(w, r.WithContext(truhook.NewContext(r.Context(), &truhook.Verified{Payload: []byte(body), Inner: []byte("inside")})))
		return w.Code
	}
	var together sync.WaitGroup
	for range 8 {
		together.Go(func() { assert.Equal(t, 200, post("a")) })
	}
	together.Wait()
	assert.Equal(t, 200, post("b"))
	info, err := inspector.GetQueueInfo("one")
	require.NoError(t, err)
	assert.Equal(t, 2, info.Pending)

	var calls atomic.Int32
	work(t, redis, "one", func(ctx context.Context, v *truhook.Verified) error {
		calls.Add(1)
		c, _ := idempotency.FromContext(ctx)
		assert.EqualValues(t, 1, c.Attempt)
		assert.Equal(t, "inside", string(v.Inner))
		return nil
	})
	eventually(t, func() bool {
		info, err := inspector.GetQueueInfo("one")
		return err == nil && info.Completed == 2
	})
	assert.Equal(t, 200, post("a"), "a redelivery after the work is done")
	info, err = inspector.GetQueueInfo("one")
	require.NoError(t, err)
	assert.Zero(t, info.Pending+info.Active+info.Retry)
	assert.EqualValues(t, 2, calls.Load())
}

func TestAFailureIsRetriedAndAPermanentOneIsArchivedAndReplayed(t *testing.T) {
	t.Parallel()
	q, inspector := newQueue(t, redis, asynqinbox.Config{Queue: "two", MaxRetry: 5, Timeout: time.Minute})
	for _, id := range []string{"failing", "permanent"} {
		duplicate, err := q.Enqueue(t.Context(), message(id))
		require.NoError(t, err)
		require.False(t, duplicate)
	}
	var heal atomic.Bool
	var attempts sync.Map
	work(t, redis, "two", func(ctx context.Context, v *truhook.Verified) error {
		c, _ := idempotency.FromContext(ctx)
		attempts.Store(string(v.Payload), c.Attempt)
		switch {
		case string(v.Payload) == "payload of permanent" && !heal.Load():
			return retry.Permanent(errHandler)
		case string(v.Payload) == "payload of failing" && c.Attempt == 1:
			return errHandler
		case string(v.Payload) == "payload of failing" && c.Attempt == 2:
			panic("bug")
		}
		return nil
	})
	counts := func(completed, archived int) func() bool {
		return func() bool {
			info, err := inspector.GetQueueInfo("two")
			return err == nil && info.Completed == completed && info.Archived == archived
		}
	}
	eventually(t, counts(1, 1))
	n, _ := attempts.Load("payload of failing")
	assert.EqualValues(t, 3, n)
	for id, want := range map[string]bool{"failing": true, "permanent": false} {
		duplicate, err := q.Enqueue(t.Context(), message(id))
		require.NoError(t, err)
		assert.Equal(t, want, duplicate, "%s: a delivery wakes the dead, and nothing else", id)
	}
	eventually(t, counts(1, 1))
	heal.Store(true)
	require.NoError(t, inspector.RunTask("two", message("permanent").Key.IdempotencyKey()))
	eventually(t, counts(2, 0))
}

func TestAudit_FindsWhatPromisesDependOn(t *testing.T) {
	t.Parallel()
	names := func(s *servertest.Server) (names []string) {
		q, _ := newQueue(t, s, asynqinbox.Config{Queue: "audited"})
		for _, f := range q.Audit(t.Context()) {
			names = append(names, string(f.Severity)+" "+f.Name)
		}
		return names
	}
	assert.Empty(t, names(redis))
	evicting, err := servertest.StartRedis("maxmemory 100mb", "maxmemory-policy allkeys-lru", "appendonly no")
	require.NoError(t, err)
	t.Cleanup(func() { _ = evicting.Stop() })
	assert.Equal(t, []string{"warning redis-not-durable", "error redis-evicts"}, names(evicting))
	client := goredis.NewClient(&goredis.Options{Addr: evicting.Addr()})
	t.Cleanup(func() { _ = client.Close() })
	members := make([]goredis.Z, 9001)
	for i := range members {
		members[i] = goredis.Z{Score: float64(i), Member: i}
	}
	require.NoError(t, client.ZAdd(t.Context(), "asynq:{audited}:archived", members...).Err())
	assert.Contains(t, names(evicting), "warning dead-letters-full")
	require.NoError(t, evicting.Kill())
	assert.Equal(t, []string{"error store-unreachable"}, names(evicting))
	assert.Equal(t, "zero-store", (*asynqinbox.Queue)(nil).Audit(t.Context())[0].Name)
}

func TestWhatWasAcceptedSurvivesAKilledRedis(t *testing.T) {
	t.Parallel()
	server, err := servertest.StartRedis("appendonly yes", "appendfsync always")
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Stop() })
	q, _ := newQueue(t, server, asynqinbox.Config{})
	_, err = q.Enqueue(t.Context(), message("a"))
	require.NoError(t, err)
	require.NoError(t, server.Kill())
	_, err = q.Enqueue(t.Context(), message("b"))
	require.Error(t, err, "nothing is acknowledged by a dead Redis")
	require.NoError(t, server.Restart())
	duplicate, err := q.Enqueue(t.Context(), message("a"))
	require.NoError(t, err)
	assert.True(t, duplicate)
	done := make(chan string, 9)
	work(t, server, "default", func(_ context.Context, v *truhook.Verified) error { done <- string(v.Payload); return nil })
	assert.Equal(t, "payload of a", <-done)
}

func TestWhatCannotWorkIsRefused(t *testing.T) {
	t.Parallel()
	_, err := asynqinbox.New(nil, asynqinbox.Config{})
	assert.Error(t, err)
	client := goredis.NewClient(&goredis.Options{Addr: redis.Addr()})
	defer client.Close()
	_, err = asynqinbox.New(client, asynqinbox.Config{Retention: time.Minute})
	assert.Error(t, err)
	for _, q := range []*asynqinbox.Queue{nil, {}} {
		_, err = q.Enqueue(t.Context(), message("a"))
		assert.Error(t, err)
	}
	q, _ := newQueue(t, redis, asynqinbox.Config{Queue: "bad", MaxRetry: -1})
	_, err = q.Enqueue(t.Context(), inbox.Message{})
	assert.Error(t, err)
	assert.Panics(t, func() { asynqinbox.NewHandler(nil) })
	worker, err := inbox.NewWorker(idempotency.NewMemory(idempotency.MemoryConfig{}),
		func(context.Context, *truhook.Verified) error { t.Error("called"); return nil }, idempotency.Config{})
	require.NoError(t, err)
	err = asynqinbox.NewHandler(worker).ProcessTask(t.Context(), asynq.NewTask(asynqinbox.TaskType, []byte(`{"v":2}`)))
	require.Error(t, err)
	assert.NotErrorIs(t, err, asynq.SkipRetry)
}

func TestNewHandler_ArchivesNothingThatADeadLetterCouldNotTake(t *testing.T) {
	t.Parallel()
	taken := errHandler
	worker, err := inbox.NewWorker(idempotency.NewMemory(idempotency.MemoryConfig{}),
		func(context.Context, *truhook.Verified) error { return retry.Permanent(errHandler) },
		idempotency.Config{DeadLetter: func(context.Context, *truhook.Verified, error) error { return taken }})
	require.NoError(t, err)
	payload, err := message("a").MarshalJSON()
	require.NoError(t, err)
	h, task := asynqinbox.NewHandler(worker), asynq.NewTask(asynqinbox.TaskType, payload)
	err = h.ProcessTask(t.Context(), task)
	assert.ErrorIs(t, err, errHandler)
	assert.NotErrorIs(t, err, asynq.SkipRetry, "it is retried")
	taken = nil
	assert.NoError(t, h.ProcessTask(t.Context(), task))
}
