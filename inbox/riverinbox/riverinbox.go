// Package riverinbox is an inbox for package inbox in River, that is in PostgreSQL.
//
//	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{})
//	queue, err := riverinbox.New(pool, client, riverinbox.Config{})
//	accept, err := inbox.NewHandler(queue, "truv/prod", truv.EventID, inbox.Config{Policy: truv.RetryPolicy()})
//	mux.Handle("POST /webhooks/truv", verify.Wrap(accept))
//	...
//	worker, err := inbox.NewWorker(store, handle, idempotency.Config{}) // store: package sqlstore
//	river.AddWorker(workers, riverinbox.NewWorker(worker))
//
// The tables are those of River's migrations, and truhook_once of sqlstore.PostgresSchema.
//
// # What is promised
//
// The claim of the event, which is what (*sqlstore.Store).Once writes, and the job are one commit: a delivery that was
// answered 200 is one job, and a redelivery is a duplicate for Config.Retention. River's own uniqueness is not used: it
// ends when the job is cleaned away (a day after completion), leaves out discarded and cancelled jobs unless all eight
// states are named, and writes a row for each duplicate; here that is one read. With synchronous_commit at its default
// a crash loses nothing; a standby that is promoted has what it was sent.
//
// A job that was cancelled or discarded is dead: a delivery of its event makes it available again, as long as River
// keeps it. After that nothing tells it from one that was completed, and the event is a duplicate until the end of
// Retention. So keep the dead for as long, or for ever, which is -1. In river.Config CancelledJobRetentionPeriod is a
// day by default, and DiscardedJobRetentionPeriod a week.
//
// When a process has died, River gives its job to another worker after river.Config.RescueStuckJobsAfter, an hour by
// default: set it to a little more than the JobTimeout. (*sqlstore.Store).Prune removes old claims.
package riverinbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/internal/sqlaudit"
	"github.com/truhook/truhook/retry"
)

// Args are the arguments of the jobs.
type Args struct {
	Message inbox.Message `json:"message"`
}

// Kind implements river.JobArgs.
func (Args) Kind() string { return "truhook_inbox" }

// A Config has what is optional about a [Queue]. Its zero value is ready to use.
type Config struct {
	_ [0]func()

	// Insert are River's options for each job: queue, priority, attempts. Nil: River's defaults. UniqueOpts is an error.
	Insert *river.InsertOpts

	// Retention is how long a key is remembered after the event was accepted. It is not shorter than the time for which
	// the provider can deliver. Zero, or less: 31 days, which is what package idempotency takes for Truv and Truval.
	Retention time.Duration
}

// A Queue is an [inbox.Enqueuer] over a River client. It is made by [New] and is safe for concurrent use; the zero
// Queue refuses every message.
type Queue struct {
	pool   *pgxpool.Pool
	client *river.Client[pgx.Tx]
	insert *river.InsertOpts
	retain time.Duration
}

var (
	_ inbox.Enqueuer  = (*Queue)(nil)
	_ truhook.Auditor = (*Queue)(nil)
)

// New returns a queue. The client's driver and pool lead to one database. A nil argument is an error.
func New(pool *pgxpool.Pool, client *river.Client[pgx.Tx], cfg Config) (*Queue, error) {
	if pool == nil || client == nil {
		return nil, errors.New("riverinbox: the pool or the client is nil")
	}
	if o := cfg.Insert; o != nil {
		if u := o.UniqueOpts; u.ByArgs || u.ByPeriod != 0 || u.ByQueue || len(u.ByState) > 0 {
			return nil, errors.New("riverinbox: UniqueOpts would drop events that the claim lets in")
		}
	}
	if cfg.Retention <= 0 {
		cfg.Retention = 31 * 24 * time.Hour
	}
	return &Queue{pool: pool, client: client, insert: cfg.Insert, retain: cfg.Retention}, nil
}

const (
	known = `SELECT 1 FROM truhook_once WHERE scope = $1 AND id = $2 AND expires_at > clock_timestamp()`
	claim = `
INSERT INTO truhook_once AS o (scope, id, expires_at)
VALUES ($1, $2, clock_timestamp() + $3::float8 * interval '1 second')
ON CONFLICT (scope, id) DO UPDATE SET expires_at = excluded.expires_at WHERE o.expires_at <= clock_timestamp()`
)

var errDuplicate = errors.New("riverinbox: duplicate")

// Enqueue implements [inbox.Enqueuer]. A redelivery that overtakes the commit of the first one waits for it. One of an
// event whose job was cancelled or discarded makes that job available again, and is no duplicate.
func (q *Queue) Enqueue(ctx context.Context, m inbox.Message) (duplicate bool, err error) {
	if q == nil || q.pool == nil {
		return false, errors.New("riverinbox: the queue was not made by New")
	}
	seen, err := q.pool.Exec(ctx, known, m.Key.Scope, m.Key.ID) // a storm of duplicates only reads
	if err != nil {
		return false, fmt.Errorf("riverinbox: %w", err)
	}
	if seen.RowsAffected() > 0 {
		revived, err := q.revive(ctx, m)
		if err != nil {
			return false, fmt.Errorf("riverinbox: %w", err)
		}
		return !revived, nil
	}
	err = pgx.BeginFunc(ctx, q.pool, func(tx pgx.Tx) error {
		fresh, err := tx.Exec(ctx, claim, m.Key.Scope, m.Key.ID, q.retain.Seconds())
		if err != nil {
			return err
		}
		if fresh.RowsAffected() == 0 {
			return errDuplicate
		}
		_, err = q.client.InsertTx(ctx, tx, Args{Message: m}, q.insert)
		return err
	})
	if err != nil && !errors.Is(err, errDuplicate) {
		return false, fmt.Errorf("riverinbox: %w", err)
	}
	return err != nil, nil
}

// Audit looks at what the promises of the queue depend on: whether the database is a PostgreSQL that takes writes, its
// tables, the settings that decide what a crash loses, a pooler that loses statements, and whether a job is tried once
// only. It takes 5 s at most. Call it once at start and log what it finds.
func (q *Queue) Audit(ctx context.Context) []truhook.Finding {
	if q == nil || q.pool == nil {
		return sqlaudit.Unmade("riverinbox")
	}
	db := stdlib.OpenDBFromPool(q.pool)
	defer db.Close() // the pool stays open
	findings := sqlaudit.Postgres(ctx, db, "riverinbox", "Run River's migrations and the statements of sqlstore.PostgresSchema, "+
		"and grant SELECT, INSERT, UPDATE and DELETE.", "truhook_once", "river_job")
	if q.insert != nil && q.insert.MaxAttempts == 1 {
		findings = append(findings, truhook.Finding{
			Severity: truhook.SeverityWarning, Name: "single-attempt", Subject: "Insert.MaxAttempts",
			Problem: "MaxAttempts is 1, so an event whose function fails once is discarded, and River deletes it after a week.",
			Remedy:  "Leave MaxAttempts at River's 25.", Offset: -1,
		})
	}
	return findings
}

type worker struct {
	river.WorkerDefaults[Args]
	inbox *inbox.Worker
}

// NewWorker returns the worker of the jobs. An error marked by retry.Permanent cancels the job (Client.JobRetry replays
// it), any other is retried as River is told to. It panics if w is nil.
func NewWorker(w *inbox.Worker) river.Worker[Args] {
	if w == nil {
		panic("riverinbox: NewWorker: the worker is nil")
	}
	return &worker{inbox: w}
}

// Work implements river.Worker.
func (w *worker) Work(ctx context.Context, job *river.Job[Args]) error {
	err := w.inbox.Work(ctx, job.Args.Message)
	switch {
	case errors.Is(err, inbox.ErrInFlight):
		return river.JobSnooze(10 * time.Second) // which counts no attempt; the default lease is over then
	case retry.IsPermanent(err):
		return river.JobCancel(err)
	}
	return err
}
