package crash

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
)

// An Effect records that a handler has done its work on an event. What it has recorded outlives the process.
type Effect func(event string, attempt uint32) error

// A Receiver opens the store at target and returns the endpoint.
type Receiver func(target string, effect Effect) (http.Handler, error)

const (
	workerEnv  = "TRUHOOK_CRASH_WORKER"
	targetEnv  = "TRUHOOK_CRASH_TARGET"
	effectsEnv = "TRUHOOK_CRASH_EFFECTS"
)

// Main runs one of the receivers and does not return, if this process was started as one by [Run]. Call it first in
// TestMain.
func Main(receivers map[string]Receiver) {
	name := os.Getenv(workerEnv)
	if name == "" {
		return
	}
	if err := work(receivers[name]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func work(receiver Receiver) error {
	if receiver == nil {
		return errors.New("crash: no such receiver")
	}
	file, err := os.OpenFile(os.Getenv(effectsEnv), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	h, err := receiver(os.Getenv(targetEnv), func(event string, attempt uint32) error {
		_, err := fmt.Fprintf(file, "%s %d\n", event, attempt) // one write, which a kill does not cut
		return err
	})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	go func() { // ends with the process that started it
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: time.Minute, IdleTimeout: time.Minute,
		ErrorLog: log.New(io.Discard, "", 0), // of handlers that panic on purpose
	}
	return server.Serve(l)
}

// Lease is that of [Handler]: short, so that takeovers are many.
const Lease = 400 * time.Millisecond

// Handler returns the endpoint of a receiver behind the middleware, with the function of [Work].
func Handler(store idempotency.Store, effect Effect) (http.Handler, error) {
	once, err := idempotency.NewMiddleware(store, "crash", EventOf, idempotency.Config{
		Lease: Lease, StoreTimeout: Lease, Wait: -1, AnswerWithin: -1,
	})
	if err != nil {
		return nil, err
	}
	return Verified(once.Handle(Work(effect))), nil
}

// Work returns the function that handles an event: it takes a moment before and after its effect, and fails at times
// after it, so that a kill and a failure meet every step.
func Work(effect Effect) func(ctx context.Context, v *truhook.Verified) error {
	return func(ctx context.Context, v *truhook.Verified) error {
		if err := Moment(ctx); err != nil {
			return err
		}
		c, _ := idempotency.FromContext(ctx)
		if err := effect(string(v.Payload), c.Attempt); err != nil {
			return err
		}
		if err := Moment(ctx); err != nil {
			return err
		}
		if rand.IntN(20) == 0 { //nolint:gosec // nothing to guess
			return errFailed
		}
		return nil
	}
}

var errFailed = errors.New("crash: failed on purpose")

// EventOf is the KeyFunc of the simulated provider.
func EventOf(v *truhook.Verified) (string, error) { return string(v.Payload), nil }

// Verified stands for the middleware that verifies.
func Verified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<10))
		if err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		v := &truhook.Verified{Payload: body}
		next.ServeHTTP(w, r.WithContext(truhook.NewContext(r.Context(), v)))
	})
}

// Moment lets a little time pass, now and then so much that a lease has to be renewed.
func Moment(ctx context.Context) error {
	d := time.Duration(rand.IntN(10)) * time.Millisecond //nolint:gosec // nothing to guess
	if rand.IntN(12) == 0 {                              //nolint:gosec // nothing to guess
		d += Lease / 2
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
