package truhook

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
)

// Audit returns what v and every verifier in it have found about themselves: it asks each [Auditor], and goes on
// through Unwrap() []Verifier. Call it once at start, log what it finds, and decide there whether an error should stop
// the program. A nil v is a finding of its own. Nothing found is no proof that a configuration works.
//
// The address lists of [Require] are judged too. A verifier inside that has the method
// AuditSources(allowed []netip.Prefix) []Finding is given each list, and says what is wrong with it for its provider. A
// panic in any of this does not end the program.
func Audit(ctx context.Context, v Verifier) []Finding {
	return audit(ctx, v, nil)
}

// audit judges v by the address lists that stand around it, and what is in v.
func audit(ctx context.Context, v Verifier, lists [][]netip.Prefix) []Finding {
	if v == nil {
		return []Finding{{Severity: SeverityError, Name: "no-verifier", Problem: "There is no verifier.",
			Remedy: "Give the result of a constructor whose error was looked at.", Offset: -1}}
	}
	var findings []Finding
	if q, ok := v.(require); ok {
		for _, c := range q.heads {
			findings = append(findings, auditAddresses(c)...)
			if c.unfilled {
				findings = append(findings, Finding{Severity: SeverityError, Name: "placeholder-secret", Subject: c.name,
					Problem: "The value that is compared with looks like a placeholder that nothing has replaced.",
					Remedy:  "See that the template is filled in.", Offset: -1})
			}
			if c.allowed != nil {
				lists = append(slices.Clip(lists), c.allowed)
			}
		}
	}
	if a, ok := v.(sourceAuditor); ok {
		for _, list := range lists {
			findings = append(findings, auditOne(v, func() []Finding { return a.AuditSources(slices.Clone(list)) })...)
		}
	}
	if a, ok := v.(Auditor); ok {
		findings = append(findings, auditOne(v, func() []Finding { return a.Audit(ctx) })...)
	}
	if outer, ok := v.(interface{ Unwrap() []Verifier }); ok {
		for _, inner := range outer.Unwrap() {
			findings = append(findings, audit(ctx, inner, lists)...)
		}
	}
	return findings
}

func auditOne(v Verifier, ask func() []Finding) (findings []Finding) {
	defer func() {
		if recover() != nil { // without the value, which can hold anything
			findings = append(findings, Finding{
				Severity: SeverityError, Name: "audit-panicked", Subject: fmt.Sprintf("%T", v), Problem: "Its audit panicked.",
				Remedy: "Look at how it was made: a zero value is not ready for use.", Offset: -1,
			})
		}
	}()
	return ask()
}

// auditAddresses judges an address list by what is true for every provider.
func auditAddresses(c Check) []Finding {
	var findings []Finding
	if c.allowed != nil && c.trusted == nil {
		findings = append(findings, Finding{Severity: SeverityNote, Name: "addresses-without-proxies", Subject: c.name,
			Problem: "The address list is held against the direct peer, as no trusted proxies are given.",
			Remedy:  "Keep it if senders connect to this program itself; behind a proxy use ClientAddrIn.",
			Offset:  -1})
	}
	for _, p := range c.trusted {
		if tooWide(p) {
			findings = append(findings, Finding{
				Severity: SeverityError, Name: "everybody-is-a-trusted-proxy", Subject: p.String(),
				Problem: "The trusted proxies are a large part of the internet: strangers can name any client address.",
				Remedy:  "List the addresses from which your own proxies connect to this program.", Offset: -1,
			})
		}
	}
	return findings
}

// tooWide reports whether p is wider than any network that one operator runs privately: 10.0.0.0/8 (RFC 1918) and
// fc00::/7 (RFC 4193) are the widest.
func tooWide(p netip.Prefix) bool {
	return p.Addr().Is4() && p.Bits() < 8 || p.Addr().Is6() && p.Bits() < 7
}
