// Complete is a whole small service: the webhooks of Truv and TransUnion, accepted into a table of SQLite, answered,
// and handled afterwards, each with one effect; with metrics, health and a graceful end.
//
//	go run ./complete -demo        # with secrets and keys of its own making, and a curl line to try
//
//	TRUV_ACCESS_SECRET=...         # TRUV_PREVIOUS_SECRET too, while it is rotated
//	TRANSUNION_ENTITY=svc:...      # without it there is no route for TransUnion
//	TRANSUNION_PLATFORM_KEYS=dir   # PEM files, followed while the service runs
//	TRANSUNION_PRIVATE_KEYS=dir
//	go run ./complete -addr :8080 -admin 127.0.0.1:9090 -db hooks.db
//
// settings.go reads these, routes.go says who may enter, work.go what is done, admin.go what operators see.
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	_ "modernc.org/sqlite"

	"github.com/truhook/truhook/inbox/sqliteinbox"
)

func main() {
	var s settings
	flag.StringVar(&s.addr, "addr", "127.0.0.1:8080", "address for webhooks")
	flag.StringVar(&s.admin, "admin", "127.0.0.1:9090", "address for /metrics, /healthz and /readyz: not for the Internet")
	flag.StringVar(&s.file, "db", "hooks.db", "database file")
	demo := flag.Bool("demo", false, "make secrets, keys and a database that end with the process")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	start := func(s settings) error { return run(ctx, s, os.Stdout) }
	var err error
	if *demo {
		err = withDemo(s, os.Stdout, start)
	} else {
		err = start(s.withEnvironment(os.Getenv))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "complete:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

// run serves until ctx ends: then it is not ready any more, lets the requests that have begun end, and then the work.
func run(ctx context.Context, s settings, out io.Writer) error {
	db, err := openDatabase(ctx, s.file)
	if err != nil {
		return err
	}
	defer db.Close()
	m, err := newMetrics()
	if err != nil {
		return err
	}
	queue, err := sqliteinbox.New(db, sqliteinbox.Config{Observe: m.work.Event})
	if err != nil {
		return err
	}
	routes, err := newRoutes(ctx, s, queue, m, out)
	if err != nil {
		return err
	}
	ready := newReadiness(db)
	public, err := listen(ctx, s.addr, routes)
	if err != nil {
		return err
	}
	admin, err := listen(ctx, s.admin, newAdmin(m, ready))
	if err != nil {
		return errors.Join(err, public.server.Close())
	}
	working, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	worked := make(chan error, 1)
	go func() { worked <- queue.Run(working, newWork(db, queue, out)) }()
	fmt.Fprintf(out, "webhooks on %s, operators on %s\n", public.addr, admin.addr)

	select {
	case <-ctx.Done():
	case err = <-public.failed:
	case err = <-admin.failed:
	}
	ready.stop()
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err = errors.Join(err, public.server.Shutdown(end))
	stopWork() // only now, so that what was accepted last is begun, or left in the file
	return errors.Join(err, <-worked, admin.server.Shutdown(end))
}

func openDatabase(ctx context.Context, file string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+file+"?_txlock=immediate&_pragma=busy_timeout(1000)"+
		"&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, sqliteinbox.Schema()+schema); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// A listener serves one address.
type listener struct {
	server *http.Server
	addr   string
	failed chan error
}

func listen(ctx context.Context, addr string, h http.Handler) (*listener, error) {
	on, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	l := &listener{addr: on.Addr().String(), failed: make(chan error, 1), server: &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
	}}
	go func() {
		if err := l.server.Serve(on); !errors.Is(err, http.ErrServerClosed) {
			l.failed <- err
		}
	}()
	return l, nil
}
