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
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/recorded"
	"github.com/truhook/truhook/recorded/deliveries"
)

// A table sends rows and prints a line for each, of at most 100 columns, under a heading for each receiver.
type table struct {
	out                             io.Writer
	witness                         *witness
	sent, accepted, refused, failed int
}

func newTable(out io.Writer, w *witness) *table { return &table{out: out, witness: w} }

const tableLine = "%-33s  %-36s  %-3s  %s\n"

func (t *table) head(title string) {
	fmt.Fprintf(t.out, "\n%s\n\n"+tableLine, title, "delivery", "changed", "got", "expected")
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
func (t *table) send(title string, rows []row, dial dial) error {
	provider := ""
	for _, r := range rows {
		if provider != r.provider {
			provider = r.provider
			t.head(provider + title)
		}
		file, err := recorded.ReadFS(deliveries.FS(), r.provider+"/"+r.delivery+".http")
		if err != nil {
			return err
		}
		at := file.Now
		if at.IsZero() {
			at = recordedAt
		}
		t.witness.next(at, r.down)
		status, err := send(dial, r.certificate, file.Wire)
		if err != nil {
			return fmt.Errorf("%s/%s: %w", r.provider, r.delivery, err)
		}
		want := seen{reason: cmp.Or(r.refused, file.Expect), event: r.event}
		t.print(r, r.changed(file.About), want, t.witness.seen(), status)
	}
	return nil
}

func (t *table) print(r row, about string, want, got seen, status int) {
	t.sent++
	if got.reason == "" {
		t.accepted++
	} else {
		t.refused++
	}
	expected := want.String()
	if status != want.status() || got.reason != want.reason || got.event != want.event {
		t.failed++
		expected += ", NOT " + got.String()
	}
	fmt.Fprintf(t.out, tableLine, r.delivery, shorten(about, 36), fmt.Sprint(status), expected)
}

// changed says what is different about a delivery: in its file, in its connection, or in the receiver.
func (r row) changed(about string) string {
	switch {
	case r.certificate != "":
		return "the certificate of " + r.certificate
	case r.refused == truhook.NoClientCertificate:
		return "no certificate"
	case r.down:
		return "the handler fails"
	case r.event == idempotency.Duplicate:
		return "nothing: it came before"
	case r.event == idempotency.Stale:
		return "a later event came before"
	}
	if strings.HasPrefix(about, "a genuine delivery") {
		return "nothing"
	}
	return about
}

// shorten returns at most n characters of text.
func shorten(text string, n int) string {
	if letters := []rune(text); len(letters) > n {
		return string(letters[:n-1]) + "…"
	}
	return text
}

// close prints the counts, and fails if a verdict was not the expected one.
func (t *table) close() error {
	_, err := fmt.Fprintf(t.out, "\n%d deliveries: %d accepted, %d refused, %d not as expected\n", t.sent, t.accepted, t.refused, t.failed)
	if t.failed > 0 {
		return fmt.Errorf("%d verdicts are not the expected ones", t.failed)
	}
	return err
}

// seen is what a receiver made of one delivery.
type seen struct {
	reason truhook.Reason
	proofs string // the schemes that were proven
	event  idempotency.Outcome
}

// String says it in a word or two.
func (s seen) String() string {
	switch {
	case s.reason != "":
		return string(s.reason)
	case s.event != "":
		return string(s.event)
	}
	return "accepted"
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

// send writes one request as it is and returns the status that comes back.
func send(dial dial, certificate string, wire []byte) (int, error) {
	conn, err := dial(certificate)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return 0, err
	}
	go func() { _, _ = conn.Write(wire) }() // may fail halfway: a bad head is refused before the body is read
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}
