package truhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"time"
)

// Config adjusts a [Middleware]. Its zero value is the strict default.
type Config struct {
	_ [0]func()

	// MaxBodyBytes is the largest body that is read, in bytes; a larger one is BodyTooLarge. Zero and below mean 1 MiB,
	// which is generous for every payload that the providers document; there is no way to say "no limit".
	MaxBodyBytes int64

	// MaxBufferedBytes is how many bytes of bodies all requests together may hold, from the first byte read until their
	// handler has ended; a request that would go over it is Overloaded. Zero and below mean 64 MiB, or twice MaxBodyBytes
	// where that is more: while it is read, a body can hold twice its size, so less would refuse every large one.
	MaxBufferedBytes int64

	// BodyTimeout is how long one body may take to arrive; after it the delivery is BodyTimedOut. Zero and below mean 5 s.
	// A shorter ReadTimeout of the http.Server holds. It is set as a read deadline on the connection, which needs a
	// ResponseWriter that http.NewResponseController reaches; behind a wrapper without Unwrap, only a body that arrives
	// slowly is cut off, not one that stalls.
	BodyTimeout time.Duration

	// OnReject answers a refused request. If it writes nothing, the status of the Reason is answered, as it is where
	// OnReject is nil, and where it writes a body without a status. Whatever it writes goes to somebody who has proven
	// nothing: err is for the operator.
	OnReject func(w http.ResponseWriter, r *http.Request, err error)

	// Observe is called once a delivery, in the request's goroutine, after the verdict and before the handler or
	// OnReject. Its panic is recovered and dropped. It holds up the answer for as long as it runs.
	Observe func(ctx context.Context, o Observation)

	// Logger gets a line when a delivery is refused: the first of each Reason and scheme at once, then at most one a minute
	// with the count. A 4xx is at Info and a 5xx at Warn. The first verified delivery after the start is at Info; further
	// ones write nothing. No line holds anything that was sent. Nil is slog.Default() as it is when the line is written;
	// slog.New(slog.DiscardHandler) turns it off.
	Logger *slog.Logger

	// UnixPeer is the address as which a peer on a Unix socket counts, such as 127.0.0.1 for a proxy on this machine that
	// connects over a socket file. Checks and sources of addresses read it as the address of the direct peer. The zero Addr
	// gives such a peer no address, so that every address list refuses it.
	UnixPeer netip.Addr

	// Now replaces time.Now.
	Now func() time.Time
}

const (
	defaultMaxBodyBytes = 1 << 20
	defaultMaxBuffered  = 64 << 20
	defaultBodyTimeout  = 5 * time.Second
)

// Observation is what there is to know about one delivery after the verdict.
type Observation struct {
	Delivery       *Delivery     // untrusted if Verified is nil; its Body is nil if it was not read
	Verified       *Verified     // nil: refused
	Err            error         // nil: accepted
	ReadDuration   time.Duration // how long the body took to arrive; zero if it was not read
	VerifyDuration time.Duration // zero if the delivery was refused before the verifier saw it
}

// A Middleware enforces what a [Verifier] decides. It is safe for concurrent use and must not be copied. A nil or zero
// Middleware refuses everything with [NoKey].
type Middleware struct {
	verifier Verifier
	config   Config
	budget   budget
	journal  journal
}

// NewMiddleware returns a middleware that lets through what v accepts. It panics if v is nil.
func NewMiddleware(v Verifier, cfg Config) *Middleware {
	if v == nil {
		panic("truhook: NewMiddleware: the verifier is nil")
	}
	if cfg.MaxBodyBytes <= 0 {
		cfg.MaxBodyBytes = defaultMaxBodyBytes
	}
	cfg.MaxBodyBytes = min(cfg.MaxBodyBytes, math.MaxInt64-1) // one byte more is read to see that a body is too large
	if cfg.MaxBufferedBytes <= 0 {
		cfg.MaxBufferedBytes = max(defaultMaxBuffered, 2*min(cfg.MaxBodyBytes+1, math.MaxInt64/2))
	}
	if cfg.BodyTimeout <= 0 {
		cfg.BodyTimeout = defaultBodyTimeout
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	m := &Middleware{verifier: v, config: cfg}
	m.budget.max = cfg.MaxBufferedBytes
	return m
}

// Wrap returns a handler that runs h for verified requests only, whatever their method. It panics if h is nil.
//
// For h, r.Body replays the exact bytes that were verified, r.ContentLength is their number, and [FromContext] gives
// what was proven: h should use Verified.Payload. Wrap writes nothing on success and hands the ResponseWriter on as it
// is. A refused request is answered with the status of its [Reason] and the standard text of that status, or by
// Config.OnReject.
func (m *Middleware) Wrap(h http.Handler) http.Handler {
	if h == nil {
		panic("truhook: Wrap: the handler is nil")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d, held, err := m.read(w, r)
		defer m.release(held)
		if err != nil {
			m.reject(w, r, err)
			return
		}
		v, err := m.Verify(r.Context(), d)
		if err != nil {
			m.reject(w, r, err)
			return
		}
		ctx := context.WithValue(NewContext(r.Context(), v), deliveryKey{}, d)
		h.ServeHTTP(w, replay(r.WithContext(ctx), d.Body))
	})
}

// ReadDelivery is the first half of [Middleware.Wrap], for routers whose handlers are not http.Handlers: it refuses by
// the head what can be refused by the head, then reads the body within the limits of the Config. Hand the delivery to
// [Middleware.Verify]; answer an error with the status of its [ReasonOf] and nothing else, and close the connection on
// a 503.
//
// r.Body is read to the end and not replayed. The bytes count against MaxBufferedBytes until the context of r ends, which a
// server does when the handler returns; with a context that never ends, only until ReadDelivery returns.
func (m *Middleware) ReadDelivery(w http.ResponseWriter, r *http.Request) (*Delivery, error) {
	d, held, err := m.read(w, r)
	if err != nil || r.Context().Done() == nil {
		m.release(held)
		return d, err
	}
	context.AfterFunc(r.Context(), func() { m.release(held) })
	return d, nil
}

// read returns the delivery and how many bytes of the budget it holds, also with an error.
func (m *Middleware) read(w http.ResponseWriter, r *http.Request) (*Delivery, int64, error) {
	var held int64
	d, err := m.readHead(r)
	if err == nil {
		held, err = m.readBody(w, r, d)
	} else if d != nil {
		m.limitReading(w, r) // the server is about to skip the body
	}
	if err != nil {
		m.observe(r.Context(), Observation{Delivery: d, Err: err})
		return nil, held, err
	}
	return d, held, nil
}

// Verify is the second half of [Middleware.Wrap], and all of it for deliveries that did not come over net/http, such as
// those of AWS Lambda, a queue or gRPC: it holds MaxBodyBytes, asks the verifier, turns its panic into [Internal] and
// calls Config.Observe. Set d.Received where the delivery waited.
func (m *Middleware) Verify(ctx context.Context, d *Delivery) (*Verified, error) {
	if m == nil || m.verifier == nil {
		return nil, &Error{Reason: NoKey, Err: errNoVerifier}
	}
	if d == nil {
		d = &Delivery{}
	}
	d = m.withUnixPeer(d)
	start := m.config.Now()
	v, err := m.decide(ctx, d)
	m.observe(ctx, Observation{Delivery: d, Verified: v, Err: err, ReadDuration: d.bodyRead, VerifyDuration: m.config.Now().Sub(start)})
	return v, err
}

// withUnixPeer returns d, or a copy of it where the peer is on a Unix socket and counts as an address.
func (m *Middleware) withUnixPeer(d *Delivery) *Delivery {
	if !m.config.UnixPeer.IsValid() || !isUnixAddr(d.RemoteAddr) {
		return d
	}
	known := *d
	known.RemoteAddr = m.config.UnixPeer.String()
	return &known
}

// peerOf returns the address of the direct peer of r. A Unix socket is told by the local address, as not every system
// gives the peer's a text.
func (m *Middleware) peerOf(r *http.Request) string {
	if m.config.UnixPeer.IsValid() {
		local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
		if _, unix := local.(*net.UnixAddr); unix || isUnixAddr(r.RemoteAddr) {
			return m.config.UnixPeer.String()
		}
	}
	return r.RemoteAddr
}

var errNoVerifier = errors.New("the middleware has no verifier")

func (m *Middleware) decide(ctx context.Context, d *Delivery) (v *Verified, err error) {
	if err := ctx.Err(); err != nil {
		return nil, &Error{Reason: Canceled, Err: err}
	}
	if int64(len(d.Body)) > m.config.MaxBodyBytes {
		return nil, &Error{Reason: BodyTooLarge}
	}
	defer recoverAs(&err, func() { v = nil })
	v, err = m.verifier.Verify(ctx, d)
	switch {
	case err != nil:
		return nil, err
	case v == nil:
		return nil, &Error{Reason: Internal, Err: errNoVerdict}
	}
	return v, nil
}

func (m *Middleware) precheck(ctx context.Context, d *Delivery) (err error) {
	defer recoverAs(&err, func() {})
	return precheck(ctx, m.verifier, d)
}

// recoverAs turns a panic into an Internal error that says where it happened. The text of a panic value can hold what
// the sender sent, so only its type is told; runtime errors describe themselves by numbers alone.
func recoverAs(err *error, undo func()) {
	value := recover()
	if value == nil {
		return
	}
	undo()
	what := fmt.Sprintf("%T", value)
	var re runtime.Error
	if e, ok := value.(error); ok && errors.As(e, &re) {
		what = re.Error()
	}
	*err = &Error{Reason: Internal, Err: fmt.Errorf("the verifier panicked at %s: %s", panicSite(), what)}
}

// panicSite returns the function and line that panicked: the frame above the runtime's own.
func panicSite() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		frame, more := frames.Next()
		if !strings.HasPrefix(frame.Function, "runtime.") {
			return fmt.Sprintf("%s:%d", frame.Function, frame.Line)
		}
		if !more {
			return "an unknown place"
		}
	}
}

func (m *Middleware) observe(ctx context.Context, o Observation) {
	if m == nil || m.config.Now == nil {
		return
	}
	defer m.logVerdict(ctx, o.Delivery, o.Verified, o.Err)
	if m.config.Observe == nil {
		return
	}
	defer func() { _ = recover() }() // an observer must not turn a verdict around
	if o.Err != nil && o.Delivery != nil {
		o.ReadDuration = o.Delivery.bodyRead
	}
	m.config.Observe(ctx, o)
}
