package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/truhook/truhook/retry"
	"github.com/truhook/truhook/truhooktest"
)

// deliver sends the events by the provider's policy and prints each attempt as it ends.
func (s *send) deliver(
	ctx context.Context, policy retry.Policy, sign, wrong truhooktest.Signer, target string, events []truhooktest.Event,
) (int, error) {
	limit := s.timeout
	if limit <= 0 {
		limit = policy.AckLimit
	}
	if limit <= 0 {
		limit = 10 * time.Second
	}
	scale := max(s.scale, 1e-6)
	p, err := truhooktest.NewRemoteProvider(policy, sign, target, truhooktest.Config{
		Scale: scale, StaleBy: s.staleBy, WrongKey: wrong,
		Timeout: time.Duration(float64(limit) / scale), // -scale shortens the waits, not the time for an answer
	})
	if err != nil {
		return exitUsage, err
	}
	st := s.style(s.stdout)
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.DeliverAll(ctx, events...)
	}()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	shown := 0
	for running := true; running; {
		select {
		case <-done:
			running = false
		case <-tick.C:
		}
		for _, a := range p.Attempts()[shown:] {
			shown++
			s.attempt(st, a)
		}
	}
	return s.summary(st, events, p.Attempts())
}

func (s *send) attempt(st style, a truhooktest.Attempt) {
	if s.json {
		_ = writeJSONLine(s.stdout, map[string]any{
			"event": a.Event, "attempt": a.Number, "duplicate": a.Duplicate, "fault": faultText(a.Fault),
			"status": a.Status, "outcome": a.Outcome.String(), "took_ms": a.Took.Milliseconds(), "error": errorText(a.Err),
		})
		return
	}
	what := fmt.Sprintf("attempt %d", a.Number)
	if a.Duplicate {
		what += ", a copy"
	}
	if text := faultText(a.Fault); text != "" {
		what += ", " + text
	}
	result := fmt.Sprint(a.Status, " ", http.StatusText(a.Status))
	switch {
	case a.Err != nil:
		result = st.red("no response: " + printable(a.Err.Error()))
	case a.Outcome == retry.Delivered || a.Status/100 == 2:
		result = st.green(result)
	default:
		result = st.yellow(result)
	}
	fmt.Fprintf(s.stdout, "%-10.10s %-32s %6d ms  %s, %s\n", a.Event, what, a.Took.Milliseconds(), result, a.Outcome)
}

func (s *send) summary(st style, events []truhooktest.Event, attempts []truhooktest.Attempt) (int, error) {
	last := map[string]truhooktest.Attempt{}
	count := map[string]int{}
	for _, a := range attempts {
		count[a.Event]++
		if !a.Duplicate && a.Number >= last[a.Event].Number {
			last[a.Event] = a
		}
	}
	delivered := 0
	for _, e := range events {
		if a := last[e.ID]; a.Outcome == retry.Delivered || a.Outcome == retry.Unknown && a.Status/100 == 2 {
			delivered++
		}
	}
	if !s.json {
		line := fmt.Sprintf("%d of %d events delivered in %d requests", delivered, len(events), len(attempts))
		if delivered == len(events) {
			line = st.green(line)
		} else {
			line = st.red(line)
		}
		fmt.Fprintln(s.stdout, line)
	}
	if delivered < len(events) {
		return exitRefused, nil
	}
	return exitVerified, nil
}

func faultText(f truhooktest.Fault) string {
	if f == 0 {
		return ""
	}
	return strings.ReplaceAll(f.String(), " ", "-")
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
