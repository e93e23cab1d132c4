package crash_test

import (
	"context"
	"database/sql"
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-redisstream/pkg/redisstream"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/idempotency/redisstore"
	"github.com/truhook/truhook/idempotency/sqlstore"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/inbox/asynqinbox"
	"github.com/truhook/truhook/inbox/riverinbox"
	"github.com/truhook/truhook/inbox/sqliteinbox"
	"github.com/truhook/truhook/inbox/watermillinbox"
	"github.com/truhook/truhook/integration/crash"
)

var discard = slog.New(slog.DiscardHandler)

// accepts returns the endpoint in front of a queue.
func accepts(e inbox.Enqueuer, cfg inbox.Config) (http.Handler, error) {
	cfg.Logger = discard
	accept, err := inbox.NewHandler(e, "crash", crash.EventOf, cfg)
	if err != nil {
		return nil, err
	}
	return crash.Verified(accept), nil
}

// works returns the worker behind a queue.
func works(s idempotency.Store, effect crash.Effect) (*inbox.Worker, error) {
	return inbox.NewWorker(s, crash.Work(effect), idempotency.Config{Lease: crash.Lease, Logger: discard})
}

func receiveSQLite(file string, effect crash.Effect) (http.Handler, error) {
	db, err := sql.Open("sqlite", "file:"+file+
		"?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(sqliteinbox.Schema()); err != nil {
		return nil, err
	}
	q, err := sqliteinbox.New(db, sqliteinbox.Config{
		Concurrency: 16, Lease: crash.Lease, Poll: 20 * time.Millisecond, MaxAttempts: -1, Logger: discard,
		Backoff: func(int) time.Duration { return 20 * time.Millisecond },
	})
	if err != nil {
		return nil, err
	}
	go q.Run(context.Background(), crash.Work(effect)) //nolint:errcheck // it ends with the process
	return accepts(q, inbox.Config{})
}

type soon struct{}

func (soon) NextRetry(*rivertype.JobRow) time.Time { return time.Now().Add(20 * time.Millisecond) }

func receiveRiver(url string, effect crash.Effect) (http.Handler, error) {
	db, err := pool(url)
	if err != nil {
		return nil, err
	}
	s, err := sqlstore.NewPostgres(db, sqlstore.Config{})
	if err != nil {
		return nil, err
	}
	w, err := works(s, effect)
	if err != nil {
		return nil, err
	}
	jobs, err := pgxpool.New(ctx, url)
	if err != nil {
		return nil, err
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, riverinbox.NewWorker(w))
	client, err := river.NewClient(riverpgxv5.New(jobs), &river.Config{
		Logger: discard, Workers: workers, Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 16}},
		MaxAttempts: 1000, RetryPolicy: soon{}, JobTimeout: 5 * time.Second, RescueStuckJobsAfter: 6 * time.Second,
		FetchCooldown: 20 * time.Millisecond, FetchPollInterval: 100 * time.Millisecond,
	})
	if err != nil {
		return nil, err
	}
	if err := client.Start(ctx); err != nil {
		return nil, err
	}
	q, err := riverinbox.New(jobs, client, riverinbox.Config{})
	if err != nil {
		return nil, err
	}
	return accepts(q, inbox.Config{})
}

func receiveAsynq(url string, effect crash.Effect) (http.Handler, error) {
	c, err := client(url)
	if err != nil {
		return nil, err
	}
	s, err := redisstore.New(c, redisstore.Config{})
	if err != nil {
		return nil, err
	}
	w, err := works(s, effect)
	if err != nil {
		return nil, err
	}
	tasks := asynq.NewServeMux()
	tasks.Handle(asynqinbox.TaskType, asynqinbox.NewHandler(w))
	server := asynq.NewServerFromRedisClient(c, asynq.Config{
		LogLevel: asynq.FatalLevel, Concurrency: 16, TaskCheckInterval: 20 * time.Millisecond, DelayedTaskCheckInterval: 100 * time.Millisecond,
		RetryDelayFunc: func(int, error, *asynq.Task) time.Duration { return 20 * time.Millisecond },
	})
	if err := server.Start(tasks); err != nil {
		return nil, err
	}
	q, err := asynqinbox.New(c, asynqinbox.Config{MaxRetry: 1000})
	if err != nil {
		return nil, err
	}
	return accepts(q, inbox.Config{})
}

func receiveWatermill(url string, effect crash.Effect) (http.Handler, error) {
	c, err := client(url)
	if err != nil {
		return nil, err
	}
	s, err := redisstore.New(c, redisstore.Config{})
	if err != nil {
		return nil, err
	}
	w, err := works(s, effect)
	if err != nil {
		return nil, err
	}
	publisher, err := redisstream.NewPublisher(redisstream.PublisherConfig{Client: c}, watermill.NopLogger{})
	if err != nil {
		return nil, err
	}
	router, err := message.NewRouter(message.RouterConfig{}, watermill.NopLogger{})
	if err != nil {
		return nil, err
	}
	for n := range 8 { // each handles one message at a time
		subscriber, err := redisstream.NewSubscriber(redisstream.SubscriberConfig{
			Client: c, ConsumerGroup: "crash", OldestId: "0", NackResendSleep: 20 * time.Millisecond, BlockTime: 100 * time.Millisecond,
			ClaimInterval: 200 * time.Millisecond, MaxIdleTime: 5 * time.Second,
		}, watermill.NopLogger{})
		if err != nil {
			return nil, err
		}
		router.AddConsumerHandler(string(rune('a'+n)), "crash", subscriber, watermillinbox.NewHandler(w, publisher, "crash-poison"))
	}
	go router.Run(ctx) //nolint:errcheck // it ends with the process
	q, err := watermillinbox.New(publisher, "crash")
	if err != nil {
		return nil, err
	}
	return accepts(q, inbox.Config{Store: s})
}

// A worker that is killed leaves what it had taken: the queue gives it to another one, sooner or later, and a second
// effect has a higher attempt. What was answered 200 is never lost.
func TestCrash_QueuesLoseNothingThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	for name, target := range map[string]func(t *testing.T) (string, []crash.Fault){
		"queue/sqlite": func(t *testing.T) (string, []crash.Fault) { return filepath.Join(t.TempDir(), "inbox.db"), nil },
		"queue/river": func(t *testing.T) (string, []crash.Fault) {
			s, _ := startPostgres(t)
			pool, err := pgxpool.New(ctx, s.URL())
			require.NoError(t, err)
			defer pool.Close()
			migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Logger: discard})
			require.NoError(t, err)
			_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
			require.NoError(t, err)
			return s.URL(), nil
		},
		"queue/asynq": func(t *testing.T) (string, []crash.Fault) {
			s := startRedis(t, "appendonly yes", "appendfsync always")
			return s.URL(), []crash.Fault{crash.KillServer(s)}
		},
		"queue/watermill": func(t *testing.T) (string, []crash.Fault) {
			return startRedis(t, "appendonly yes", "appendfsync always").URL(), nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "queue/asynq" && *crashes <= few {
				t.Skip("asynq looks for what a dead worker left after a minute: make crash waits for it")
			}
			url, faults := target(t)
			held(t, crash.Run(t, crash.Config{
				Receiver: name, Target: url, Times: *crashes, Faults: faults, Within: 6 * time.Minute,
			}))
		})
	}
}

// What a promise depends on: a Redis that may throw away what it was given loses tasks that were answered 200, and the
// audit says so beforehand.
func TestCrash_RedisThatEvictsLosesTasksAndAuditSaysSo(t *testing.T) {
	t.Parallel()
	s := startRedis(t, "maxmemory 6mb", "maxmemory-policy allkeys-lru", "appendonly yes")
	c, err := client(s.URL())
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	q, err := asynqinbox.New(c, asynqinbox.Config{})
	require.NoError(t, err)
	var names []string
	for _, f := range q.Audit(ctx) {
		names = append(names, f.Name)
	}
	assert.Equal(t, []string{"redis-evicts"}, names)
	accepted := 0
	for i := range 400 {
		m := inbox.Message{Key: idempotency.Key{Scope: "s", ID: string(rune('a'+i%26)) + time.Now().String()}, Payload: make([]byte, 32<<10)}
		if _, err := q.Enqueue(ctx, m); err == nil {
			accepted++
		}
	}
	left, err := c.Eval(ctx, `return #redis.call("KEYS", "asynq:{default}:t:*")`, nil).Int()
	require.NoError(t, err)
	assert.Less(t, left, accepted, "allkeys-lru should have thrown tasks away")
	t.Logf("A REDIS THAT EVICTS LOSES TASKS: %d of %d that were accepted are left", left, accepted)
}
