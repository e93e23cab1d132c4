package mtls

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"net/netip"
	"time"

	"github.com/truhook/truhook"
)

var _ truhook.Auditor = (*Verifier)(nil)

// soonOver is how long before its end a certificate is worth a warning: authorities and their customers need weeks.
const soonOver = 30 * 24 * time.Hour

// Audit implements [truhook.Auditor]. It looks at what the verifier believes. It cannot look at the certificates of a
// pool, which crypto/x509 does not list; [AuditCertificates] looks at them before they go into one.
func (v *Verifier) Audit(context.Context) []truhook.Finding {
	if v == nil || v.source.read == nil || v.peer.match == nil {
		return []truhook.Finding{{
			Severity: truhook.SeverityError, Name: "no-verifier",
			Problem: "The verifier was not made by a constructor, and refuses everything.",
			Remedy:  "Give the result of New, and look at its error.",
		}}
	}
	var findings []truhook.Finding
	if v.source.insecure {
		findings = append(findings, truhook.Finding{
			Severity: truhook.SeverityWarning, Name: "insecure-subject-text", Subject: scheme,
			Problem: "Nothing but the subject's text is looked at, and the proxy's word is all that stands for it.",
			Remedy:  "Have the proxy pass on the certificate itself, if it can.",
		})
	}
	for _, p := range v.source.trusted {
		if tooWide(p) {
			findings = append(findings, truhook.Finding{
				Severity: truhook.SeverityError, Name: "everybody-is-a-trusted-proxy", Subject: p.String(),
				Problem: "A large part of the internet is believed to be the proxy: strangers can write the client's certificate.",
				Remedy:  "Give the addresses of the proxies that connect to this service.",
			})
		}
	}
	if len(v.peer.pins) == 1 {
		findings = append(findings, truhook.Finding{
			Severity: truhook.SeverityNote, Name: "single-pin", Subject: scheme,
			Problem: "One key is pinned, so every delivery is refused from the day the provider changes it.",
			Remedy:  "Pin the provider's next key too, as soon as it is known.",
		})
	}
	return findings
}

// tooWide is the rule of package truhook for trusted proxies: p is wider than any network that one operator runs
// privately, 10.0.0.0/8 (RFC 1918) and fc00::/7 (RFC 4193). An IPv4-mapped prefix is the IPv4 prefix that it is.
func tooWide(p netip.Prefix) bool {
	bits := p.Bits()
	switch {
	case p.Addr().Is4In6() && bits >= 96:
		return bits-96 < 8
	case p.Addr().Is4():
		return bits < 8
	}
	return bits < 7
}

// AuditCertificates returns what is worth knowing about certificates at an instant: roots, intermediates, and those of
// your own that a provider is to trust. It finds those that are over, end within 30 days or are not valid yet, and RSA
// keys under 2048 bits, which are refused in FIPS 140-3 mode too. A nil certificate is a finding.
func AuditCertificates(now time.Time, certificates ...*x509.Certificate) []truhook.Finding {
	var findings []truhook.Finding
	for _, c := range certificates {
		if c == nil {
			findings = append(findings, truhook.Finding{
				Severity: truhook.SeverityError, Name: "no-certificate",
				Problem: "One of the certificates is nil.", Remedy: "Look at the error of whatever parsed it.",
			})
			continue
		}
		f := truhook.Finding{Severity: truhook.SeverityError, Subject: fmt.Sprintf("%.300q", c.Subject.String())}
		switch {
		case now.After(c.NotAfter):
			f.Name, f.Problem = "certificate-expired", "It ended at "+c.NotAfter.UTC().Format(time.RFC3339)+"."
			f.Remedy = "Replace it: no chain that it is in is accepted."
		case now.Before(c.NotBefore):
			f.Name, f.Problem = "certificate-not-yet-valid", "It begins at "+c.NotBefore.UTC().Format(time.RFC3339)+"."
			f.Remedy = "Wait, or correct the clock."
		case now.Add(soonOver).After(c.NotAfter):
			f.Severity, f.Name = truhook.SeverityWarning, "certificate-expires-soon"
			f.Problem = "It ends at " + c.NotAfter.UTC().Format(time.RFC3339) + "."
			f.Remedy = "Add its successor now."
		}
		if f.Name != "" {
			findings = append(findings, f)
		}
		if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < 2048 {
			findings = append(findings, truhook.Finding{
				Severity: truhook.SeverityError, Name: "short-rsa-key", Subject: f.Subject,
				Problem: fmt.Sprintf("Its RSA key has %d bits.", key.N.BitLen()),
				Remedy:  "Replace it by one of 2048 bits at the least.",
			})
		}
	}
	return findings
}
