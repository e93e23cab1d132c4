// Quickstart runs a receiver for the webhooks of Truv, Trulioo and Truval, sends it recorded deliveries through real
// sockets, genuine ones and forged ones, and prints what it made of them. It exits with status 1 if a verdict is not
// the expected one.
//
//	go run ./examples/quickstart
//	go run ./examples/quickstart -serve   # keeps running, and prints a curl line to try
//
// receiver.go is what a service would hold; the rest is the other side.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/truhook/truhook"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "address to listen on")
	stay := flag.Bool("serve", false, "keep running and print a curl line to try")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, *addr, *stay); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, addr string, stay bool) error {
	w := &witness{}
	observe := w.observe
	if stay {
		observe = func(ctx context.Context, o truhook.Observation) { slog.InfoContext(ctx, "delivery", "verdict", o) }
	}
	handler, err := newReceiver(observe, w.now)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	server := newServer(handler)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	if stay {
		err = invite(out, listener.Addr().String())
		select {
		case <-ctx.Done():
		case err = <-served:
		}
	} else {
		err = sendAll(out, listener.Addr().String(), w, rows)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(err, server.Shutdown(ctx))
}

// newServer sets what a handler cannot: how long a client may take, and how much it may send before the handler runs.
func newServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
	}
}
