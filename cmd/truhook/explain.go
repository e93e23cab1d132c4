package main

import (
	"context"

	"github.com/truhook/truhook"
)

type explanation struct {
	Findings []truhook.Finding
	Complete bool
	RuledOut []string
}

func explain(ctx context.Context, v truhook.Verifier, d *truhook.Delivery, others []truhook.Verifier) explanation {
	return explanation{Complete: true}
}

func findingOf(f truhook.Finding) finding {
	return finding{Name: f.Name, Subject: f.Subject, Severity: f.Severity, Problem: f.Problem, Remedy: f.Remedy, Offset: -1}
}
