// Quickstart runs receivers for the webhooks of Truv, Trulioo, Truval and TransUnion, sends them deliveries through
// real sockets, genuine ones and forged ones, and tells what they made of them. It exits with status 1 if a verdict is
// not the expected one.
//
//	go run ./examples/quickstart          # eight deliveries, told as a story
//	go run ./examples/quickstart -all     # all of them in a table
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
	var o options
	flag.StringVar(&o.addr, "addr", "127.0.0.1:0", "address to listen on")
	flag.BoolVar(&o.stay, "serve", false, "keep running and print a curl line to try")
	flag.BoolVar(&o.all, "all", false, "send all deliveries and print them in a table")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, o); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

type options struct {
	addr      string
	stay, all bool
}

// serveAddr is where -serve listens in the line that the story ends with.
const serveAddr = "127.0.0.1:8080"

func run(ctx context.Context, out io.Writer, o options) error {
	if o.stay {
		handler, err := newReceiver(func(ctx context.Context, o truhook.Observation) {
			slog.InfoContext(ctx, "delivery", "verdict", o)
		}, nil)
		if err != nil {
			return err
		}
		return serve(handler, nil, o.addr, func(addr string) error {
			err := invite(out, "Listening on "+addr+" until Ctrl-C. The line below is a genuine delivery of Truv.", addr)
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
	// The server asks for a certificate and leaves the judgement to the verifier, so that a refusal is answered.
	server := &tls.Config{Certificates: []tls.Certificate{certs.server}, ClientAuth: tls.RequestClientCert}
	if o.all {
		t := newTable(out, w)
		return errors.Join(
			serve(all, nil, o.addr, func(addr string) error { return t.send("", rows, dialer(addr)) }),
			serve(once, nil, o.addr, func(addr string) error { return t.send(", each event once", onceRows, dialer(addr)) }),
			serve(layered, server, o.addr, func(addr string) error {
				return t.send(", over TLS with a client certificate", layeredRows, certs.dialer(addr))
			}),
			t.close(),
		)
	}
	s := &story{out: out, colour: isTerminal(out), witness: w}
	return serve(all, nil, o.addr, func(addr string) error {
		s.all = dialer(addr)
		return serve(once, nil, "127.0.0.1:0", func(addr string) error {
			s.once = dialer(addr)
			return serve(layered, server, "127.0.0.1:0", func(third string) error {
				s.mtls = certs.dialer(third)
				s.begin(addr)
				if err := s.run(ctx); err != nil {
					return err
				}
				return invite(out, "\nMore of them: -all. To send one yourself, start it with -serve -addr "+serveAddr+".", serveAddr)
			})
		})
	})
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
