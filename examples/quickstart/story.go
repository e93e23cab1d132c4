package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/recorded"
	"github.com/truhook/truhook/recorded/deliveries"
)

// A story sends a few deliveries one after the other and tells what became of each, in lines of at most 100 columns.
type story struct {
	out             io.Writer
	colour          bool
	witness         *witness
	all, once, mtls dial // the three receivers

	told   int
	failed int
}

// begin says what is about to happen.
func (s *story) begin(addr string) {
	fmt.Fprintf(s.out, `Three receivers listen on %s and two more ports, and get eight deliveries over real
sockets. Who sends them learns a status and nothing else. You learn the rest.

`, addr)
}

// tell prints one line and counts it as failed unless the status and what was seen are the expected ones.
func (s *story) tell(what string, statuses []int, want, got seen, why string) {
	s.told++
	text := make([]string, 0, len(statuses))
	for _, status := range statuses {
		text = append(text, fmt.Sprint(status))
	}
	verdict, colour := "accepted", green
	switch {
	case got.reason != "":
		verdict, colour = "refused", red
	case got.event == idempotency.Duplicate:
		verdict, colour = "known", yellow
	}
	fmt.Fprintf(s.out, " %d  %-24s %-8s %s  %s\n", s.told, what, strings.Join(text, ", "),
		s.paint(colour, fmt.Sprintf("%-8s", verdict)), why)
	if got.reason != want.reason || got.event != want.event || statuses[len(statuses)-1] != want.status() {
		s.failed++
		fmt.Fprintf(s.out, "    NOT AS EXPECTED: %d %s\n", want.status(), want)
	}
}

const (
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (s *story) paint(colour, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// isTerminal reports whether somebody looks at colours (https://no-color.org).
func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// A chapter is one line of the story.
type chapter struct {
	what  string
	tries []try // the last one is what is told
	why   string
}

// A try is one request.
type try struct {
	delivery    string        // in recorded/deliveries; empty: signed with the secret of another environment
	to          dial          // which receiver
	later       time.Duration // than it was recorded
	down        bool          // the handler fails
	certificate string
	want        seen
}

func (s *story) chapters() []chapter {
	accepted := func(event idempotency.Outcome) seen { return seen{event: event} }
	refused := func(reason truhook.Reason) seen { return seen{reason: reason} }
	const order, task, link = "truv/event-order-created", "truv/event-task-status-updated", "transunion/event-device-link"
	return []chapter{
		{"a genuine delivery", []try{{delivery: order, to: s.once, want: accepted(idempotency.Handled)}},
			"signed and handled; proof: "},
		{"one byte changed", []try{{delivery: "truv/body-tampered", to: s.once, want: refused(truhook.SignatureMismatch)}},
			"signature-mismatch"},
		{"a wrong secret", []try{{to: s.once, want: refused(truhook.SignatureMismatch)}}, "signature-mismatch; "},
		{"a replay", []try{{delivery: link, to: s.all, later: time.Minute, want: refused(truhook.Expired)}},
			"expired: TransUnion's token lived for 5 s"},
		{"a duplicate", []try{{delivery: order, to: s.once, want: accepted(idempotency.Duplicate)}},
			"the first one once more; not handled twice"},
		{"failed, then redelivered", []try{
			{delivery: task, to: s.once, down: true, want: accepted(idempotency.Failed)},
			{delivery: task, to: s.once, want: accepted(idempotency.Handled)},
		}, "the handler failed, so Truv came again"},
		{"an expired key", []try{{delivery: "trulioo/secret-expired", to: s.all, want: refused(truhook.KeyExpired)}},
			"key-expired: that credential had ended"},
		{"a client certificate", []try{
			{delivery: order, to: s.mtls, certificate: "stranger", want: refused(truhook.UntrustedCertificate)},
			{delivery: order, to: s.mtls, certificate: "truv", want: accepted("")},
		}, "first a stranger's; Truv's proves: "},
	}
}

// run tells all chapters.
func (s *story) run(ctx context.Context) error {
	for _, c := range s.chapters() {
		var statuses []int
		var last try
		var got seen
		for _, last = range c.tries {
			wire, at, err := s.wire(last)
			if err != nil {
				return err
			}
			s.witness.next(at.Add(last.later), last.down)
			status, err := send(last.to, last.certificate, wire)
			if err != nil {
				return fmt.Errorf("%s: %w", c.what, err)
			}
			statuses, got = append(statuses, status), s.witness.seen()
			if last.delivery == "" {
				cause, err := provenCause(ctx, wire)
				if err != nil {
					return err
				}
				c.why += cause
			}
		}
		if strings.HasSuffix(c.why, ": ") {
			c.why += got.proofs
		}
		s.tell(c.what, statuses, last.want, got, c.why)
	}
	if s.failed > 0 {
		return fmt.Errorf("%d of %d are not as expected", s.failed, s.told)
	}
	return nil
}

// wire returns the request of a try, and when it was sent.
func (s *story) wire(t try) ([]byte, time.Time, error) {
	if t.delivery == "" {
		wire, err := fromProduction()
		return wire, recordedAt, err
	}
	file, err := recorded.ReadFS(deliveries.FS(), t.delivery+".http")
	if err != nil {
		return nil, time.Time{}, err
	}
	return file.Wire, cmp.Or(file.Now, recordedAt), nil
}

// fromProduction is a delivery of Truv's production, which was sent to the sandbox's receiver by mistake.
func fromProduction() ([]byte, error) {
	key, err := hmacsig.NewKey("production", truvProductionSecret)
	if err != nil {
		return nil, err
	}
	body := []byte(`{"webhook_id":"17","event_type":"order-created","order_id":"17"}`)
	r, err := http.NewRequest(http.MethodPost, "http://receiver.example/webhooks/truv", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if err := truv.Scheme().Sign(r.Header, key, hmacsig.Message{Body: body}); err != nil {
		return nil, err
	}
	var wire bytes.Buffer
	err = r.Write(&wire)
	return wire.Bytes(), err
}

// provenCause asks why the sandbox's receiver refuses a delivery, giving the keys of production too. A service does
// this at the desk, by truhook verify, or after the response, by truhook.Config.ExplainRefusals.
func provenCause(ctx context.Context, wire []byte) (string, error) {
	sandbox, err := truv.New(truvSecret)
	if err != nil {
		return "", err
	}
	production, err := truv.New(truvProductionSecret)
	if err != nil {
		return "", err
	}
	d, err := (&recorded.File{Wire: wire, Now: recordedAt}).Delivery()
	if err != nil {
		return "", err
	}
	e := truhook.Explain(ctx, sandbox, d, truhook.ExplainConfig{Others: []truhook.Verifier{production}})
	if len(e.Findings) == 0 || !e.Findings[0].Proven {
		return "no cause was proven", nil
	}
	return "proven: " + e.Findings[0].Name, nil
}
