package keysig

import (
	"context"
	"crypto/rsa"
	"fmt"
	"strings"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/keycache"
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

// Audit implements [truhook.Auditor]. It looks at files now, and fetches a list of keys if there is none yet, within
// the same bounds as a delivery; it never fetches by id, as the ids come with the deliveries.
func (c *CachedKeys) Audit(ctx context.Context) []truhook.Finding {
	switch {
	case c != nil && c.folder != nil:
		_ = c.folder.Refresh(ctx)
		state := c.folder.State(false)
		findings := auditKeys(state.Entries, c.now())
		if state.Problem != nil {
			findings = append(findings, truhook.Finding{
				Severity: truhook.SeverityWarning, Name: "files-unreadable",
				Problem: fmt.Sprintf("Since %s not all keys could be read: %s. The last good ones are in use.",
					state.Since.UTC().Format(time.RFC3339), oneLine(state.Problem)),
				Remedy: "Mend the files; a key that is to be withdrawn has to be deleted or replaced.",
			})
		}
		return findings
	case c != nil && c.cache != nil:
		if !c.byID {
			_, _ = c.cache.Get(ctx, "", false) // what it failed of is in its state
		}
		var findings []truhook.Finding
		var keys []Key
		for _, s := range c.cache.States() {
			findings = append(findings, auditFetch(s)...)
			if s.Answer != nil {
				keys = append(keys, s.Answer.Keys...)
			}
		}
		return append(findings, auditKeys(keys, c.now())...)
	}
	return []truhook.Finding{{
		Severity: truhook.SeverityError, Name: "no-keys", Problem: errNoCache.Error() + ".",
		Remedy: "Make it with a function of package keysig, and look at its error.",
	}}
}

// auditFetch returns what is wrong with the answer that is kept, and with the last fetch.
func auditFetch(s keycache.State[Key]) (findings []truhook.Finding) {
	subject := printableID(s.ID)
	switch {
	case s.Failure != nil && s.Answer == nil:
		findings = append(findings, truhook.Finding{
			Severity: truhook.SeverityError, Name: "keys-unavailable", Subject: subject,
			Problem: fmt.Sprintf("There are no keys, and fetching them failed: %s.", oneLine(s.Failure)),
			Remedy:  "Repair the source of the keys; until then deliveries are answered 503.",
		})
	case s.Failure != nil:
		findings = append(findings, truhook.Finding{
			Severity: truhook.SeverityWarning, Name: "keys-stale", Subject: subject,
			Problem: fmt.Sprintf("Fetching the keys failed: %s. Those of %s are in use.",
				oneLine(s.Failure), s.Answer.At.UTC().Format(time.RFC3339)),
			Remedy: fmt.Sprintf("Repair the source of the keys; from %s on deliveries are answered 503.",
				s.Ends.UTC().Format(time.RFC3339)),
		})
	}
	if s.Answer != nil && s.Answer.Dropped != nil {
		findings = append(findings, truhook.Finding{
			Severity: truhook.SeverityWarning, Name: "keys-left-out", Subject: subject,
			Problem: fmt.Sprintf("Not all keys of the last answer are used: %s.", oneLine(s.Answer.Dropped)),
			Remedy:  "Ask the provider to mend the entry; the other keys serve.",
		})
	}
	return findings
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

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
