// Package asynqinbox is an inbox for package inbox in Asynq, that is in Redis.
//
//	queue, err := asynqinbox.New(asynq.NewClient(redis), asynqinbox.Config{})
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
// came last. The settings are those of package redisstore, which can report them.
//
// The event's key is the task's id, so a redelivery is a duplicate from the first enqueue until Config.Retention after
// the task is completed: one atomic step, and no store in front is needed. Asynq keeps an archived (dead) task 90
// days, and 10,000 of them a queue. Asynq hands a task to a second worker when the first one has died, or lost its
// connection; the worker's store tells the two apart.
package asynqinbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"

	"github.com/truhook/truhook/inbox"
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

// A Queue is an [inbox.Enqueuer] over an asynq.Client. It is made by [New] and is safe for concurrent use; the
// zero Queue refuses every message.
type Queue struct {
	client  *asynq.Client
	options []asynq.Option
}

var _ inbox.Enqueuer = (*Queue)(nil)

// New returns a queue over client, which stays yours to close. It does not connect. A nil client is an error, and
// so is a retention of less than an hour.
func New(client *asynq.Client, cfg Config) (*Queue, error) {
	if client == nil {
		return nil, errors.New("asynqinbox: the client is nil")
	}
	if cfg.Retention == 0 {
		cfg.Retention = 31 * 24 * time.Hour
	}
	if cfg.Retention < time.Hour {
		return nil, fmt.Errorf("asynqinbox: a retention of %v is too short", cfg.Retention)
	}
	q := &Queue{client: client, options: []asynq.Option{asynq.Retention(cfg.Retention)}}
	if cfg.Queue != "" {
		q.options = append(q.options, asynq.Queue(cfg.Queue))
	}
	if cfg.MaxRetry != 0 {
		q.options = append(q.options, asynq.MaxRetry(max(cfg.MaxRetry, 0)))
	}
	if cfg.Timeout > 0 {
		q.options = append(q.options, asynq.Timeout(cfg.Timeout))
	}
	return q, nil
}

// Enqueue implements [inbox.Enqueuer]. A reply that is lost on the wire, and the client's own repetition, come out as a
// duplicate, which is right: the task is there.
func (q *Queue) Enqueue(ctx context.Context, m inbox.Message) (duplicate bool, err error) {
	if q == nil || q.client == nil {
		return false, errors.New("asynqinbox: the queue was not made by New")
	}
	payload, err := m.MarshalJSON()
	if err != nil {
		return false, err
	}
	options := append([]asynq.Option{asynq.TaskID(m.Key.IdempotencyKey())}, q.options...)
	_, err = q.client.EnqueueContext(ctx, asynq.NewTask(TaskType, payload), options...)
	switch {
	case errors.Is(err, asynq.ErrTaskIDConflict):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("asynqinbox: %w", err)
	}
	return false, nil
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
