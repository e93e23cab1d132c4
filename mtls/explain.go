package mtls

import (
	"context"
	"crypto/x509"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/headername"
)

var _ truhook.Explainer = (*Verifier)(nil)

// The causes that Explain tells. docs/reasons.md has their cures.
const (
	causeForm             = "signature-form"
	causeOtherHeader      = "header-similar-name"
	causeOtherEnvironment = "key-of-other-environment"
	causeIntermediate     = "intermediate-missing"
	causeNotVerified      = "proxy-did-not-verify"
)

// maxSearched bounds the headers in which a certificate is looked for.
const maxSearched = 64

// Explain implements [truhook.Explainer]. It needs no body and hashes none. It tells whether the certificate came in
// another header or another form, whether the peer of one of q.Others would accept it, whether an intermediate is
// missing, and whether it is the proxy alone that has not verified it. A cause is Proven only where a handshake of ours
// has shown that the sender holds the certificate's key. What a certificate says about itself is told only once a
// trusted authority vouches for it.
func (v *Verifier) Explain(ctx context.Context, q truhook.ExplainQuery) truhook.Explanation {
	_, err := v.identify(q.Delivery)
	if err == nil {
		return truhook.Explanation{Complete: true, Tried: 1}
	}
	x := &explanation{verifier: v, q: q}
	x.out = truhook.Explanation{Reason: truhook.ReasonOf(err), Tried: 1}
	if v != nil && v.source.read != nil && v.peer.match != nil && q.Delivery != nil && !q.JudgeOnly {
		x.search(ctx, err)
	}
	x.out.Complete = ctx.Err() == nil
	return x.out
}

type explanation struct {
	verifier *Verifier
	q        truhook.ExplainQuery
	out      truhook.Explanation
}

func (x *explanation) search(ctx context.Context, err error) {
	switch x.out.Reason {
	case truhook.MalformedCertificate:
		var refusal *truhook.Error
		if errors.As(err, &refusal) && refusal.Err != nil { // a text of ours, without a word of the certificate
			x.found(causeForm, strings.Join(x.verifier.source.names(), ", "), "The certificate cannot be read: "+refusal.Err.Error()+".",
				"Change what the proxy writes, or the Encoding of the HeaderForm.")
		}
	case truhook.NoClientCertificate:
		x.otherHeaders(ctx)
	case truhook.UntrustedCertificate, truhook.WrongSubjectName:
		sent, err := x.verifier.source.read(x.q.Delivery)
		if err != nil {
			return
		}
		x.otherPeers(ctx, sent)
		x.thisChain(sent)
	}
}

func (x *explanation) found(name, subject, problem, remedy string) {
	x.out.Findings = append(x.out.Findings, truhook.Finding{
		Severity: truhook.SeverityError, Name: name, Subject: subject, Problem: problem, Remedy: remedy, Offset: -1,
	})
}

func (x *explanation) now() time.Time {
	if now := x.q.Delivery.Received; !now.IsZero() {
		return now
	}
	return x.verifier.now()
}

// otherHeaders looks for a certificate that would have been accepted under the names that are not read.
func (x *explanation) otherHeaders(ctx context.Context) {
	header := x.q.Delivery.Header
	searched := 0
	for _, name := range slices.Sorted(maps.Keys(header)) {
		if ctx.Err() != nil || searched == maxSearched {
			return
		}
		if len(header[name]) != 1 || len(header[name][0]) > maxHeader || slices.Contains(x.verifier.source.names(), http.CanonicalHeaderKey(name)) {
			continue
		}
		searched++
		certificates, ok := anyForm(header[name][0])
		if !ok {
			continue
		}
		x.out.Tried++
		if _, err := x.verifier.chain(certificates, x.now()); err != nil {
			continue
		}
		read := "The source reads the connection."
		if names := x.verifier.source.names(); len(names) > 0 {
			read = "The source reads " + names[0] + "."
		}
		x.found(causeOtherHeader, headername.Printable(name), "A certificate that leads to your roots came in this header. "+read,
			"Have the proxy write the header that the source reads, or take the source that reads this one.")
		return
	}
	if x.out.Tried > 1 {
		x.out.RuledOut = append(x.out.RuledOut, causeOtherHeader)
	}
}

// anyForm reads a certificate in whichever form it is, without looking closely at what cannot be one.
func anyForm(value string) ([]*x509.Certificate, bool) {
	if !strings.Contains(value, "MII") && !strings.Contains(value, "BEGIN") && !isHex(value) {
		return nil, false
	}
	for _, e := range []Encoding{XFCC, RFC9440, DER} {
		certificates, err := e.decode(value, true)
		if err == nil && len(certificates) > 0 {
			certificates, _, err = readable(certificates)
			return certificates, err == nil
		}
	}
	return nil, false
}

// otherPeers asks the peers of other verifiers about what this source has read.
func (x *explanation) otherPeers(ctx context.Context, sent presented) {
	others := 0
	for _, other := range verifiersOf(x.q.Others, 0) {
		if ctx.Err() != nil {
			return
		}
		if other == x.verifier || other.peer.rootless != x.verifier.peer.rootless {
			continue
		}
		others++
		x.out.Tried++
		// The clock and the proxy's word are those of this delivery and this verifier.
		id, err := other.judge(sent, x.now())
		if err != nil {
			continue
		}
		x.found(causeOtherEnvironment, id.Name, "The certificate is the one that another of your verifiers expects.",
			"Send this environment's deliveries here, or expect the other peer too.")
		x.out.Findings[len(x.out.Findings)-1].Proven = x.verifier.source.direct
		return
	}
	if others > 0 {
		x.out.RuledOut = append(x.out.RuledOut, causeOtherEnvironment)
	}
}

// verifiersOf returns the verifiers of this package among all, also inside of combinations.
func verifiersOf(all []truhook.Verifier, depth int) (found []*Verifier) {
	const maxDepth = 8
	for _, v := range all {
		switch v := v.(type) {
		case *Verifier:
			if v != nil && v.source.read != nil && v.peer.match != nil {
				found = append(found, v)
			}
		case interface{ Unwrap() []truhook.Verifier }:
			if depth < maxDepth {
				found = append(found, verifiersOf(v.Unwrap(), depth+1)...)
			}
		}
	}
	return found
}

// thisChain looks at why no chain leads to a root, and whether only the proxy says no.
func (x *explanation) thisChain(sent presented) {
	if x.out.Reason != truhook.UntrustedCertificate || sent.decode == nil {
		return
	}
	certificates, err := sent.decode()
	if err == nil {
		certificates, _, err = readable(certificates)
	}
	if err != nil {
		return
	}
	x.out.Tried++
	if _, err := x.verifier.chain(certificates, x.now()); err == nil {
		if sent.unverified != nil {
			x.found(causeNotVerified, strings.Join(x.verifier.source.verifiedNames(), ", "),
				"The certificate is right, and the proxy says that it has not verified it.",
				"Give the proxy the authorities and the depth that the chain needs, and have it set the header on every request.")
		}
		return
	}
	if sent.unverified != nil {
		x.out.RuledOut = append(x.out.RuledOut, causeNotVerified)
	}
	if x.verifier.peer.roots == nil || x.knowsIssuer(certificates) {
		return
	}
	x.found(causeIntermediate, "", "No certificate that was sent, configured or trusted bears the name of the certificate's issuer.",
		"If the sender is genuine, its intermediate is missing: have the proxy forward it, or give it as Config.Intermediates.")
}

// knowsIssuer reports whether somebody bears the name of the leaf's issuer. crypto/x509 has no way to ask a pool for
// it, but tells whether it tried a signature.
func (x *explanation) knowsIssuer(certificates []*x509.Certificate) bool {
	leaf := certificates[0]
	for _, c := range append(certificates[1:], x.verifier.configured...) {
		if string(c.RawSubject) == string(leaf.RawIssuer) {
			return true
		}
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: x.verifier.peer.roots, Intermediates: x509.NewCertPool(), CurrentTime: x.now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	var unknown x509.UnknownAuthorityError
	return !errors.As(err, &unknown) || strings.Contains(unknown.Error(), "possibly because")
}
