package mtls

import (
	"context"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/internal/clock"
)

// scheme is the name of this package in errors and proofs.
const scheme = "mtls"

// defaultMaxChain is a leaf, one intermediate and the root: what TransUnion's guide calls a verification depth of 2,
// in Apache's way of counting ("Webhooks", section "Mutual TLS").
const defaultMaxChain = 3

// Config has what is optional about a [Verifier]. The zero value is the strict default.
type Config struct {
	_ [0]func()

	// Intermediates complete the chain where the sender or the proxy leaves them out. Some must: a load balancer that
	// forwards the leaf only, and Apache and HAProxy on a resumed session.
	Intermediates []*x509.Certificate

	// MaxChain bounds the certificates from the leaf to the root, both counted. Zero or less is 3. Of the certificates
	// that were sent, as many are looked at, one for each subject and key, and at most two of one subject; a sender with
	// more in its chain is ChainTooLong. Where one subject and key came twice and the first leads to no root, the other
	// is looked at.
	MaxChain int

	// AllowServerUsage also accepts a certificate whose extended key usage is server authentication only. Public
	// authorities are ending client authentication in the certificates of web servers (DigiCert: for good on
	// 2027-03-01), so a provider's renewed certificate may come without it. nginx and Apache refuse such a certificate
	// themselves, whatever is set here.
	AllowServerUsage bool

	// Now is the clock for deliveries without a Received instant. Nil is time.Now. A panic of it is logged, and the real
	// time counts.
	Now func() time.Time
}

// A Verifier is a [truhook.Verifier] and a [truhook.Prechecker] that accepts a delivery by its client certificate. It
// is made by [New] and safe for concurrent use. A nil or zero Verifier refuses everything with NoKey.
type Verifier struct {
	source        Source
	peer          Peer
	intermediates *x509.CertPool
	configured    []*x509.Certificate // those of the pool
	maxChain      int
	usages        []x509.ExtKeyUsage
	now           func() time.Time
	build         func(leaf *x509.Certificate, above []*x509.Certificate, opts x509.VerifyOptions) ([][]*x509.Certificate, error)
	memory        memory
}

// Identity is the Detail of the proof: who presented which certificate.
type Identity struct {
	// Name is the subject, DNS name or pin that fitted, as it was configured; a subject in the form of RFC 4514.
	Name string

	// Certificate is the client's certificate. It is nil only with [InsecureSubjectText].
	Certificate *x509.Certificate

	// Chain leads from Certificate to a root, both included. It is Certificate alone under [Pinned].
	Chain []*x509.Certificate
}

// New returns a Verifier that reads the certificate from source and accepts it if it is peer's. It returns an error
// for a source or a peer that is zero or was made of bad data: no trusted proxy, no roots, a name that cannot be read.
func New(source Source, peer Peer, cfg Config) (*Verifier, error) {
	switch {
	case source.err != nil:
		return nil, source.err
	case peer.err != nil:
		return nil, peer.err
	case source.read == nil:
		return nil, errors.New("mtls: the source is empty")
	case peer.match == nil:
		return nil, errors.New("mtls: the peer is empty")
	case source.insecure && !peer.rootless:
		return nil, errors.New("mtls: InsecureSubjectText needs Subjects without roots, as there is no certificate to verify")
	case peer.rootless && !source.insecure:
		return nil, errors.New("mtls: Subjects needs roots")
	}
	v := &Verifier{
		source: source, peer: peer, intermediates: x509.NewCertPool(), maxChain: cfg.MaxChain,
		usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, now: clock.Guard("mtls", cfg.Now, clock.Report(nil, nil)),
		build: build,
	}
	for _, c := range cfg.Intermediates {
		if c == nil {
			return nil, errors.New("mtls: an intermediate is nil")
		}
		v.intermediates.AddCert(c)
		v.configured = append(v.configured, c)
	}
	if v.maxChain <= 0 {
		v.maxChain = defaultMaxChain
	}
	if cfg.AllowServerUsage {
		v.usages = append(v.usages, x509.ExtKeyUsageServerAuth)
	}
	return v, nil
}

// Verify accepts d if its certificate is the peer's. The payload is d.Body itself; the proof has the scheme "mtls",
// the name that fitted as its KeyID, and an [Identity] as its Detail.
//
// The reasons of a refusal are NoClientCertificate, MalformedCertificate, CertificateExpired, CertificateNotYetValid,
// UntrustedCertificate, WrongCertificateUsage, ChainTooLong and WrongSubjectName; from a header also UntrustedProxy,
// DuplicateHeader and HeaderTooLong.
func (v *Verifier) Verify(_ context.Context, d *truhook.Delivery) (*truhook.Verified, error) {
	id, err := v.identify(d)
	if err != nil {
		return nil, err
	}
	return &truhook.Verified{
		Payload: d.Body,
		Proofs:  []truhook.Proof{{Scheme: scheme, KeyID: id.Name, Detail: id}},
	}, nil
}

// Precheck does the whole check of Verify, as it needs no body.
func (v *Verifier) Precheck(_ context.Context, d *truhook.Delivery) error {
	_, err := v.identify(d)
	return err
}

func (v *Verifier) identify(d *truhook.Delivery) (Identity, error) {
	if v == nil || v.source.read == nil || v.peer.match == nil {
		return Identity{}, refuse(truhook.NoKey, "the verifier is empty")
	}
	if d == nil {
		return Identity{}, refuse(truhook.NoClientCertificate, "there is no delivery")
	}
	sent, err := v.source.read(d)
	if err != nil {
		return Identity{}, err
	}
	now := d.Received
	if now.IsZero() {
		now = v.now()
	}
	return v.judge(sent, now)
}

// judge decides about what a source has read. What the proxy says comes last, as our own verdict has the better reason.
func (v *Verifier) judge(sent presented, now time.Time) (id Identity, err error) {
	if sent.decode == nil {
		id.Name, err = v.peer.match(nil, sent.subject)
	} else {
		found := v.memory.find(sent.key, now, func() *verdict { return v.judgeCertificates(sent, now) })
		id.Name, id.Chain, err = found.name, slices.Clone(found.chain), found.err // the caller owns what it is given
	}
	if err == nil {
		err = sent.unverified
	}
	if err != nil {
		return Identity{}, err
	}
	if len(id.Chain) > 0 {
		id.Certificate = id.Chain[0]
	}
	return id, nil
}

func (v *Verifier) judgeCertificates(sent presented, now time.Time) *verdict {
	certificates, err := sent.decode()
	if err != nil {
		return newVerdict(now, nil, err)
	}
	certificates, all, err := readable(certificates)
	if err != nil {
		return newVerdict(now, nil, err)
	}
	chain, err := v.chain(certificates, now)
	if !all && truhook.ReasonOf(err) == truhook.UntrustedCertificate {
		err = malformed("a certificate above the client's cannot be read, and no chain leads to a trusted root without it")
	}
	found := newVerdict(now, chain, err, certificates, v.configured)
	if err == nil {
		found.name, found.err = v.peer.match(chain[0], Subject{})
	}
	return found
}

func refuse(r truhook.Reason, text string) error {
	return &truhook.Error{Scheme: scheme, Reason: r, Err: errors.New(text)}
}
