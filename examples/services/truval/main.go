// Truval gives each verify request a secret of its own and keeps it in SQLite, so that one endpoint serves all of them.
// It plays Truval's side too.
//
//	go run ./truval
//
// requests.go has the table, the statements and the key source.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/retry"
)

func main() {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // the lines that are printed say it too; a service keeps its logger
	dir, err := os.MkdirTemp("", "truval")
	if err == nil {
		defer os.RemoveAll(dir)
		err = run(context.Background(), os.Stdout, filepath.Join(dir, "requests.db"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "truval:", err)
		os.Exit(1) //nolint:gocritic // the folder stays for a look
	}
}

func open(ctx context.Context, file string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(1000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, schema); err != nil {
		_ = db.Close()
		return nil, err
	}
	return db, nil
}

// routes are those of the callbacks.
func routes(r requests, handle func(e *truval.Event) error) (http.Handler, error) {
	v, err := hmacsig.New(truval.Scheme(), r, hmacsig.Config{})
	if err != nil {
		return nil, err
	}
	once, err := idempotency.NewMiddleware(idempotency.NewMemory(idempotency.MemoryConfig{}), "truval/prod", truval.EventID,
		idempotency.Config{Policy: truval.RetryPolicy()})
	if err != nil {
		return nil, err
	}
	verify := truhook.NewMiddleware(v, truhook.Config{})
	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/truval/{token}", verify.Wrap(once.Handle(func(_ context.Context, v *truhook.Verified) error {
		event, err := truval.Parse(v)
		if err != nil {
			return retry.Permanent(err)
		}
		return handle(event)
	})))
	return mux, nil
}

func run(ctx context.Context, out io.Writer, file string) error {
	db, err := open(ctx, file)
	if err != nil {
		return err
	}
	defer db.Close()
	r := requests{db}
	mux, err := routes(r, func(e *truval.Event) error {
		fmt.Fprintln(out, "handled:", e.JobID, e.Status)
		return nil
	})
	if err != nil {
		return err
	}
	first, firstSecret, err := r.add(ctx, time.Now())
	if err != nil {
		return err
	}
	second, secondSecret, err := r.add(ctx, time.Now())
	if err != nil {
		return err
	}
	for _, d := range []struct{ about, token, secret, job string }{
		{"the first", first, firstSecret, "job-1"},
		{"the second", second, secondSecret, "job-2"},
		{"the first, again", first, firstSecret, "job-1"},
		{"the second by the secret of the first", second, firstSecret, "job-3"},
		{"a token that nobody was given", "guessed", firstSecret, "job-4"},
	} {
		status, err := callBack(mux, d.token, d.secret, d.job)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: %d\n", d.about, status)
	}
	return r.prune(ctx, time.Now())
}

// callBack plays Truval.
func callBack(h http.Handler, token, secret, job string) (status int, err error) {
	body := fmt.Sprintf(`{"job_id":%q,"email":"ann@example.com","valid":true,"status":"deliverable"}`, job)
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/webhooks/truval/"+token, strings.NewReader(body))
	key, err := hmacsig.NewKey("test", secret)
	if err != nil {
		return 0, err
	}
	if err := truval.Scheme().Sign(r.Header, key, hmacsig.Message{Body: []byte(body)}); err != nil {
		return 0, err
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, nil
}
