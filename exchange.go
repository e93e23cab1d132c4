package truhook

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// An exchange is what belongs to one delivery that came over HTTP, in one allocation of 512 bytes: a larger one has a
// header for the garbage collector, which costs more. It is the context of the handler too, so whoever keeps that
// context keeps all of it.
type exchange struct {
	request  http.Request // for the handler
	delivery Delivery
	parent   context.Context // of the request as it came
	verified *Verified
	replayed int      // bytes of the body that the handler has read
	held     int64    // bytes of the budget
	reading  *reading // while the body is read
}

// setHead makes the delivery of everything in r but the body.
func (x *exchange) setHead(r *http.Request, server *http.Server, unixPeer netip.Addr, now time.Time) {
	x.parent = r.Context()
	d := &x.delivery
	d.Method, d.RequestURI, d.Host, d.TLS, d.Received = r.Method, r.RequestURI, r.Host, r.TLS, now
	if at, ok := x.parent.Value(receivedKey{}).(time.Time); ok {
		d.Received = at
	}
	d.RemoteAddr = peerOf(r, unixPeer)
	if d.RequestURI == "" && r.URL != nil { // a request that no server parsed
		d.RequestURI = r.URL.RequestURI()
	}
	d.served = server != nil
	d.setHeader(r.Header, d.served)
}

// serverOf returns the server of net/http that r came from, or nil.
func serverOf(r *http.Request) *http.Server {
	server, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
	return server
}

// peerOf returns the address of the direct peer of r. A Unix socket is told by the local address too, as not every
// system gives the peer's a text.
func peerOf(r *http.Request, unixPeer netip.Addr) string {
	if !unixPeer.IsValid() {
		return r.RemoteAddr
	}
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if _, unix := local.(*net.UnixAddr); unix || isUnixAddr(r.RemoteAddr) {
		return unixPeer.String()
	}
	return r.RemoteAddr
}

// handlerRequest returns a copy of r whose context has v and whose body reads the verified bytes.
func (x *exchange) handlerRequest(r *http.Request, v *Verified) *http.Request {
	x.verified = v
	x.request = *r.WithContext((*verifiedContext)(x)) // inlined, so what WithContext makes stays on the stack
	c := &x.request
	c.Body = http.NoBody
	if len(x.delivery.Body) > 0 {
		c.Body = (*replayBody)(x)
	}
	c.ContentLength = int64(len(x.delivery.Body))
	c.TransferEncoding = nil
	return c
}

// replayBody reads the verified bytes of an exchange.
type replayBody exchange

func (b *replayBody) rest() []byte { return b.delivery.Body[b.replayed:] }

func (b *replayBody) Read(p []byte) (int, error) {
	rest := b.rest()
	if len(rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, rest)
	b.replayed += n
	return n, nil
}

// WriteTo serves io.Copy, which would take a buffer otherwise.
func (b *replayBody) WriteTo(w io.Writer) (int64, error) {
	rest := b.rest()
	if len(rest) == 0 {
		return 0, nil
	}
	n, err := w.Write(rest)
	b.replayed += min(max(n, 0), len(rest))
	if err == nil && n != len(rest) {
		err = io.ErrShortWrite
	}
	return int64(n), err
}

func (b *replayBody) Close() error { return nil }

// verifiedContext is the context that an exchange gives to the handler: that of the request, with what was verified.
type verifiedContext exchange

func (c *verifiedContext) Deadline() (time.Time, bool) { return c.parent.Deadline() }
func (c *verifiedContext) Done() <-chan struct{}       { return c.parent.Done() }
func (c *verifiedContext) Err() error                  { return c.parent.Err() }

func (c *verifiedContext) Value(key any) any {
	switch key {
	case contextKey{}:
		return c.verified
	case deliveryKey{}:
		if c.delivery.Header != nil { // not that of NewContext
			return &c.delivery
		}
	}
	return c.parent.Value(key)
}

// String and Format keep what was verified from being printed with the context, by whichever verb.
func (c *verifiedContext) String() string {
	return fmt.Sprint(c.parent) + ".WithValue(truhook.Verified)"
}
func (c *verifiedContext) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }
