package idempotency

import (
	"context"
	"fmt"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/retry"
)

// Audit returns what should be looked at about the middleware, and what its store finds about itself. It may wait for
// the store, as long as ctx allows, and is safe for concurrent use.
func (m *Middleware) Audit(ctx context.Context) []truhook.Finding {
	if m == nil || m.store == nil {
		return []truhook.Finding{{
			Severity: truhook.SeverityError, Name: "no-middleware",
			Problem: "The middleware was not made by NewMiddleware: every request is answered 500.",
			Remedy:  "Give the result of NewMiddleware, whose error was looked at.",
		}}
	}
	var findings []truhook.Finding
	add := func(severity truhook.Severity, name, problem, remedy string) {
		findings = append(findings, truhook.Finding{
			Severity: severity, Name: name, Subject: m.scope, Problem: problem, Remedy: remedy,
		})
	}
	shortest, _ := m.cfg.Policy.Window()
	if m.cfg.DeadLetter == nil {
		add(truhook.SeverityWarning, "no-dead-letter",
			"There is no DeadLetter: an event that fails for good, or is too old, is answered 503 until the provider gives up.",
			"Set Config.DeadLetter to a function that keeps the event.")
	}
	switch attempts := m.cfg.Policy.Attempts; {
	case attempts == 1:
		add(truhook.SeverityWarning, "single-attempt",
			"The provider delivers an event once: one error of the handler, or of the store, loses it.",
			"Accept events into package inbox on a local file.")
	case attempts > 1 && shortest < shortestTimeout && !m.cfg.HandleUndeduped:
		add(truhook.SeverityNote, "outage-outlasts-attempts",
			fmt.Sprintf("The provider may make its attempts within %v: a longer outage of the store loses events.", shortest),
			"Set Config.HandleUndeduped, or accept events into package inbox on a local file.")
	}
	if o := m.cfg.Policy.Outcome(m.retried); o == retry.Final || o == retry.Delivered {
		add(truhook.SeverityWarning, "retry-not-asked",
			fmt.Sprintf("An event that failed is answered %d, which the provider takes as %v: it does not come again.",
				m.retried, o),
			"Accept events into package inbox, or add the status that asks for an event again to the Rules of the policy.")
	}
	if m.cfg.Policy.Attempts == 0 {
		add(truhook.SeverityNote, "attempts-unpublished",
			"The policy has no attempts: the first delivery of an event may be the only one.",
			"Accept events into package inbox, so that an error of the handler does not lose one.")
		if m.cfg.Lease > longestLease {
			add(truhook.SeverityWarning, "long-lease",
				fmt.Sprintf("The lease of %v may outlast the provider's attempts.", m.cfg.Lease),
				"Leave Config.Lease at zero: it is renewed while the handler runs.")
		}
	}
	if m.cfg.Version == nil && m.scope != "" {
		add(truhook.SeverityNote, "no-version",
			fmt.Sprintf("Nothing tells the time of an event: one that was captured is new again after %v.", m.cfg.Retention),
			"Set Config.Version where the provider's package has an EventVersion.")
	}
	return append(findings, auditStore(ctx, m.store)...)
}

// auditStore asks a store that is a truhook.Auditor.
func auditStore(ctx context.Context, s Store) (findings []truhook.Finding) {
	a, ok := s.(truhook.Auditor)
	if !ok {
		return nil
	}
	defer func() {
		if recover() != nil { // without the value, which can hold anything
			findings = []truhook.Finding{{
				Severity: truhook.SeverityError, Name: "audit-panicked", Subject: fmt.Sprintf("%T", s),
				Problem: "Its audit panicked.", Remedy: "Look at how it was made: a zero value is not ready for use.",
			}}
		}
	}()
	return a.Audit(ctx)
}

// count notes a new event.
func (m *Memory) count(now int64, retain time.Duration) {
	m.added.Add(1)
	if m.first.Load() == 0 {
		m.first.CompareAndSwap(0, max(1, now))
	}
	for {
		longest := m.retain.Load()
		if int64(retain) <= longest || m.retain.CompareAndSwap(longest, int64(retain)) {
			return
		}
	}
}

// Audit warns when the store is nearly full, and when it will be full at the rate of events since the first one. It is
// safe for concurrent use.
func (m *Memory) Audit(context.Context) []truhook.Finding {
	events := m.entries.Load()
	for i := range m.orders {
		s := &m.orders[i]
		s.mu.Lock()
		events -= int64(s.records)
		s.mu.Unlock()
	}
	finding := func(severity truhook.Severity, name, problem string, want int64) []truhook.Finding {
		return []truhook.Finding{{
			Severity: severity, Name: name, Subject: "Memory", Problem: problem,
			Remedy: fmt.Sprintf("Set MemoryConfig.MaxEntries to %d or more, or take package sqlstore or redisstore.", want),
		}}
	}
	elapsed := max(time.Duration(m.instant()-m.first.Load()), time.Minute) // a first burst is no rate
	rate := float64(m.added.Load()) / elapsed.Seconds()
	retain := time.Duration(m.retain.Load())
	need := int64(rate * retain.Seconds())
	switch {
	case events >= m.max:
		return finding(truhook.SeverityError, "memory-full",
			fmt.Sprintf("All of the %d records are taken: new events are refused.", m.max), max(need, 2*m.max))
	case need > m.max:
		return finding(truhook.SeverityWarning, "memory-will-fill",
			fmt.Sprintf("%.3g events a second, each kept for %v, take %d records, and there is room for %d.",
				rate, retain, need, m.max), need+need/4)
	case events > m.max/4*3:
		return finding(truhook.SeverityWarning, "memory-nearly-full",
			fmt.Sprintf("%d of %d records are taken.", events, m.max), 2*m.max)
	}
	return nil
}
