package truhook

import (
	"context"
	"crypto/tls"
	"net/http"
	"time"
)

// A Delivery is one inbound request that nobody has vouched for yet.
//
// Header and Body are shared with the request and with every verifier that looks at the delivery: they are read-only
// by contract. The zero Delivery is valid and is refused by every verifier of this module. A Delivery may be read by
// several goroutines at once; it must not be changed after it was handed to a [Verifier].
type Delivery struct {
	// Method and RequestURI are those of the request line (RFC 9112, section 3), before any router rewrote them:
	// http.StripPrefix does not change them.
	Method, RequestURI string

	// Host is the Host header, or the :authority of HTTP/2. net/http keeps it out of Header, and so does this struct.
	Host string

	// Header holds the header fields under their canonical names (net/http.CanonicalHeaderKey). Trailers are not in it.
	Header http.Header

	// Body holds the exact bytes that arrived, after transfer coding and before any content coding. It is nil while a
	// Prechecker looks at the head.
	Body []byte

	// TLS is the connection's state, nil where TLS ended at a proxy.
	TLS *tls.ConnectionState

	// RemoteAddr is the address of the direct peer, as net/http gives it.
	RemoteAddr string

	// Received is the instant at which the head arrived. The middleware sets it; nothing on the wire can. Zero means
	// now, by the clock of whoever asks. Set it when a delivery waited in a queue: some tokens live for five seconds.
	Received time.Time

	bodyRead time.Duration // carried from ReadDelivery to Verify for the Observation
}

// A Verifier decides whether a delivery is genuine.
//
// Verify returns a non-nil *Verified and a nil error if it vouches for d, and an error otherwise; the reason is found
// with [ReasonOf]. An error that carries no listed [Reason] counts as [Internal]. Verify must not change d or keep it,
// must be safe for concurrent use, and must end when ctx does. A Verifier that changes nothing about the body returns
// d.Body itself as Payload, not a copy.
type Verifier interface {
	Verify(ctx context.Context, d *Delivery) (*Verified, error)
}

// A VerifierFunc is a [Verifier] made of a function. A nil VerifierFunc refuses everything with [NoKey].
type VerifierFunc func(ctx context.Context, d *Delivery) (*Verified, error)

// Verify calls f.
func (f VerifierFunc) Verify(ctx context.Context, d *Delivery) (*Verified, error) {
	if f == nil {
		return nil, &Error{Reason: NoKey}
	}
	return f(ctx, d)
}

// A Prechecker is a [Verifier] that can refuse a delivery by its head alone.
//
// The middleware calls Precheck before it reads the body, so d.Body is nil. An error refuses the delivery; nil decides
// nothing, as Verify still follows and repeats the check. Precheck must not wait: no network, no lock held for long.
type Prechecker interface {
	Precheck(ctx context.Context, d *Delivery) error
}

// Verified is what a [Verifier] vouches for. The zero value vouches for nothing. Its slices are read-only by contract.
type Verified struct {
	// Payload is what was proven: the Body of the delivery itself, or its decrypted content.
	Payload []byte

	// Inner is content that was encrypted once more inside Payload, such as TransUnion's device response. Nil elsewhere.
	Inner []byte

	// Proofs has one entry for each verifier that accepted, in the order of the arguments of AllOf.
	Proofs []Proof
}

// A Proof says who accepted a delivery, and by which key.
type Proof struct {
	// Scheme names what was checked, for example "truv".
	Scheme string

	// KeyID is the label that you gave to the key which fitted. It is never key material. Empty where there is no key.
	KeyID string

	// Detail is what the scheme has to say beyond that, for example the claims of a token; each package documents the
	// one type that it uses. Nil where there is nothing to say.
	Detail any
}

// Detail returns the first Detail of type T among the proofs of v, and whether there is one. A nil v has none.
func Detail[T any](v *Verified) (T, bool) {
	if v != nil {
		for i := range v.Proofs {
			if d, ok := v.Proofs[i].Detail.(T); ok {
				return d, true
			}
		}
	}
	var zero T
	return zero, false
}

type contextKey struct{}

// NewContext returns a copy of ctx that carries v, as the middleware gives it to a handler. It serves tests of
// handlers: whatever calls it in a service claims that v was verified.
func NewContext(ctx context.Context, v *Verified) context.Context {
	return context.WithValue(ctx, contextKey{}, v)
}

// FromContext returns what was verified about the request that ctx belongs to. It reports false, and nil, where no
// middleware verified anything: a handler that gets false is wired up in the wrong order and must not go on.
func FromContext(ctx context.Context) (*Verified, bool) {
	v, _ := ctx.Value(contextKey{}).(*Verified)
	return v, v != nil
}
