package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/recorded"
	"github.com/truhook/truhook/testdata/deliveries"
)

// sendAll sends the rows one after the other, prints a line for each, and fails if a verdict is not the expected one.
func sendAll(out io.Writer, addr string, w *witness, rows []row) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "provider\tdelivery\tstatus\treason\tµs\t")
	accepted, refused, wrong := 0, 0, 0
	for _, row := range rows {
		file, err := recorded.ReadFS(deliveries.FS(), row.provider+"/"+row.delivery+".http")
		if err != nil {
			return err
		}
		w.at(file.Now)
		status, took, err := send(addr, file.Wire)
		if err != nil {
			return fmt.Errorf("%s/%s: %w", row.provider, row.delivery, err)
		}
		reason := w.reason()
		want := http.StatusOK
		if file.Expect != "" {
			want = file.Expect.Status()
		}
		if reason == "" {
			accepted++
		} else {
			refused++
		}
		note := ""
		if status != want || reason != file.Expect {
			wrong++
			note = fmt.Sprintf("expected %d %s", want, text(file.Expect))
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%d\t%s\n",
			row.provider, row.delivery, status, text(reason), took.Microseconds(), note)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d deliveries: %d accepted, %d refused, %d not as expected\n", len(rows), accepted, refused, wrong)
	if wrong > 0 {
		return fmt.Errorf("%d verdicts are not the expected ones", wrong)
	}
	return nil
}

func text(r truhook.Reason) string {
	if r == "" {
		return "-"
	}
	return string(r)
}

// send writes one request as it is and returns the status that comes back, and how long that took.
func send(addr string, wire []byte) (int, time.Duration, error) {
	conn, err := net.Dial("tcp", addr)
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

// witness is the receiver's clock, and sees why a delivery was refused, which a sender is never told.
type witness struct {
	mu   sync.Mutex
	time time.Time
	last truhook.Reason
}

// at sets the clock to the instant that the next delivery was recorded for; the zero time lets it run.
func (w *witness) at(t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.time, w.last = t, "unseen"
}

func (w *witness) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.time.IsZero() {
		return time.Now()
	}
	return w.time
}

func (w *witness) observe(_ context.Context, o truhook.Observation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = truhook.ReasonOf(o.Err)
}

func (w *witness) reason() truhook.Reason {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}
