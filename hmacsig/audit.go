package hmacsig

import (
	"context"
	"crypto/hmac"
	"fmt"
	"strings"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/secrettext"
)

var (
	_ truhook.Auditor = (*Verifier)(nil)
	_ truhook.Auditor = (*CachedKeys)(nil)
	_ truhook.Auditor = (*FileKeys)(nil)
)

const (
	soon          = 7 * 24 * time.Hour
	generousGrace = 7 * 24 * time.Hour
)

// Audit implements [truhook.Auditor]: it asks the key source, if that is an Auditor, and looks at the keys that are
// static or [ReloadableKeys]. Another source is not asked, as it may need a real delivery; [AuditKeys] looks at its
// keys.
func (v *Verifier) Audit(ctx context.Context) []truhook.Finding {
	if v == nil || v.format == nil {
		return []truhook.Finding{{
			Severity: truhook.SeverityError, Name: "no-verifier",
			Problem: "The verifier was not made by a constructor, and refuses everything.",
			Remedy:  "Give the result of New, and look at its error.",
		}}
	}
	var findings []truhook.Finding
	var keys []Key
	switch source := v.keys.(type) {
	case staticKeys, *ReloadableKeys:
		keys, _ = v.keys.Keys(ctx, Query{})
		findings = AuditKeys(v.now(), keys...)
	case *FileKeys, *CachedKeys:
		findings = v.keys.(truhook.Auditor).Audit(ctx)
		keys, _ = v.keys.Keys(ctx, Query{}) // which it has at hand by now
	case truhook.Auditor:
		findings = source.Audit(ctx)
	}
	findings = append(findings, v.format.keyText.audit(keys)...)
	if _, timestamp := v.format.Signs(); timestamp && !v.format.Windowed() {
		findings = append(findings, truhook.Finding{
			Severity: truhook.SeverityNote, Name: "no-window", Subject: v.format.Name,
			Problem: "The signed time is not judged, so a captured delivery is accepted for as long as its key is valid.",
			Remedy:  "Put package idempotency behind the verifier, with a retention that is as long as you can afford.",
		})
	}
	if v.grace > generousGrace {
		findings = append(findings, truhook.Finding{
			Severity: truhook.SeverityWarning, Name: "long-grace", Subject: v.format.Name,
			Problem: "Keys are accepted for more than a week after the end of their validity.",
			Remedy:  "Shorten Grace: it is meant for deliveries that were under way when the key changed.",
		})
	}
	return findings
}

// Audit implements [truhook.Auditor]. It fetches if nothing has been fetched yet, within the same bounds as a
// delivery, and looks at the keys and at whether fetching works.
func (c *CachedKeys) Audit(ctx context.Context) []truhook.Finding {
	if c == nil || c.cache == nil {
		return AuditKeys(time.Time{})
	}
	keys, err := c.Keys(ctx, Query{})
	if err != nil {
		return []truhook.Finding{{
			Severity: truhook.SeverityError, Name: "keys-unavailable",
			Problem: fmt.Sprintf("There are no keys, and fetching them failed: %v.", err),
			Remedy:  "Repair the source of the keys; until then every delivery is answered 503.",
		}}
	}
	var findings []truhook.Finding
	for _, s := range c.cache.States() {
		if s.Failure != nil && s.Answer != nil {
			findings = append(findings, truhook.Finding{
				Severity: truhook.SeverityWarning, Name: "keys-stale",
				Problem: fmt.Sprintf("Fetching the keys failed: %v. Those of %s are in use.",
					s.Failure, s.Answer.At.UTC().Format(time.RFC3339)),
				Remedy: fmt.Sprintf("Repair the source of the keys; from %s on every delivery is answered 503.",
					s.Ends.UTC().Format(time.RFC3339)),
			})
		}
		if s.Answer != nil && s.Answer.Dropped != nil {
			findings = append(findings, truhook.Finding{
				Severity: truhook.SeverityWarning, Name: "keys-left-out",
				Problem: fmt.Sprintf("Not all keys of the last answer are used: %s.",
					strings.ReplaceAll(s.Answer.Dropped.Error(), "\n", "; ")),
				Remedy: "Correct what the source of the keys gives.",
			})
		}
	}
	return append(findings, AuditKeys(c.now(), keys...)...)
}

// Audit implements [truhook.Auditor]. It looks at the files now, and at the secrets that are in use.
func (f *FileKeys) Audit(ctx context.Context) []truhook.Finding {
	if f == nil || f.folder == nil {
		return AuditKeys(time.Time{})
	}
	_ = f.folder.Refresh(ctx)
	state := f.folder.State(false)
	findings := AuditKeys(f.now(), state.Entries...)
	if state.Problem != nil {
		findings = append(findings, truhook.Finding{
			Severity: truhook.SeverityWarning, Name: "files-unreadable",
			Problem: fmt.Sprintf("Since %s not all secrets could be read: %v. The last good ones are in use.",
				state.Since.UTC().Format(time.RFC3339), strings.ReplaceAll(state.Problem.Error(), "\n", "; ")),
			Remedy: "Mend the files; a secret that is to be withdrawn has to be deleted or replaced.",
		})
	}
	return findings
}

// AuditKeys returns what is worth knowing about the keys of one verifier at an instant: secrets that are short, padded,
// quoted or damaged on their way into the configuration, placeholders, two equal secrets, validity that is over or ends
// within a week. It never repeats a secret or a part of one. It serves sources of your own.
func AuditKeys(now time.Time, keys ...Key) []truhook.Finding {
	if len(keys) == 0 {
		return []truhook.Finding{{
			Severity: truhook.SeverityError, Name: "no-keys",
			Problem: "There are no keys, so every delivery is answered 503.", Remedy: "Give the source a key.",
		}}
	}
	var findings []truhook.Finding
	valid := 0
	for i := range keys {
		k := &keys[i]
		if k.open == nil {
			findings = append(findings, truhook.Finding{
				Severity: truhook.SeverityError, Name: "zero-key",
				Problem: "One of the keys is the zero Key.", Remedy: "Look at the error of NewKey.",
			})
			continue
		}
		if k.at(now, 0) == inside {
			valid++
		}
		findings = append(findings, auditWindow(k, now)...)
		findings = append(findings, secrettext.Audit(k.id, string(k.open().bytes))...)
		for j := range keys[:i] {
			if keys[j].open != nil && hmac.Equal(keys[j].open().bytes, k.open().bytes) {
				findings = append(findings, truhook.Finding{
					Severity: truhook.SeverityNote, Name: "secret-twice", Subject: k.id,
					Problem: fmt.Sprintf("It has the same secret as key %q.", keys[j].id),
					Remedy:  "Look whether one of the two was meant to be another secret.",
				})
				break
			}
		}
	}
	if valid == 0 {
		findings = append(findings, truhook.Finding{
			Severity: truhook.SeverityError, Name: "no-valid-key",
			Problem: "None of the keys is valid now, so no delivery is accepted.",
			Remedy:  "Get a current secret from the provider, or correct the clock.",
		})
	}
	return findings
}

func auditWindow(k *Key, now time.Time) []truhook.Finding {
	f := truhook.Finding{Severity: truhook.SeverityWarning, Subject: k.id}
	switch {
	case k.at(now, 0) == before:
		f.Severity, f.Name = truhook.SeverityNote, "key-not-yet-valid"
		f.Problem = "Its validity begins at " + k.NotBefore.UTC().Format(time.RFC3339) + "."
		f.Remedy = "Nothing, if that is meant."
	case k.at(now, 0) == after:
		f.Name = "key-expired"
		f.Problem = "Its validity ended at " + k.NotAfter.UTC().Format(time.RFC3339) + "."
		f.Remedy = "Take it out, or get a current one."
	case !k.NotAfter.IsZero() && k.NotAfter.Before(now.Add(soon)):
		f.Name = "key-expires-soon"
		f.Problem = "Its validity ends at " + k.NotAfter.UTC().Format(time.RFC3339) + "."
		f.Remedy = "See that its successor is there before."
	default:
		return nil
	}
	return []truhook.Finding{f}
}
