package keysig

import (
	"context"
	"crypto/rsa"
	"fmt"
	"time"

	"github.com/truhook/truhook"
)

// soon is how long before the end of a key's validity the audit speaks of it.
const soon = 14 * 24 * time.Hour

// Audit implements [truhook.Auditor]: it looks at the keys that are at hand, and at what the source says of itself.
func (v *Verifier) Audit(ctx context.Context) []truhook.Finding {
	if v == nil || v.format == nil {
		return []truhook.Finding{{
			Severity: truhook.SeverityError, Name: "no-verifier", Problem: "The verifier was not made by keysig.New.",
			Remedy: "Make it with keysig.New.",
		}}
	}
	var findings []truhook.Finding
	if a, ok := v.keys.(truhook.Auditor); ok {
		findings = append(findings, a.Audit(ctx)...)
	}
	if static, ok := v.keys.(staticKeys); ok {
		findings = append(findings, auditKeys(static, v.now())...)
	}
	if !v.format.Windowed() {
		findings = append(findings, truhook.Finding{
			Severity: truhook.SeverityNote, Name: "no-window",
			Problem: "No time is judged: a captured delivery verifies for as long as its key.",
			Remedy:  "Guard the handler with package idempotency.",
		})
	}
	return findings
}

// Audit implements [truhook.Auditor].
func (c *CachedKeys) Audit(ctx context.Context) []truhook.Finding {
	finding := func(name, problem, remedy string) truhook.Finding {
		return truhook.Finding{Severity: truhook.SeverityError, Name: name, Problem: problem, Remedy: remedy}
	}
	switch {
	case c != nil && c.folder != nil:
		state := c.folder.State(false)
		findings := auditKeys(state.Entries, c.now())
		if state.Problem != nil {
			findings = append(findings, finding("key-files", state.Problem.Error(), "Mend the files; the last good keys serve until then."))
		}
		return findings
	case c != nil && c.cache != nil:
		var findings []truhook.Finding
		var keys []Key
		for _, s := range c.cache.States() {
			if s.Failure != nil {
				f := finding("keys-not-fetched", "The last fetch failed: "+s.Failure.Error()+".", "Look at the source; the last good keys serve for MaxStale.")
				f.Subject = printableID(s.ID)
				findings = append(findings, f)
			}
			if s.Answer != nil {
				keys = append(keys, s.Answer.Keys...)
				if s.Answer.Dropped != nil {
					f := finding("key-left-out", s.Answer.Dropped.Error(), "Ask the provider to mend the entry; the other keys serve.")
					f.Severity = truhook.SeverityWarning
					findings = append(findings, f)
				}
			}
		}
		return append(findings, auditKeys(keys, c.now())...)
	}
	return []truhook.Finding{finding("no-key", errNoCache.Error(), "Make it with a function of package keysig.")}
}

func auditKeys(keys []Key, now time.Time) []truhook.Finding {
	var findings []truhook.Finding
	valid := 0
	for i := range keys {
		k := &keys[i]
		f := truhook.Finding{Subject: printableID(k.ID), Remedy: "Put the provider's current public key in its place."}
		switch w := k.at(now); {
		case w == after:
			f.Severity, f.Name, f.Problem = truhook.SeverityWarning, "key-expired", "The validity of the key is over."
		case w == before:
			f.Severity, f.Name, f.Problem = truhook.SeverityNote, "key-not-yet-valid", "The validity of the key has not begun."
			f.Remedy = "Wait, or look at the clock."
		case !k.NotAfter.IsZero() && k.NotAfter.Sub(now) < soon:
			f.Severity, f.Name = truhook.SeverityWarning, "key-expires-soon"
			f.Problem = fmt.Sprintf("The validity of the key ends at %s.", k.NotAfter.UTC().Format(time.RFC3339))
			valid++
		default:
			valid++
		}
		if f.Name != "" {
			findings = append(findings, f)
		}
		if public, ok := k.Public.(*rsa.PublicKey); ok && public.E < 65537 {
			findings = append(findings, truhook.Finding{
				Severity: truhook.SeverityNote, Subject: f.Subject, Name: "small-exponent",
				Problem: fmt.Sprintf("The public exponent is %d.", public.E), Remedy: "Prefer a key with 65537.",
			})
		}
	}
	if len(keys) > 0 && valid == 0 {
		findings = append(findings, truhook.Finding{
			Severity: truhook.SeverityError, Name: "no-valid-key", Problem: "No key is valid now: every delivery is rejected.",
			Remedy: "Put the provider's current public key in place.",
		})
	}
	return findings
}
