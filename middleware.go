package truhook

import (
	"context"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"time"
)

// Config adjusts a [Middleware]. Its zero value is the strict default.
type Config struct {
	_ [0]func()

	// MaxBodyBytes is the largest body that is read, in bytes; a larger one is BodyTooLarge. Zero and below mean 1 MiB,
	// which is generous for every payload that the providers document; there is no way to say "no limit".
	MaxBodyBytes int64

	// MaxBufferedBytes is how many bytes of bodies all requests together may hold, from the beginning of the body until
	// their handler has ended; a request that would go over it is Overloaded. A quarter of it is kept for bodies of up
	// to 16 KiB. What is held follows what has arrived: at most 16 KiB for a length that is only announced, then at
	// most twice what is there. Zero and below mean 64 MiB, or twice MaxBodyBytes where that is more.
	MaxBufferedBytes int64

	// BodyTimeout is how long one body may take to arrive; after it the delivery is BodyTimedOut. Zero and below mean 5
	// s. A shorter ReadTimeout of the http.Server holds. A late body is cut off by a read deadline on the connection,
	// which needs a ResponseWriter that http.NewResponseController reaches; behind a wrapper without Unwrap, only a
	// body that arrives slowly is cut off, not one that stalls.
	BodyTimeout time.Duration

	// OnReject writes the response to a refused request. If it writes nothing, the response is the status of the
	// Reason, as it is where OnReject is nil, and where it writes a body without a status. Whatever it writes goes to
	// somebody who has proven nothing: err is for the operator. A panic of it is logged, and counts as writing nothing
	// more; that with http.ErrAbortHandler goes on to the server.
	OnReject func(w http.ResponseWriter, r *http.Request, err error)

	// Observe is called once a delivery, in the request's goroutine, after the verdict and before the handler or
	// OnReject. Its panic is recovered and dropped. It delays the response for as long as it runs.
	Observe func(ctx context.Context, o Observation)

	// Logger gets a line when a delivery is refused: the first of each Reason and scheme at once, then at most one a
	// minute with the count. A 4xx is at Info and a 5xx at Warn. The first verified delivery after the start is at
	// Info; further ones write nothing. A line names the check that refused. Where this side fails, it has the cause:
	// what a key source of yours says, where a verifier panicked, or the type of an error that has no Reason. No line
	// holds anything that was sent. Nil is slog.Default() as it is when the line is written;
	// slog.New(slog.DiscardHandler) turns it off.
	Logger *slog.Logger

	// Capture is called for each refused delivery, after Observe and before the response, in the request's goroutine;
	// its panic is recovered and dropped. What it is given is valid until it returns. It is for keeping refused
	// deliveries as they came, which can hold personal data: package recorded has one. While Capture is set, the body
	// of at most one delivery a second that its head refuses is read, within the limits of this Config and before the
	// same response.
	Capture func(ctx context.Context, o Observation)

	// ExplainRefusals writes to Logger why a delivery was refused with a 401 or 403, as [Explain] finds it. Of what was
	// sent a line may have the name of a header or a member, or a part of the path, all short and printable. It runs
	// after the response, in one goroutine, on a copy, hashes at most 8 MiB, begins nothing more after 10 ms, and rests
	// for 100 times as long as it took: neither the time of a response nor its status tells the sender anything. It
	// reads bodies as Capture does.
	ExplainRefusals bool

	// UnixPeer is the address as which a peer on a Unix socket counts, such as 127.0.0.1 for a proxy on this machine
	// that connects over a socket file. Checks and sources of addresses read it as the address of the direct peer. The
	// zero Addr gives such a peer no address, so that every address list refuses it.
	UnixPeer netip.Addr

	// Now replaces time.Now. A panic of it is logged, and the real time counts.
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
	verifier  Verifier
	head      Prechecker // the verifier, or nil
	config    Config
	wallClock bool // Config.Now is time.Now
	made      time.Time
	bodies    bodies
	journal   journal
	refused   refused
}

// NewMiddleware returns a middleware that lets through what v accepts. It panics if v is nil.
func NewMiddleware(v Verifier, cfg Config) *Middleware {
	if v == nil {
		panic("truhook: NewMiddleware: the verifier is nil")
	}
	if cfg.MaxBodyBytes <= 0 {
		cfg.MaxBodyBytes = defaultMaxBodyBytes
	}
	cfg.MaxBodyBytes = min(cfg.MaxBodyBytes, math.MaxInt64/4) // twice that and one byte more are computed with
	if cfg.MaxBufferedBytes <= 0 {
		cfg.MaxBufferedBytes = max(defaultMaxBuffered, 2*cfg.MaxBodyBytes)
	}
	if cfg.BodyTimeout <= 0 {
		cfg.BodyTimeout = defaultBodyTimeout
	}
	m := &Middleware{verifier: v, wallClock: cfg.Now == nil, made: time.Now()}
	if m.wallClock {
		cfg.Now = time.Now
	} else {
		cfg.Now = guarded(cfg.Now, cfg.Logger)
	}
	m.head, _ = v.(Prechecker)
	m.config = cfg
	m.bodies.maxBytes, m.bodies.timeout, m.bodies.budget.max = cfg.MaxBodyBytes, cfg.BodyTimeout, cfg.MaxBufferedBytes
	m.refused.set(cfg.ExplainRefusals, cfg.ExplainRefusals || cfg.Capture != nil)
	m.bodies.deadlines.timeout, m.bodies.deadlines.epoch = cfg.BodyTimeout, m.made
	return m
}

// Wrap returns a handler that runs h for verified requests only, whatever their method. It panics if h is nil.
//
// For h, r.Body replays the exact bytes that were verified, r.ContentLength is their number, [FromContext] gives what
// was proven and [DeliveryFromContext] the delivery: h should use Verified.Payload. Otherwise r.Context() is as the
// server gave it. net/http ends it when the sender closes its side of the connection, as some senders do after their
// request. The verdict does not depend on that, and work that must be done should go on under context.WithoutCancel.
//
// Wrap writes nothing on success and hands the ResponseWriter on as it is. The response to a refused request is the
// status of its [Reason] and the standard text of that status, or what Config.OnReject writes. A 503 has a Retry-After.
func (m *Middleware) Wrap(h http.Handler) http.Handler {
	if h == nil {
		panic("truhook: Wrap: the handler is nil")
	}
	if m == nil {
		m = &Middleware{} // refuses everything, and logs that it does
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if m.verifier == nil {
			m.reject(w, r, m.noVerifier(r.Context()))
			return
		}
		x := &exchange{}
		defer m.bodies.release(x)
		var v *Verified
		now := m.config.Now()
		err := m.read(w, r, x, now)
		if err == nil {
			v, err = m.verify(r.Context(), &x.delivery, now)
		}
		if err != nil {
			m.reject(w, r, err)
			m.explain(&x.delivery, err, true, now)
			return
		}
		h.ServeHTTP(w, x.handlerRequest(r, v))
	})
}

// ReadDelivery is the first half of [Middleware.Wrap], for routers whose handlers are not http.Handlers: it refuses by
// the head what can be refused by the head, then reads the body within the limits of the Config. Hand the delivery to
// [Middleware.Verify]. Respond to an error with the status of its [ReasonOf] and nothing else, set Retry-After on a
// 503, and close an HTTP/1 connection after one.
//
// r.Body is read to the end and not replayed. The bytes count against MaxBufferedBytes until ReadDelivery returns. The
// delivery shares the memory of r; where the host uses that again, [NewDelivery] makes a copy to keep.
func (m *Middleware) ReadDelivery(w http.ResponseWriter, r *http.Request) (*Delivery, error) {
	if m == nil || m.verifier == nil {
		return nil, m.noVerifier(r.Context())
	}
	x := &exchange{}
	defer m.bodies.release(x)
	now := m.config.Now()
	if err := m.read(w, r, x, now); err != nil {
		m.explain(&x.delivery, err, true, now)
		return nil, err
	}
	return &x.delivery, nil
}

// noVerifier is the refusal of a nil or zero Middleware. A nil one has nowhere to count its log lines.
func (m *Middleware) noVerifier(ctx context.Context) error {
	err := &Error{Reason: NoKey, Err: errNoVerifier}
	if m != nil {
		m.journal.write(ctx, nil, nil, Observation{Err: err}, time.Now())
	}
	return err
}

// read fills x.delivery, or refuses it.
func (m *Middleware) read(w http.ResponseWriter, r *http.Request, x *exchange, now time.Time) error {
	server := serverOf(r)
	x.setHead(r, server, m.config.UnixPeer, now)
	start := now
	if !m.wallClock || m.config.Observe != nil {
		start = time.Now()
	}
	err := judgeHead(r.Context(), m.head, &x.delivery)
	if err != nil && !m.refused.readsBody(m.since(now)) {
		m.bodies.limitRest(w, r, server, start)
	} else {
		bodyErr := m.bodies.read(w, r, x, server, start)
		if err == nil { // else the refusal by the head stands
			err = bodyErr
		}
		if m.config.Observe != nil {
			x.delivery.bodyRead = time.Since(start)
		}
	}
	if err != nil {
		m.tell(r.Context(), Observation{Delivery: &x.delivery, Err: err, ReadDuration: x.delivery.bodyRead}, now)
	}
	return err
}

// since returns the time since m was made by the monotonic clock. now is that of Config.Now, which can be another.
func (m *Middleware) since(now time.Time) time.Duration {
	if m.wallClock {
		return now.Sub(m.made)
	}
	return time.Since(m.made)
}

// Verify is the second half of [Middleware.Wrap], and all of it for deliveries that did not come over net/http, such as
// those of AWS Lambda, a queue or gRPC: it holds MaxBodyBytes, asks the verifier, turns its panic into [Internal] and
// calls Config.Observe. [NewDelivery] makes a delivery of what such a host gives. Set d.Received where the delivery
// waited. A nil d is Internal.
func (m *Middleware) Verify(ctx context.Context, d *Delivery) (*Verified, error) {
	switch {
	case m == nil || m.verifier == nil:
		return nil, m.noVerifier(ctx)
	case d == nil:
		err := &Error{Reason: Internal, Err: errNoDelivery}
		m.tell(ctx, Observation{Err: err}, m.config.Now())
		return nil, err
	}
	d = m.withUnixPeer(d)
	now := m.config.Now()
	v, err := m.verify(ctx, d, now)
	if err != nil {
		m.explain(d, err, false, now)
	}
	return v, err
}

func (m *Middleware) explain(d *Delivery, err error, ourBody bool, now time.Time) {
	m.refused.explain(m.verifier, m.config.Logger, d, err, ourBody, m.since(now))
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

func (m *Middleware) verify(ctx context.Context, d *Delivery, start time.Time) (v *Verified, err error) {
	if m.config.Observe != nil {
		start = m.config.Now()
	}
	if int64(len(d.Body)) > m.config.MaxBodyBytes {
		err = &Error{Reason: BodyTooLarge}
	} else {
		v, err = judge(ctx, m.verifier, d)
	}
	if err == nil && m.config.Observe == nil {
		m.journal.accept(ctx, m.config.Logger, d, v, start)
		return v, nil
	}
	o := Observation{Delivery: d, Verified: v, Err: err, ReadDuration: d.bodyRead}
	if m.config.Observe != nil {
		o.VerifyDuration = m.config.Now().Sub(start)
	}
	m.tell(ctx, o, start)
	return v, err
}

// tell hands a verdict to whoever observes it.
func (m *Middleware) tell(ctx context.Context, o Observation, now time.Time) {
	if m.config.Observe != nil {
		observe(ctx, m.config.Observe, o)
	}
	if m.config.Capture != nil && o.Err != nil && o.Delivery != nil {
		observe(ctx, m.config.Capture, o)
	}
	m.journal.write(ctx, m.config.Logger, m.verifier, o, now)
}

func observe(ctx context.Context, f func(ctx context.Context, o Observation), o Observation) {
	defer func() { _ = recover() }() // an observer must not turn a verdict around
	f(ctx, o)
}
