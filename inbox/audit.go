package inbox

import (
	"context"
	"fmt"
	"net/http"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/retry"
)

// Audit returns what should be looked at about the handler, and what its queue and its Store find about themselves. It
// may wait for them, as long as ctx allows, and is safe for concurrent use.
func (h *Handler) Audit(ctx context.Context) []truhook.Finding {
	if h == nil || h.once == nil {
		const problem = "The handler was not made by NewHandler: every request is answered 500."
		return []truhook.Finding{notMade("no-handler", problem)}
	}
	findings := append(h.auditPolicy(), audit(ctx, h.queue)...)
	if h.cfg.Store != nil {
		findings = append(findings, audit(ctx, h.cfg.Store)...)
	}
	return findings
}

// auditPolicy looks whether the provider comes again with what the queue could not take.
func (h *Handler) auditPolicy() (findings []truhook.Finding) {
	p := h.cfg.Policy
	if p.Attempts == 1 {
		findings = append(findings, truhook.Finding{
			Severity: truhook.SeverityWarning, Name: "single-attempt", Subject: h.scope,
			Problem: "The provider delivers an event once: one error of the queue loses it.",
			Remedy:  "Take a queue that is in the process, such as package sqliteinbox.",
		})
	}
	status, ok := p.Status(retry.Retried)
	if !ok {
		status = http.StatusServiceUnavailable
	}
	if o := p.Outcome(status); o == retry.Final || o == retry.Delivered {
		findings = append(findings, truhook.Finding{
			Severity: truhook.SeverityWarning, Name: "retry-not-asked", Subject: h.scope,
			Problem: fmt.Sprintf("What the queue did not take is answered %d, which the provider takes as %v: it does not come again.",
				status, o),
			Remedy: "Take a queue that is in the process, or add the status that asks for an event again to the Rules of the policy.",
		})
	}
	return findings
}

// Audit returns what should be looked at about the worker, and what its store finds about itself. It may wait for the
// store, as long as ctx allows, and is safe for concurrent use.
func (w *Worker) Audit(ctx context.Context) []truhook.Finding {
	if w == nil || w.once == nil {
		const problem = "The worker was not made by NewWorker: it returns an error for every message."
		return []truhook.Finding{notMade("no-worker", problem)}
	}
	var findings []truhook.Finding
	if w.dead == nil {
		findings = append(findings, truhook.Finding{
			Severity: truhook.SeverityNote, Name: "no-dead-letter", Subject: "Worker",
			Problem: "There is no DeadLetter: an event that fails for good is among the dead of the queue, if that keeps any.",
			Remedy:  "Look at the dead of the queue, or set DeadLetter in the Config of NewWorker.",
		})
	}
	return append(findings, audit(ctx, w.store)...)
}

func notMade(name, problem string) truhook.Finding {
	return truhook.Finding{
		Severity: truhook.SeverityError, Name: name, Problem: problem,
		Remedy: "Give the result of the constructor, whose error was looked at.",
	}
}

// audit asks a queue or a store that is a truhook.Auditor.
func audit(ctx context.Context, of any) (findings []truhook.Finding) {
	a, ok := of.(truhook.Auditor)
	if !ok {
		return nil
	}
	defer func() {
		if recover() != nil { // without the value, which can hold anything
			findings = []truhook.Finding{notMade("audit-panicked", fmt.Sprintf("The audit of %T panicked.", of))}
		}
	}()
	return a.Audit(ctx)
}
