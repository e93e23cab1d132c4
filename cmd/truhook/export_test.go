package main

import (
	"bytes"
	"context"
	"flag"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
)

// TestMain runs the program itself where a script asks for it.
func TestMain(m *testing.M) {
	if os.Getenv("TRUHOOK_AS_PROGRAM") != "" {
		main()
		return
	}
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil { // the tests wait more than they work
		panic(err)
	}
	os.Exit(m.Run())
}

// A Receiver is what listen does with deliveries, without sockets and pages.
type Receiver struct{ l *listen }

// NewReceiver returns a receiver of Truv's deliveries under one secret.
func NewReceiver(secretText string) (*Receiver, error) { return NewReceiverTo(io.Discard, secretText) }

// NewReceiverTo returns one whose lines go to w.
func NewReceiverTo(w io.Writer, secretText string) (*Receiver, error) {
	l := &listen{tool: &tool{stdout: w, stderr: io.Discard, getenv: func(string) string { return "" }}, name: "truv", now: time.Now}
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

// Verify is the verdict on a delivery that came in another way.
func (r *Receiver) Verify(ctx context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
	v, err := truv.New(r.l.keys.single)
	if err != nil {
		return nil, err
	}
	return v.Verify(ctx, d)
}

// ParseInput reads the file of a delivery.
func ParseInput(data []byte) (*truhook.Delivery, error) {
	in, err := parseInput("a file", data)
	if err != nil {
		return nil, err
	}
	return in.delivery, nil
}

// ParseSecrets reads a secrets file and returns the values.
func ParseSecrets(data []byte) (values []string, err error) {
	secrets, err := parseSecrets(data)
	for _, s := range secrets {
		values = append(values, s.value)
	}
	return values, err
}

// IssuedAt reads the time of a token.
var IssuedAt = issuedAt

// PrintFindings prints a refusal with these findings.
func PrintFindings(found ...truhook.Finding) string {
	v := &verdict{Reason: truhook.SignatureMismatch, Complete: true}
	for _, f := range found {
		v.add(findingOf(f))
	}
	var b bytes.Buffer
	v.write(&b, style{})
	return b.String()
}

// MaxDefaultBody is what the program takes for the default of Config.MaxBodyBytes.
const MaxDefaultBody = maxDefaultBody
