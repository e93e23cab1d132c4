package main

import (
	"bufio"
	"cmp"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/recorded"
	"github.com/truhook/truhook/recorded/deliveries"
)

// A table sends rows and prints a line for each.
type table struct {
	out                             io.Writer
	lines                           *tabwriter.Writer
	witness                         *witness
	sent, accepted, refused, failed int
}

func newTable(out io.Writer, w *witness) *table {
	t := &table{out: out, lines: tabwriter.NewWriter(out, 0, 0, 2, ' ', 0), witness: w}
	fmt.Fprintln(t.lines, "provider\tdelivery\tstatus\treason\tproofs\tevent\tµs\t")
	return t
}

// A dial connects to the receiver, showing the named client certificate if it can.
type dial func(certificate string) (net.Conn, error)

func dialer(addr string) dial {
	return func(string) (net.Conn, error) { return net.Dial("tcp", addr) }
}

func (c certificates) dialer(addr string) dial {
	return func(certificate string) (net.Conn, error) {
		config := &tls.Config{ServerName: "localhost", RootCAs: c.roots.Clone()}
		config.RootCAs.AddCert(c.server.Leaf)
		switch certificate {
		case "truv":
			config.Certificates = []tls.Certificate{c.truv}
		case "stranger":
			config.Certificates = []tls.Certificate{c.stranger}
		}
		return tls.Dial("tcp", addr, config)
	}
}

// recordedAt is when the deliveries happened that do not say it themselves.
var recordedAt = time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)

// send sends the rows one after the other.
func (t *table) send(rows []row, dial dial) error {
	for _, r := range rows {
		file, err := recorded.ReadFS(deliveries.FS(), r.provider+"/"+r.delivery+".http")
		if err != nil {
			return err
		}
		at := file.Now
		if at.IsZero() {
			at = recordedAt
		}
		t.witness.next(at, r.down)
		status, took, err := send(dial, r.certificate, file.Wire)
		if err != nil {
			return fmt.Errorf("%s/%s: %w", r.provider, r.delivery, err)
		}
		want := seen{reason: cmp.Or(r.refused, file.Expect), event: r.event}
		t.print(r, want, t.witness.seen(), status, took)
	}
	return nil
}

func (t *table) print(r row, want, got seen, status int, took time.Duration) {
	t.sent++
	if got.reason == "" {
		t.accepted++
	} else {
		t.refused++
	}
	note := ""
	if status != want.status() || got.reason != want.reason || got.event != want.event {
		t.failed++
		note = strings.TrimSpace(fmt.Sprintf("expected %d %s %s", want.status(), dash(want.reason), want.event))
	}
	fmt.Fprintf(t.lines, "%s\t%s\t%d\t%s\t%s\t%s\t%d\t%s\n", r.provider, r.delivery, status, dash(got.reason),
		dash(got.proofs), dash(got.event), took.Microseconds(), note)
}

// close prints the counts, and fails if a verdict was not the expected one.
func (t *table) close() error {
	if err := t.lines.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "%d deliveries: %d accepted, %d refused, %d not as expected\n", t.sent, t.accepted, t.refused, t.failed)
	if t.failed > 0 {
		return fmt.Errorf("%d verdicts are not the expected ones", t.failed)
	}
	return nil
}

// seen is what a receiver made of one delivery.
type seen struct {
	reason truhook.Reason
	proofs string
	event  idempotency.Outcome
}

// status is what a receiver answers that made this of a delivery.
func (s seen) status() int {
	switch {
	case s.reason != "":
		return s.reason.Status()
	case s.event == idempotency.Failed:
		return http.StatusServiceUnavailable
	}
	return http.StatusOK
}

func dash[T ~string](text T) string { return cmp.Or(string(text), "-") }

// send writes one request as it is and returns the status that comes back, and how long that took.
func send(dial dial, certificate string, wire []byte) (int, time.Duration, error) {
	conn, err := dial(certificate)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return 0, 0, err
	}
	start := time.Now()
	go func() { _, _ = conn.Write(wire) }() // may fail halfway: a bad head is refused before the body is read
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, 0, err
	}
	return response.StatusCode, time.Since(start), response.Body.Close()
}
