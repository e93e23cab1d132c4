package main

import (
	"context"

	"github.com/truhook/truhook"
)

// explain says why v refuses d, within the budget of a person who waits.
func explain(ctx context.Context, v truhook.Verifier, d *truhook.Delivery, others []truhook.Verifier) truhook.Explanation {
	return truhook.Explain(ctx, v, d, truhook.ExplainConfig{Others: others})
}

func findingOf(f truhook.Finding) finding {
	out := finding{
		Name: f.Name, Subject: f.Subject, Severity: f.Severity, Proven: f.Proven, Problem: f.Problem, Remedy: f.Remedy, Offset: -1,
	}
	if f.Proven {
		out.Offset = f.Offset
	}
	return out
}
