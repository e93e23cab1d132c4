// Sqlite is a receiver of Truv's webhooks on one machine, with nothing but a file: deliveries are accepted into a table
// of SQLite, answered 200, and handled afterwards, each with exactly one effect.
//
//	go run ./sqlite              # in a temporary folder
//	go run ./sqlite -db hooks.db
package main

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/inbox/sqliteinbox"
	"github.com/truhook/truhook/retry"
)

var (
	addr  = flag.String("addr", "127.0.0.1:0", "address to listen on")
	file  = flag.String("db", "", "database file; empty: a temporary one")
	slow  = flag.Duration("slow", 0, "how long the work on one event takes")
	lease = flag.Duration("lease", 0, "after which time the event of a process that died is taken over; 0: 10s")
)

func main() {
	flag.Parse()
	start(run)
}

// schema is the service's own.
const schema = `CREATE TABLE IF NOT EXISTS effect (event TEXT NOT NULL, order_id TEXT NOT NULL, status TEXT NOT NULL)`

func run(ctx context.Context, out io.Writer) error {
	name := *file
	if name == "" {
		dir, err := os.MkdirTemp("", "truhook-sqlite")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		name = filepath.Join(dir, "hooks.db")
	}
	db, err := sql.Open("sqlite", "file:"+name+"?_txlock=immediate&_pragma=busy_timeout(1000)"+
		"&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, sqliteinbox.Schema()+schema); err != nil {
		return err
	}

	queue, err := sqliteinbox.New(db, sqliteinbox.Config{Lease: *lease})
	if err != nil {
		return err
	}
	for _, f := range queue.Audit(ctx) {
		fmt.Fprintln(out, f)
	}
	verifier, err := truv.New(secret)
	if err != nil {
		return err
	}
	accept, err := inbox.NewHandler(queue, "truv/sandbox", truv.EventID, inbox.Config{Policy: truv.RetryPolicy(), Version: truv.EventVersion})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/truv", truhook.NewMiddleware(verifier, truhook.Config{}).Wrap(accept))

	working, stop := context.WithCancel(context.Background())
	worked := make(chan error, 1)
	go func() { worked <- queue.Run(working, handler(db, queue, out)) }()
	err = serve(ctx, *addr, mux, out)
	stop()   // only now, so that what was accepted last is begun, or left in the file
	<-worked //nolint:errcheck // it ends as its context does
	return err
}

// handler returns what is to be done for each event. Its effect and the event's completion are one commit.
func handler(db *sql.DB, queue *sqliteinbox.Queue, out io.Writer) func(ctx context.Context, v *truhook.Verified) error {
	return func(ctx context.Context, v *truhook.Verified) error {
		event, err := truv.Parse(v)
		if err != nil {
			return retry.Permanent(err) // it would be no better next time
		}
		m, _ := inbox.FromContext(ctx)
		claim, _ := idempotency.FromContext(ctx)
		fmt.Fprintf(out, "begun %s, attempt %d\n", m.Key.ID, claim.Attempt)
		select {
		case <-time.After(*slow):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		_, err = tx.ExecContext(ctx, "INSERT INTO effect VALUES (?, ?, ?)", m.Key.ID, event.OrderID, event.Status)
		if err != nil {
			return err
		}
		if err := queue.Complete(ctx, tx); err != nil {
			return err
		}
		if err := tx.Commit(); err != nil {
			return err
		}
		fmt.Fprintf(out, "handled %s, attempt %d\n", m.Key.ID, claim.Attempt)
		return nil
	}
}
