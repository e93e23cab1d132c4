package jose

import (
	"context"
	"crypto/fips140"
	"crypto/hmac"
	"fmt"
	"strings"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/folder"
	"github.com/truhook/truhook/internal/keycache"
	"github.com/truhook/truhook/internal/secrettext"
)

var (
	_ truhook.Auditor = (*Verifier)(nil)
	_ truhook.Auditor = (*CachedKeys)(nil)
	_ truhook.Auditor = (*FileKeys)(nil)
	_ truhook.Auditor = (*FilePrivateKeys)(nil)
)

const soon = 7 * 24 * time.Hour

// Audit implements [truhook.Auditor]. It looks at the keys of a [StaticKeys] and the secrets of a [StaticSecrets], and
// asks a source that is an Auditor. It does not look at private keys; [AuditPrivateKeys] does.
func (v *Verifier) Audit(ctx context.Context) []truhook.Finding {
	if v == nil || v.tokens == nil {
		return []truhook.Finding{{
			Severity: truhook.SeverityError, Name: "no-verifier",
			Problem: "The verifier was not made by a constructor, and refuses everything.",
			Remedy:  "Give the result of New, and look at its error.",
		}}
	}
	findings := v.auditTokens(ctx)
	switch keys := v.tokens.keys.(type) {
	case StaticKeys:
		return append(findings, AuditKeys(v.tokens.now(), keys...)...)
	case truhook.Auditor:
		return append(findings, keys.Audit(ctx)...)
	}
	return findings
}

// auditTokens looks at secrets, and at what the tokens lack.
func (v *Verifier) auditTokens(ctx context.Context) (findings []truhook.Finding) {
	switch secrets := v.tokens.secrets.(type) {
	case StaticSecrets:
		findings = AuditSecrets(secrets...)
	case truhook.Auditor:
		findings = secrets.Audit(ctx)
	}
	if v.tokens.noWindow {
		findings = append(findings, truhook.Finding{
			Severity: truhook.SeverityNote, Name: "no-window", Subject: v.scheme,
			Problem: "Nothing in these tokens bounds the time for which a delivery can be sent again.",
			Remedy:  "Let package idempotency drop what comes twice, for as long as it keeps events.",
		})
	}
	return findings
}

// AuditSecrets returns what is worth knowing about secrets: those that are short, padded, quoted or damaged on their
// way into the configuration, placeholders, names of files, a prefix that was not taken off, two equal ones. It never
// repeats a secret or a part of one. It serves sources of your own.
func AuditSecrets(secrets ...Secret) []truhook.Finding {
	if len(secrets) == 0 {
		return []truhook.Finding{{
			Severity: truhook.SeverityError, Name: "no-keys",
			Problem: "There are no secrets, so every delivery is answered 503.", Remedy: "Give the source a secret.",
		}}
	}
	var findings []truhook.Finding
	for i, s := range secrets {
		if s.open == nil {
			findings = append(findings, truhook.Finding{
				Severity: truhook.SeverityError, Name: "zero-key",
				Problem: "One of the secrets is the zero Secret.", Remedy: "Look at the error of NewSecret.",
			})
			continue
		}
		text := string(s.open())
		findings = append(findings, secrettext.Audit(s.id, text)...)
		if strings.HasPrefix(text, "whsec_") {
			findings = append(findings, truhook.Finding{
				Severity: truhook.SeverityWarning, Name: "undecoded-prefix", Subject: s.id,
				Problem: "The secret begins with a prefix that is usually no part of the key, and what follows is usually base64.",
				Remedy:  "Compare the provider's page, and decode the secret before NewSecret where the provider shows it encoded.",
			})
		}
		for _, other := range secrets[:i] {
			if other.open != nil && hmac.Equal(other.open(), s.open()) {
				findings = append(findings, truhook.Finding{
					Severity: truhook.SeverityNote, Name: "secret-twice", Subject: s.id,
					Problem: fmt.Sprintf("It is the same as secret %q.", other.id),
					Remedy:  "Look whether one of the two was meant to be another secret.",
				})
				break
			}
		}
	}
	return findings
}

// AuditKeys returns what is worth knowing about public keys at an instant: those against the key policy, which are RSA
// keys under 2048 bits among others, and those whose use is over or ends within a week.
func AuditKeys(now time.Time, keys ...PublicKey) []truhook.Finding {
	var findings []truhook.Finding
	usable := 0
	for _, k := range keys {
		if err := vetPublicKey(k.Key); err != nil {
			findings = append(findings, truhook.Finding{
				Severity: truhook.SeverityError, Name: "key-against-policy", Subject: k.ID,
				Problem: fmt.Sprintf("The key is refused: %v.", err),
				Remedy:  "Have the provider use an RSA key of 2048 to 8192 bits, or one of the curves that this package lists.",
			})
			continue
		}
		if k.at(now) == inside {
			usable++
		}
		if k.at(now) == before {
			findings = append(findings, truhook.Finding{
				Severity: truhook.SeverityNote, Name: "key-not-yet-valid", Subject: k.ID,
				Problem: "Its use begins at " + k.NotBefore.UTC().Format(time.RFC3339) + ".",
				Remedy:  "Nothing, if that is meant.",
			})
		}
		findings = append(findings, auditEnd(k.ID, k.NotAfter, now)...)
	}
	if usable == 0 {
		findings = append(findings, truhook.Finding{
			Severity: truhook.SeverityError, Name: "no-valid-key",
			Problem: "There is no public key that can be used now, so no delivery is accepted.",
			Remedy:  "Get the current key of the provider.",
		})
	}
	return findings
}

// AuditPrivateKeys is [AuditKeys] for yours. In FIPS 140-3 mode it adds what that mode means for RSA-OAEP with SHA-1.
func AuditPrivateKeys(now time.Time, keys ...PrivateKey) []truhook.Finding {
	var findings []truhook.Finding
	usable := 0
	for _, k := range keys {
		if _, err := decrypter(k.Key); err != nil {
			findings = append(findings, truhook.Finding{
				Severity: truhook.SeverityError, Name: "key-against-policy", Subject: k.ID,
				Problem: fmt.Sprintf("The private key is refused: %v.", err),
				Remedy:  "Make a new RSA key of 2048 to 8192 bits and register it with the provider.",
			})
			continue
		}
		if k.NotAfter.IsZero() || !now.After(k.NotAfter) {
			usable++
		}
		findings = append(findings, auditEnd(k.ID, k.NotAfter, now)...)
	}
	if usable == 0 {
		findings = append(findings, truhook.Finding{
			Severity: truhook.SeverityError, Name: "no-valid-key",
			Problem: "There is no private key that can be used now, so nothing encrypted can be read.",
			Remedy:  "Give the current private key, and those that were retired lately.",
		})
	}
	if fips140.Enabled() {
		findings = append(findings, truhook.Finding{
			Severity: truhook.SeverityNote, Name: "fips-and-sha1",
			Problem: "The program runs in FIPS 140-3 mode; under GODEBUG=fips140=only RSA-OAEP with SHA-1 does not work.",
			Remedy:  "Ask the provider for RSA-OAEP-256 before that mode is set.",
		})
	}
	return findings
}

func auditEnd(id string, end, now time.Time) []truhook.Finding {
	f := truhook.Finding{Severity: truhook.SeverityWarning, Subject: id}
	switch {
	case end.IsZero() || end.After(now.Add(soon)):
		return nil
	case now.After(end):
		f.Name, f.Problem = "key-expired", "Its use ended at "+end.UTC().Format(time.RFC3339)+"."
		f.Remedy = "Take it out, or prolong its use."
	default:
		f.Name, f.Problem = "key-expires-soon", "Its use ends at "+end.UTC().Format(time.RFC3339)+"."
		f.Remedy = "See that its successor is there before."
	}
	return []truhook.Finding{f}
}

// Audit implements [truhook.Auditor]. It looks at the keys that are kept, at what was left out of the last answer,
// and at whether the last fetches failed. It fetches a whole set if there is none yet, and never by id, as the ids
// come with the deliveries.
func (c *CachedKeys) Audit(ctx context.Context) []truhook.Finding {
	if c == nil || c.cache == nil {
		return AuditKeys(time.Time{})
	}
	if c.whole {
		if _, err := c.cache.Get(ctx, "", false); err != nil {
			return []truhook.Finding{{
				Severity: truhook.SeverityError, Name: "keys-unavailable",
				Problem: fmt.Sprintf("There are no keys, and fetching them failed: %v.", err),
				Remedy:  "Repair the source of the keys; until then every delivery is answered 503.",
			}}
		}
	}
	var findings []truhook.Finding
	states := c.cache.States()
	if trouble := c.cache.Trouble(); trouble != nil && len(states) == 0 {
		findings = append(findings, truhook.Finding{
			Severity: truhook.SeverityError, Name: "keys-unavailable",
			Problem: fmt.Sprintf("There are no keys: %v.", trouble),
			Remedy:  "Compare the address of the source with the provider's page; until then every delivery is answered 503.",
		})
	}
	for _, s := range states {
		findings = append(findings, auditFetch(s)...)
		if s.Answer != nil {
			findings = append(findings, AuditKeys(c.now(), s.Answer.Keys...)...)
		}
	}
	return findings
}

func auditFetch(s keycache.State[PublicKey]) []truhook.Finding {
	var findings []truhook.Finding
	if s.Failure != nil {
		f := truhook.Finding{
			Severity: truhook.SeverityWarning, Name: "keys-stale", Subject: s.ID,
			Problem: fmt.Sprintf("Fetching keys failed: %v. There are none.", s.Failure),
			Remedy:  "Repair the source of the keys, or deliveries will be answered 503.",
		}
		if s.Answer != nil {
			f.Problem = fmt.Sprintf("Fetching keys failed: %v. Those of %s are in use.",
				s.Failure, s.Answer.At.UTC().Format(time.RFC3339))
		}
		findings = append(findings, f)
	}
	if s.Answer != nil && s.Answer.Dropped != nil {
		findings = append(findings, leftOut(s.ID, s.Answer.Dropped))
	}
	return findings
}

func leftOut(subject string, dropped error) truhook.Finding {
	return truhook.Finding{
		Severity: truhook.SeverityWarning, Name: "keys-left-out", Subject: subject,
		Problem: fmt.Sprintf("Not all keys of the last answer are used: %s.", oneLine(dropped)),
		Remedy:  "Nothing, if no token is signed with these keys; else have the provider correct its list.",
	}
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// Audit implements [truhook.Auditor]. It looks at the files now, and at the keys that are in use.
func (f *FileKeys) Audit(ctx context.Context) []truhook.Finding {
	if f == nil || f.folder == nil {
		return AuditKeys(time.Time{})
	}
	_ = f.folder.Refresh(ctx)
	state := f.folder.State(false)
	return append(AuditKeys(time.Time{}, state.Entries...), auditState(state)...)
}

// Audit implements [truhook.Auditor]. It looks at the files now, and at the keys that are in use.
func (f *FilePrivateKeys) Audit(ctx context.Context) []truhook.Finding {
	if f == nil || f.folder == nil {
		return AuditPrivateKeys(time.Time{})
	}
	_ = f.folder.Refresh(ctx)
	state := f.folder.State(false)
	var keys []PrivateKey
	for _, k := range state.Entries {
		keys = append(keys, PrivateKey{ID: k.id, Key: k.open()})
	}
	return append(AuditPrivateKeys(time.Time{}, keys...), auditState(state)...)
}

func auditState[T any](state *folder.State[T]) []truhook.Finding {
	if state.Problem == nil {
		return nil
	}
	return []truhook.Finding{{
		Severity: truhook.SeverityWarning, Name: "files-unreadable",
		Problem: fmt.Sprintf("Since %s not all keys could be read: %v. The last good ones are in use.",
			state.Since.UTC().Format(time.RFC3339), oneLine(state.Problem)),
		Remedy: "Mend the files; a key that is to be withdrawn has to be deleted or replaced.",
	}}
}
