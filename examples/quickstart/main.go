// Quickstart runs receivers for the webhooks of Truv, Trulioo, Truval and TransUnion, sends them recorded deliveries
// through real sockets, genuine ones and forged ones, and prints what they made of them. It exits with status 1 if a
// verdict is not the expected one.
//
//	go run ./examples/quickstart
//	go run ./examples/quickstart -serve   # keeps running, and prints a curl line to try
//
// receiver.go is what a service would hold, once.go makes it handle every event once, and certificate.go puts a client
// certificate and a source address beside the signature. The rest is the other side.
package main

import (
	"context"
	"crypto/tls"
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
	if stay {
		handler, err := newReceiver(func(ctx context.Context, o truhook.Observation) {
			slog.InfoContext(ctx, "delivery", "verdict", o)
		}, nil)
		if err != nil {
			return err
		}
		return serve(handler, nil, addr, func(addr string) error {
			err := invite(out, addr)
			<-ctx.Done()
			return err
		})
	}

	w := &witness{}
	certs, err := newCertificates()
	if err != nil {
		return err
	}
	all, err1 := newReceiver(w.observe, w.now)
	once, err2 := newOnceReceiver(w)
	layered, err3 := newLayeredReceiver(w, certs.roots)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	t := newTable(out, w)
	// The server asks for a certificate and leaves the judgement to the verifier, so that a refusal is answered.
	server := &tls.Config{Certificates: []tls.Certificate{certs.server}, ClientAuth: tls.RequestClientCert}
	return errors.Join(
		serve(all, nil, addr, func(addr string) error { return t.send(rows, dialer(addr)) }),
		serve(once, nil, addr, func(addr string) error { return t.send(onceRows, dialer(addr)) }),
		serve(layered, server, addr, func(addr string) error { return t.send(layeredRows, certs.dialer(addr)) }),
		t.close(),
	)
}

// serve runs a server on addr for as long as during takes, over TLS if there is a configuration for it.
func serve(handler http.Handler, config *tls.Config, addr string, during func(addr string) error) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	bound := listener.Addr().String()
	if config != nil {
		listener = tls.NewListener(listener, config)
	}
	server := newServer(handler)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	err = during(bound)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err = errors.Join(err, server.Shutdown(ctx))
	if failure := <-served; !errors.Is(failure, http.ErrServerClosed) {
		err = errors.Join(err, failure)
	}
	return err
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
