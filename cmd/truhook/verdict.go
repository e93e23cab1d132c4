package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/truhook/truhook"
)

// A verdict is what the program says of one delivery. It holds no secret, no expected signature and no body.
type verdict struct {
	File       string          `json:"file,omitempty"`
	Provider   string          `json:"provider,omitempty"`
	Verified   bool            `json:"verified"`
	Reason     truhook.Reason  `json:"reason"`
	Status     int             `json:"status,omitempty"` // what a receiver responds
	Error      string          `json:"error,omitempty"`
	Proofs     []proof         `json:"proofs"`
	Findings   []finding       `json:"findings"`
	Complete   bool            `json:"complete"`
	RuledOut   []string        `json:"ruled_out"`
	Tried      []tried         `json:"tried,omitempty"` // providers, where none was named
	Expected   *truhook.Reason `json:"expected,omitempty"`
	AsExpected *bool           `json:"as_expected,omitempty"`
	Notes      []string        `json:"notes,omitempty"`
	ReceivedAt string          `json:"received_at,omitempty"`
	KeyID      string          `json:"key_id,omitempty"` // that fitted, where several were held

	verified *truhook.Verified
	unjudged error // there was no key
	body     []byte
}

type proof struct {
	Scheme string `json:"scheme"`
	KeyID  string `json:"key_id"`
}

type finding struct {
	Name     string           `json:"name"`
	Subject  string           `json:"subject,omitempty"`
	Severity truhook.Severity `json:"severity"`
	Proven   bool             `json:"proven"`
	Problem  string           `json:"problem"`
	Remedy   string           `json:"remedy,omitempty"`
	Offset   int64            `json:"offset"`
	Times    int              `json:"times,omitempty"` // where it was found more than once

	audit bool // about the keys, not about the delivery
}

type tried struct {
	Provider string         `json:"provider"`
	Reason   truhook.Reason `json:"reason"`
}

// judge returns the verdict of one provider's verifier, with the cause where it was refused.
func (k *keyring) judge(ctx context.Context, p provider, id string, d *truhook.Delivery) *verdict {
	out := &verdict{Provider: p.name, Proofs: []proof{}, Findings: []finding{}, RuledOut: []string{}, Complete: true, body: d.Body}
	v, err := k.verifier(p, id, !d.Received.IsZero())
	if err != nil {
		out.unjudged, out.Error, out.Complete = err, err.Error(), false
		return out
	}
	inService := v // whose times are judged
	if d.Received.IsZero() {
		if inService, err = k.verifier(p, id, true); err != nil {
			inService = v
		}
	}
	for _, f := range truhook.Audit(ctx, inService) {
		one := findingOf(f)
		one.audit = true
		out.add(one)
	}
	defer func() { out.noteJudged(k, p, id, d) }()
	out.verified, err = v.Verify(ctx, d)
	if err == nil {
		out.Verified = true
		for _, p := range out.verified.Proofs {
			out.Proofs = append(out.Proofs, proof{p.Scheme, p.KeyID})
		}
		return out
	}
	out.Reason, out.Error = truhook.ReasonOf(err), err.Error()
	out.Status = out.Reason.Status()
	e := explain(ctx, v, d, k.others(p, id))
	for _, f := range e.Findings {
		out.add(findingOf(f))
	}
	out.Complete = e.Complete
	out.RuledOut = append(out.RuledOut, e.RuledOut...)
	return out
}

// add adds a finding, or counts it where an equal one is there.
func (v *verdict) add(one finding) {
	for i, f := range v.Findings {
		times := f.Times
		if f.Times = 0; f == one {
			v.Findings[i].Times = max(times, 1) + 1
			return
		}
	}
	v.Findings = append(v.Findings, one)
}

// judgeAny judges by every provider that could fit: those whose header is there, else those of which there is a key.
func (k *keyring) judgeAny(ctx context.Context, d *truhook.Delivery) *verdict {
	var best *verdict
	var all []tried
	consider := func(p provider) bool {
		one := k.judge(ctx, p, "", d)
		if one.unjudged == nil {
			all = append(all, tried{p.name, one.Reason})
		}
		if best == nil || best.unjudged != nil && one.unjudged == nil || one.Verified {
			best = one
		}
		return one.Verified
	}
	for _, p := range allProviders() {
		if p.fits(d) && consider(p) {
			break
		}
	}
	if best == nil {
		for _, p := range allProviders() {
			if keys, err := k.keys(p, ""); k.single == "" && err == nil && len(keys) > 0 && consider(p) {
				break
			}
		}
	}
	if best == nil {
		err := fmt.Errorf("%w: the delivery has no header of a provider that is known here; name one with -provider", errNoKey)
		return &verdict{unjudged: err, Error: err.Error(), Proofs: []proof{}, Findings: []finding{}, RuledOut: []string{}, body: d.Body}
	}
	best.Tried = all
	return best
}

func (v *verdict) code() int {
	switch {
	case v.unjudged != nil:
		return exitUnjudged
	case v.Verified:
		return exitVerified
	}
	return exitRefused
}

func (v *verdict) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// firstCause returns the first thing that explains a refusal; empty: none was found.
func (v *verdict) firstCause() string {
	for _, f := range v.Findings {
		if !f.audit && !f.isNote() {
			return f.title()
		}
	}
	return ""
}

// isNote reports whether f is no cause, but goes with one or stands for none.
func (f finding) isNote() bool { return f.Severity == truhook.SeverityNote }

func (f finding) title() string {
	if f.Subject == "" {
		return f.Name
	}
	return f.Name + " (" + f.Subject + ")"
}

// write prints the verdict for a person.
func (v *verdict) write(w io.Writer, s style) {
	p := func(label, text string) { fmt.Fprintf(w, "%-10s %s\n", label, text) }
	if v.File != "" {
		p("delivery", printable(v.File))
	}
	for _, note := range v.Notes {
		p("note", printable(note))
	}
	for _, f := range v.Findings {
		if f.audit {
			p("keys", s.severity(f.Severity, string(f.Severity))+" "+printable(f.title()+": "+f.Problem))
			if f.Remedy != "" {
				p("", printable(f.Remedy))
			}
		}
	}
	switch {
	case v.unjudged != nil:
		p("verdict", s.yellow("could not judge"))
		p("why", printable(v.Error))
		return
	case v.Verified:
		p("verdict", s.green("verified"))
	default:
		p("verdict", s.red("refused"))
		p("reason", fmt.Sprintf("%s (a receiver responds %d %s)", v.Reason, v.Status, http.StatusText(v.Status)))
		p("error", printable(v.Error))
	}
	if v.Provider != "" {
		p("provider", v.Provider)
	}
	for _, one := range v.Proofs {
		p("proof", printable(one.Scheme+", key "+one.KeyID))
	}
	if len(v.Tried) > 1 {
		var names []string
		for _, t := range v.Tried {
			names = append(names, t.Provider+": "+firstOf(string(t.Reason), "verified"))
		}
		p("tried", strings.Join(names, ", "))
	}
	if v.ReceivedAt != "" {
		p("time", v.ReceivedAt)
	}
	v.writeCauses(w, s)
}

func (v *verdict) writeCauses(w io.Writer, s style) {
	n := 0
	for _, f := range v.Findings {
		if f.audit {
			continue
		}
		n += writeTitle(w, s, f, n+1)
		fmt.Fprintf(w, "           %s\n", printable(f.Problem))
		if f.Remedy != "" {
			fmt.Fprintf(w, "  do       %s\n", printable(f.Remedy))
		}
		if f.Offset >= 0 && f.Offset <= int64(len(v.body)) {
			fmt.Fprintf(w, "  at byte  %d of the body\n", f.Offset)
			writeHex(w, v.body, int(f.Offset))
		}
	}
	if v.Verified {
		return
	}
	if len(v.RuledOut) > 0 {
		fmt.Fprintf(w, "\ntried without success\n           %s\n", printable(strings.Join(v.RuledOut, ", ")))
	}
	if !v.Complete {
		fmt.Fprintln(w, "\nThe search ended at its limit: there may be another cause.")
	}
	fmt.Fprintln(w, "\nSee docs/troubleshooting.md and docs/reasons.md.")
}

// writeTitle prints the head of a cause, which it numbers, or of a note, and returns how many causes that were.
func writeTitle(w io.Writer, s style, f finding, number int) int {
	switch {
	case f.Name == "no-cause-found":
		fmt.Fprintf(w, "\n%s\n", s.bold("no cause found"))
		return 0
	case f.isNote():
		fmt.Fprintf(w, "\nnote       %s\n", s.bold(printable(f.title())))
		return 0
	}
	how := "likely"
	if f.Proven {
		how = "proven"
	}
	if f.Times > 1 {
		how += fmt.Sprintf(", found %d times", f.Times)
	}
	fmt.Fprintf(w, "\ncause %d    %s, %s\n", number, s.bold(printable(f.title())), how)
	return 1
}

// judgedAt says at which time a delivery was judged.
func judgedAt(at time.Time, from string, signed time.Time) string {
	switch {
	case !at.IsZero():
		return "judged at " + at.UTC().Format(time.RFC3339) + ", " + from
	case !signed.IsZero():
		return "signed at " + signed.UTC().Format(time.RFC3339) + "; when it was received is not known, so times were not judged"
	}
	return "when it was received is not known, so times were not judged"
}
