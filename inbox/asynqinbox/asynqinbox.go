// Package asynqinbox is an inbox for package inbox in Asynq, that is in Redis.
//
//	client := redis.NewClient(&redis.Options{Addr: "localhost:6379"}) // github.com/redis/go-redis/v9
//	queue, err := asynqinbox.New(client, asynqinbox.Config{})
//	accept, err := inbox.NewHandler(queue, "truv/prod", truv.EventID, inbox.Config{Policy: truv.RetryPolicy()})
//	mux.Handle("POST /webhooks/truv", verify.Wrap(accept))
//	...
//	worker, err := inbox.NewWorker(store, handle, idempotency.Config{}) // store: package redisstore
//	tasks := asynq.NewServeMux()
//	tasks.Handle(asynqinbox.TaskType, asynqinbox.NewHandler(worker))
//
// # What is promised
//
// A delivery that was answered 200 is in Redis, and as durable as that Redis: without appendonly a crash loses all of
// it, with appendfsync everysec the loss of power costs about a second, and a replica that is promoted may lack what
// came last. [Queue.Audit] looks at these settings.
//
// The event's key is the task's id, so a redelivery is a duplicate from the first enqueue until Config.Retention after
// the task is completed: one atomic step, and no store in front is needed. Asynq keeps an archived (dead) task 90 days,
// and 10,000 of them a queue; a delivery of an event whose task is archived runs that task again. Asynq hands a task to
// a second worker when the first one has died, or lost its connection; the worker's store tells the two apart.
package asynqinbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/internal/redisaudit"
	"github.com/truhook/truhook/retry"
)

// TaskType is the type of the tasks, for asynq.ServeMux. Their payload is the JSON of an inbox.Message.
const TaskType = "truhook:inbox"

// A Config has what is optional about a [Queue]. Its zero value is ready to use.
type Config struct {
	_ [0]func()

	// Queue is the name of Asynq's queue. Empty: "default". Do not change it while tasks are under way: ids are told
	// apart within one queue only.
	Queue string

	// MaxRetry is after how many retries Asynq archives a task. Zero: 25, which is Asynq's own. Negative: none.
	MaxRetry int

	// Timeout is how long one attempt may take; after it the function's context ends. Zero: 30 minutes, Asynq's own.
	Timeout time.Duration

	// Retention is how long a completed task, with its payload, is kept to recognise redeliveries. It is not shorter
	// than the time for which the provider can deliver. Zero: 31 days, which is what package idempotency takes for Truv
	// and Truval.
	Retention time.Duration
}

// A Queue is an [inbox.Enqueuer] over Asynq. It is made by [New] and is safe for concurrent use; the zero Queue refuses
// every message.
type Queue struct {
	redis     redis.UniversalClient
	client    *asynq.Client
	inspector *asynq.Inspector
	name      string
	options   []asynq.Option
}

var (
	_ inbox.Enqueuer  = (*Queue)(nil)
	_ truhook.Auditor = (*Queue)(nil)
)

// New returns a queue in the Redis that client reaches. The client stays yours to close, and may be that of the
// asynq.Server (asynq.NewServerFromRedisClient). New does not connect. A nil client is an error, and so is a retention
// of less than an hour.
func New(client redis.UniversalClient, cfg Config) (*Queue, error) {
	if client == nil {
		return nil, errors.New("asynqinbox: the client is nil")
	}
	if cfg.Retention == 0 {
		cfg.Retention = 31 * 24 * time.Hour
	}
	if cfg.Retention < time.Hour {
		return nil, fmt.Errorf("asynqinbox: a retention of %v is too short", cfg.Retention)
	}
	if cfg.Queue == "" {
		cfg.Queue = "default"
	}
	q := &Queue{
		redis: client, client: asynq.NewClientFromRedisClient(client), inspector: asynq.NewInspectorFromRedisClient(client),
		name: cfg.Queue, options: []asynq.Option{asynq.Retention(cfg.Retention), asynq.Queue(cfg.Queue)},
	}
	if cfg.MaxRetry != 0 {
		q.options = append(q.options, asynq.MaxRetry(max(cfg.MaxRetry, 0)))
	}
	if cfg.Timeout > 0 {
		q.options = append(q.options, asynq.Timeout(cfg.Timeout))
	}
	return q, nil
}

// Enqueue implements [inbox.Enqueuer]. A delivery of an event whose task is archived runs that task again, and is no
// duplicate. A reply that is lost on the wire, and the client's own repetition, come out as a
// duplicate, which is right: the task is there.
func (q *Queue) Enqueue(ctx context.Context, m inbox.Message) (duplicate bool, err error) {
	if q == nil || q.client == nil {
		return false, errors.New("asynqinbox: the queue was not made by New")
	}
	payload, err := m.MarshalJSON()
	if err != nil {
		return false, err
	}
	id := m.Key.IdempotencyKey()
	options := append([]asynq.Option{asynq.TaskID(id)}, q.options...)
	_, err = q.client.EnqueueContext(ctx, asynq.NewTask(TaskType, payload), options...)
	switch {
	case errors.Is(err, asynq.ErrTaskIDConflict):
		return !q.revive(ctx, id), nil
	case err != nil:
		return false, fmt.Errorf("asynqinbox: %w", err)
	}
	return false, nil
}

// revive runs an archived task again and reports whether it has. Whatever goes wrong, the task is there, and a later
// delivery can try again.
func (q *Queue) revive(ctx context.Context, id string) bool {
	revived := make(chan bool, 1)
	go func() { // the inspector heeds no context
		info, err := q.inspector.GetTaskInfo(q.name, id)
		revived <- err == nil && info.State == asynq.TaskStateArchived && q.inspector.RunTask(q.name, id) == nil
	}()
	select {
	case yes := <-revived:
		return yes
	case <-ctx.Done():
		return false
	}
}

// archiveFull is how many archived tasks Asynq keeps in one queue: it drops the oldest ones beyond that.
const archiveFull = 10_000

// Audit looks at what the promises of the queue depend on: whether Redis can be reached, writes to disk and may evict
// tasks, and how near the archive of dead tasks is to its end. In a cluster it asks each master. Call it once at start
// and log what it finds.
func (q *Queue) Audit(ctx context.Context) (findings []truhook.Finding) {
	if q == nil || q.redis == nil {
		return redisaudit.Unmade("asynqinbox")
	}
	const lost = "tasks, and with them events that were answered 200"
	server := func(ctx context.Context, c redis.UniversalClient) []truhook.Finding {
		return redisaudit.Server(ctx, func(ctx context.Context, args ...any) (any, error) { return c.Do(ctx, args...).Result() }, lost)
	}
	if cluster, ok := q.redis.(*redis.ClusterClient); ok {
		var mu sync.Mutex // the masters are asked at the same time
		err := cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
			found := server(ctx, master)
			mu.Lock()
			defer mu.Unlock()
			findings = append(findings, found...)
			return nil
		})
		if err != nil {
			findings = append(findings, redisaudit.Unreachable())
		}
	} else {
		findings = server(ctx, q.redis)
	}
	info, err := q.redis.ZCard(ctx, "asynq:{"+q.name+"}:archived").Result()
	if err == nil && info > archiveFull*9/10 {
		findings = append(findings, truhook.Finding{
			Severity: truhook.SeverityWarning, Name: "dead-letters-full", Subject: q.name,
			Problem: fmt.Sprintf("%d tasks are archived: Asynq keeps %d and drops the oldest.", info, archiveFull),
			Remedy:  "Run them again or delete them: asynq.Inspector, RunTask and DeleteTask.", Offset: -1,
		})
	}
	return findings
}

// NewHandler returns the handler of tasks of [TaskType]. An error marked by retry.Permanent archives the task at once,
// and asynq.Inspector.RunTask replays it; any other is retried. A task that another worker still holds is retried too.
// A payload that cannot be read is retried, as a worker of a later version may read it. It panics if w is nil.
func NewHandler(w *inbox.Worker) asynq.Handler {
	if w == nil {
		panic("asynqinbox: NewHandler: the worker is nil")
	}
	return asynq.HandlerFunc(func(ctx context.Context, t *asynq.Task) error {
		var m inbox.Message
		if err := m.UnmarshalJSON(t.Payload()); err != nil {
			return err
		}
		err := w.Work(ctx, m)
		if retry.IsPermanent(err) {
			return fmt.Errorf("%w: %w", err, asynq.SkipRetry)
		}
		return err
	})
}
