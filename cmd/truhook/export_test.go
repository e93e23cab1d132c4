package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain runs the program itself where a script asks for it.
func TestMain(m *testing.M) {
	if os.Getenv("TRUHOOK_AS_PROGRAM") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// A Receiver is what listen does with deliveries, without sockets and pages.
type Receiver struct{ l *listen }

// NewReceiver returns a receiver of Truv's deliveries under one secret.
func NewReceiver(secretText string) (*Receiver, error) {
	l := &listen{tool: &tool{stdout: io.Discard, stderr: io.Discard, getenv: func(string) string { return "" }}, name: "truv", now: time.Now}
	l.keys.single = secretText
	var err error
	l.log, err = newJournal("")
	return &Receiver{l}, err
}

// Receive handles one delivery.
func (r *Receiver) Receive(w http.ResponseWriter, req *http.Request) { r.l.receive(w, req) }

// Run is one run of the program in this process, and what it printed.
func Run(ctx context.Context, args ...string) (code int, out string) {
	var b bytes.Buffer
	t := &tool{stdin: strings.NewReader(""), stdout: &b, stderr: &b, getenv: func(string) string { return "" }}
	return t.run(ctx, args), b.String()
}
