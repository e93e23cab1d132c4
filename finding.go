package truhook

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
)

// Severity says how much a [Finding] matters. The zero Severity is none.
type Severity string

const (
	SeverityNote    Severity = "note"    // good to know; nothing has to be done
	SeverityWarning Severity = "warning" // weaker than it should be, or about to fail
	SeverityError   Severity = "error"   // genuine deliveries are refused now, or will be
)

// A Finding is one thing about a configuration ([Audit]) or about one refused delivery ([Explain]) that somebody should
// look at. It holds no secret, signature or body, neither whole nor in part, and can be logged and marshaled as it is.
// The zero Finding says nothing.
type Finding struct {
	Severity Severity
	Name     string // what was found, lower-case-with-dashes, such as "short-secret"; does not change
	Subject  string // where it was found: the id of a key, a file, a certificate
	Problem  string // what is wrong, as a sentence
	Remedy   string // what to do about it, as a sentence

	// Proven is for Explain: a sender who held one of the given keys made this delivery, and one named change shows it.
	Proven bool

	// Offset is for a Proven finding about the body: the first byte of the body that differs, counted from 0, or -1
	// where there is none. Without Proven it says nothing, whatever it is.
	Offset int64
}

// String returns "severity: subject: problem remedy (name)" in one line.
func (f Finding) String() string {
	if f.Subject == "" {
		return fmt.Sprintf("%s: %s %s (%s)", f.Severity, f.Problem, f.Remedy, f.Name)
	}
	return fmt.Sprintf("%s: %s: %s %s (%s)", f.Severity, f.Subject, f.Problem, f.Remedy, f.Name)
}

// MarshalJSON writes the fields in lower case. "proven" is left out where it is false, and "offset" where it says
// nothing.
func (f Finding) MarshalJSON() ([]byte, error) {
	out := struct {
		Severity Severity `json:"severity"`
		Name     string   `json:"name"`
		Subject  string   `json:"subject"`
		Problem  string   `json:"problem"`
		Remedy   string   `json:"remedy"`
		Proven   bool     `json:"proven,omitempty"`
		Offset   *int64   `json:"offset,omitempty"`
	}{f.Severity, f.Name, f.Subject, f.Problem, f.Remedy, f.Proven, nil}
	if f.Proven && f.Offset >= 0 {
		out.Offset = &f.Offset
	}
	return json.Marshal(out)
}

// An Auditor looks at its own configuration. The verifiers and the key sources of this module are Auditors, and a
// [Verifier] or key source of yours may be one.
//
// Audit may read files and call the endpoints that it would call anyhow, within their bounds, so it may wait, and ends
// when ctx does. It changes nothing but its own cache, and must be safe for concurrent use.
type Auditor interface {
	Audit(ctx context.Context) []Finding
}

// sourceAuditor is a verifier that knows which addresses its deliveries come from, and which never.
type sourceAuditor interface {
	AuditSources(allowed []netip.Prefix) []Finding
}
