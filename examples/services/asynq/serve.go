package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
)

// secret is made for this example and opens nothing. A service reads its own: os.Getenv("TRUV_ACCESS_SECRET").
const secret = "sandbox-7e577e577e577e577e577e577e577e577e577e57"

// start calls run until it ends or is interrupted.
func start(run func(ctx context.Context, out io.Writer) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

// serve serves h until ctx ends, then lets the requests that have begun end.
func serve(ctx context.Context, addr string, h http.Handler, out io.Writer) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	err = invite(out, listener.Addr().String())
	select {
	case <-ctx.Done():
	case failed := <-served:
		return failed
	}
	end, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(err, server.Shutdown(end))
}

func invite(out io.Writer, addr string) error {
	key, err := hmacsig.NewKey("demo", secret)
	if err != nil {
		return err
	}
	body := `{"webhook_id":"demo-1","event_type":"order-status-updated","order_id":"1","status":"completed"}`
	h := http.Header{}
	if err := truv.Scheme().Sign(h, key, hmacsig.Message{Body: []byte(body)}); err != nil {
		return err
	}
	fmt.Fprintf(out, "listening on http://%s/webhooks/truv\ntry, and repeat:\n\n  curl -i http://%s/webhooks/truv", addr, addr)
	for name := range h {
		fmt.Fprintf(out, " -H '%s: %s'", name, h.Get(name))
	}
	_, err = fmt.Fprintf(out, " --data-binary '%s'\n\n", body)
	return err
}
