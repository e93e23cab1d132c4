package inbox

import (
	"context"
	"fmt"

	"github.com/truhook/truhook"
)

// Audit returns what should be looked at about the handler, and what its queue and its Store find about themselves. It
// may wait for them, as long as ctx allows, and is safe for concurrent use.
func (h *Handler) Audit(ctx context.Context) []truhook.Finding {
	if h == nil || h.once == nil {
		const problem = "The handler was not made by NewHandler: every request is answered 500."
		return []truhook.Finding{notMade("no-handler", problem)}
	}
	findings := audit(ctx, h.queue)
	if h.cfg.Store != nil {
		findings = append(findings, audit(ctx, h.cfg.Store)...)
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
