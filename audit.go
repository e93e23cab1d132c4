package truhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
)

// Severity says how much a [Finding] matters. The zero Severity is none.
type Severity string

const (
	SeverityNote    Severity = "note"    // good to know; nothing has to be done
	SeverityWarning Severity = "warning" // weaker than it should be, or about to fail
	SeverityError   Severity = "error"   // genuine deliveries are refused now, or will be
)

// A Finding is one thing about a configuration that somebody should look at. It holds no secret, neither whole nor in
// part, and can be logged and marshaled as it is. The zero Finding says nothing.
type Finding struct {
	Severity Severity `json:"severity"`
	Name     string   `json:"name"`    // what was found, lower-case-with-dashes, such as "short-secret"; does not change
	Subject  string   `json:"subject"` // what it was found at: the id of a key, a file, a certificate
	Problem  string   `json:"problem"` // what is wrong, as a sentence
	Remedy   string   `json:"remedy"`  // what to do about it, as a sentence
}

// String returns "severity: subject: problem remedy (name)" in one line.
func (f Finding) String() string {
	if f.Subject == "" {
		return fmt.Sprintf("%s: %s %s (%s)", f.Severity, f.Problem, f.Remedy, f.Name)
	}
	return fmt.Sprintf("%s: %s: %s %s (%s)", f.Severity, f.Subject, f.Problem, f.Remedy, f.Name)
}

// An Auditor looks at its own configuration. The verifiers and the key sources of this module are Auditors, and a
// [Verifier] or key source of yours may be one.
//
// Audit may read files and call the endpoints that it would call anyhow, within their bounds, so it may wait, and ends
// when ctx does. It changes nothing but its own cache, and must be safe for concurrent use.
type Auditor interface {
	Audit(ctx context.Context) []Finding
}

// Audit returns what v and every verifier in it have found about themselves: it asks each [Auditor], and goes on
// through Unwrap() []Verifier. Call it once at start, log what it finds, and decide there whether an error should stop
// the program. A nil v is a finding of its own. Nothing found is no proof that a configuration works.
//
// Each check of [Require] is called once with an empty delivery, and one that refuses that for its address
// (SourceNotAllowed, UntrustedProxy) with some more that Audit makes up: that is how it finds an address list that does
// not fit. A panic in any of this does not end the program.
func Audit(ctx context.Context, v Verifier) []Finding {
	if v == nil {
		return []Finding{{SeverityError, "no-verifier", "", "There is no verifier.", "Give the result of a constructor whose error was looked at."}}
	}
	findings := auditOne(ctx, v)
	if q, ok := v.(require); ok {
		for _, c := range q.checks {
			findings = append(findings, auditCheck(ctx, c)...)
		}
	}
	if outer, ok := v.(interface{ Unwrap() []Verifier }); ok {
		for _, inner := range outer.Unwrap() {
			findings = append(findings, Audit(ctx, inner)...)
		}
	}
	return findings
}

func auditOne(ctx context.Context, v Verifier) (findings []Finding) {
	a, ok := v.(Auditor)
	if !ok {
		return nil
	}
	defer func() {
		if recover() != nil { // without the value, which can hold anything
			findings = append(findings, Finding{SeverityError, "audit-panicked", fmt.Sprintf("%T", v),
				"Its audit panicked.", "Look at how it was made: a zero value is not ready for use."})
		}
	}()
	return a.Audit(ctx)
}

// truvAPI are the addresses of Truv's mTLS API (Truv, "mTLS", three for production and three for the sandbox). They are
// where calls to Truv go, never where its webhooks come from.
var truvAPI = [...]string{
	"35.167.32.174", "35.165.53.192", "54.71.147.242", "44.235.37.104", "35.83.220.165", "52.38.209.190",
}

// stranger is from TEST-NET-1 (RFC 5737): a check that lets it in is not an address list.
const stranger = "192.0.2.1"

// peers stand for a proxy in front: a check that reads forwarded addresses believes only the proxies that it trusts.
var peers = [...]string{"", "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "::1", "fd00::1"}

// auditCheck finds out by asking whether c is an address list, and whether it lets in who never calls.
func auditCheck(ctx context.Context, c Check) []Finding {
	var findings []Finding
	var refusal *Error
	if !errors.As(try(ctx, c, "", ""), &refusal) || refusal.Reason != SourceNotAllowed && refusal.Reason != UntrustedProxy {
		return nil // not an address list
	}
	if refusal.Reason == SourceNotAllowed && errors.Is(refusal, errDirectPeer) {
		findings = append(findings, Finding{SeverityNote, "addresses-without-proxies", "RemoteAddrIn",
			"The address list is held against the direct peer, as no trusted proxies are given.",
			"Keep it if senders connect to this program itself; behind a proxy or a load balancer use ClientAddrIn."})
	}
	for _, peer := range peers {
		if try(ctx, c, peer, stranger) == nil {
			continue
		}
		for _, addr := range truvAPI {
			if try(ctx, c, peer, addr) == nil {
				return append(findings, Finding{SeverityError, "truv-api-addresses", addr,
					"The address list holds an address of Truv's mTLS API, which no webhook comes from.",
					"List the sources that Truv publishes for webhooks: 34.212.57.93, 44.224.243.166 and 52.25.14.79."})
			}
		}
	}
	return findings
}

// try asks c about a delivery from client, by way of peer if that is not empty.
func try(ctx context.Context, c Check, peer, client string) (err error) {
	defer func() {
		if recover() != nil {
			err = Internal
		}
	}()
	d := &Delivery{Method: http.MethodPost, RequestURI: "/", Header: http.Header{}}
	if peer != "" {
		d.Header["X-Forwarded-For"] = []string{client}
		d.Header["Forwarded"] = []string{"for=" + client}
		client = peer
	}
	if addr, err := netip.ParseAddr(client); err == nil {
		d.RemoteAddr = netip.AddrPortFrom(addr, 443).String()
	}
	return c(ctx, d)
}
