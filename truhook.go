package truhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"net/http"
	"strings"
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

	// Header holds the header fields, without trailers. Names should be canonical (net/http.CanonicalHeaderKey), as
	// net/http and NewDelivery make them; HeaderValues finds a field under any spelling.
	Header http.Header

	// Body holds the exact bytes that arrived, after transfer coding and before any content coding. It is nil while a
	// Prechecker looks at the head.
	Body []byte

	// TLS is the connection's state, nil where TLS ended at a proxy.
	TLS *tls.ConnectionState

	// RemoteAddr is the address of the direct peer, with a port, as net/http gives it, or without one.
	RemoteAddr string

	// Received is the instant at which the head arrived. The middleware sets it; nothing on the wire can. Zero means
	// now, by the clock of whoever asks. Set it when a delivery waited in a queue: some tokens live for five seconds.
	Received time.Time

	canonical http.Header     // the Header whose names were found canonical, or nil
	twice     map[string]bool // the names in it that came under several spellings
	replaced  bool            // Body is not as long as was announced, or empty without a length, and was not cut off
	served    bool            // by a server of net/http, whose Header has the Content-Length of the body that came
	counted   bool            // and has a length: no Content-Length says that no body came
	bodyRead  time.Duration   // carried from ReadDelivery to Verify for the Observation
}

// NewDelivery returns a copy of d that shares no memory with it, with canonical names in Header. It is for hosts that
// are not net/http: a framework that reuses the memory of a request, a function's event, a queue. Two spellings of one
// name become two lines. The connection's state TLS is kept as it is, as nothing changes it.
func NewDelivery(d Delivery) *Delivery {
	d.Method, d.RequestURI, d.Host = strings.Clone(d.Method), strings.Clone(d.RequestURI), strings.Clone(d.Host)
	d.RemoteAddr = strings.Clone(d.RemoteAddr)
	d.Body = bytes.Clone(d.Body)
	h, twice := canonicalHeader(d.Header)
	if !d.hasCanonicalNames() { // a copy of a Delivery of ours knows them already
		d.twice = twice
	}
	d.Header = make(http.Header, len(h))
	for name, lines := range h {
		own := make([]string, len(lines))
		for i, line := range lines {
			own[i] = strings.Clone(line)
		}
		d.Header[strings.Clone(name)] = own
	}
	d.canonical = d.Header
	return &d
}

// A Verifier decides whether a delivery is genuine.
//
// Verify returns a non-nil *Verified and a nil error if it vouches for d, and an error otherwise; the reason is found
// with [ReasonOf]. An error that carries no listed [Reason] counts as [Internal]. Verify must not change d or keep it,
// must be safe for concurrent use, and must end its waits when ctx does: what it computes from keys at hand runs to its
// end, so that the verdict depends on the delivery and not on whether its sender still listens. A Verifier that changes
// nothing about the body returns d.Body itself as Payload, not a copy; other text that it takes from d is copied.
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

	// Inner is content that was encrypted once more inside Payload, such as TransUnion's device response. Nil
	// elsewhere.
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

type (
	contextKey  struct{}
	deliveryKey struct{}
)

// NewContext returns a copy of ctx that carries v, as the middleware gives it to a handler. It serves tests of
// handlers: whatever calls it in a service claims that v was verified.
func NewContext(ctx context.Context, v *Verified) context.Context {
	return (*verifiedContext)(&exchange{parent: ctx, verified: v})
}

// FromContext returns what was verified about the request that ctx belongs to. It reports false, and nil, where no
// middleware verified anything: a handler that gets false is wired up in the wrong order and must not go on.
func FromContext(ctx context.Context) (*Verified, bool) {
	v, _ := ctx.Value(contextKey{}).(*Verified)
	return v, v != nil
}

// DeliveryFromContext returns the delivery that was verified about the request that ctx belongs to, as it came, and
// whether there is one. What its headers say is the sender's claim unless a proof covers it. The delivery is valid
// until the request ends and is read-only. [NewContext] makes no delivery.
func DeliveryFromContext(ctx context.Context) (*Delivery, bool) {
	d, _ := ctx.Value(deliveryKey{}).(*Delivery)
	return d, d != nil
}

type receivedKey struct{}

// WithReceived returns a copy of ctx by which [Middleware.Wrap], [Middleware.ReadDelivery] and package idempotency take
// at as the instant at which the request arrived, in place of the clocks of their Configs. It is for recorded
// deliveries and for requests that waited in a queue, whose tokens and events are judged as of then. Nothing on the
// wire can set it. A zero at changes nothing.
func WithReceived(ctx context.Context, at time.Time) context.Context {
	if at.IsZero() {
		return ctx
	}
	return context.WithValue(ctx, receivedKey{}, at)
}

// ReceivedFromContext returns when the delivery that ctx belongs to arrived: as [WithReceived] says, else as the
// Received of [DeliveryFromContext] says. It reports false where neither does.
func ReceivedFromContext(ctx context.Context) (time.Time, bool) {
	if at, ok := ctx.Value(receivedKey{}).(time.Time); ok {
		return at, true
	}
	if d, ok := DeliveryFromContext(ctx); ok && !d.Received.IsZero() {
		return d.Received, true
	}
	return time.Time{}, false
}
