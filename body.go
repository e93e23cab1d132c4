package truhook

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// budget bounds the bytes that all requests hold together.
type budget struct {
	held atomic.Int64
	max  int64
}

func (b *budget) acquire(n int64) bool {
	if b.held.Add(n) > b.max {
		b.held.Add(-n)
		return false
	}
	return true
}

func (m *Middleware) release(n int64) {
	if n > 0 {
		m.budget.held.Add(-n)
	}
}

// readHead makes a Delivery of everything but the body and refuses what the head gives away.
func (m *Middleware) readHead(r *http.Request) (*Delivery, error) {
	if m == nil || m.verifier == nil {
		return nil, &Error{Reason: NoKey, Err: errNoVerifier}
	}
	d := &Delivery{
		Method:     r.Method,
		RequestURI: r.RequestURI,
		Host:       r.Host,
		TLS:        r.TLS,
		RemoteAddr: m.peerOf(r),
	}
	if at, ok := r.Context().Value(receivedKey{}).(time.Time); ok {
		d.Received = at
	} else {
		d.Received = m.config.Now()
	}
	if d.RequestURI == "" && r.URL != nil { // a request that no server parsed
		d.RequestURI = r.URL.RequestURI()
	}
	d.setHeader(r.Header, r.Context().Value(http.ServerContextKey) != nil)
	if err := r.Context().Err(); err != nil {
		return d, &Error{Reason: Canceled, Err: err}
	}
	if err := m.precheck(r.Context(), d); err != nil {
		return d, err
	}
	if r.ContentLength > m.config.MaxBodyBytes {
		return d, &Error{Reason: BodyTooLarge, Err: fmt.Errorf("announced %d bytes", r.ContentLength)}
	}
	return d, nil
}

// firstRead bounds what an announcement alone can make us allocate; beyond it the buffer follows what arrives.
const firstRead = 64 << 10

// readBody reads the body of r into d and returns how many bytes of the budget it holds, which the caller releases.
func (m *Middleware) readBody(w http.ResponseWriter, r *http.Request, d *Delivery) (held int64, err error) {
	if r.Body == nil || r.Body == http.NoBody {
		if r.ContentLength > 0 {
			return 0, incomplete(0, r.ContentLength, nil)
		}
		d.Body = []byte{}
		return 0, nil
	}
	lift := m.limitReading(w, r)
	start := time.Now()
	body, held, err := m.readAll(r.Body, r.ContentLength, start)
	d.bodyRead = time.Since(start)
	if err != nil {
		return held, err
	}
	if err := r.Context().Err(); err != nil {
		return held, &Error{Reason: Canceled, Err: err}
	}
	lift()
	d.Body = body
	return held, nil
}

// readAll reads src to its end, at most one byte beyond MaxBodyBytes. announced is the Content-Length, -1 if unknown.
// Its buffer is one byte larger than what is expected, so that the end is seen without another allocation.
func (m *Middleware) readAll(src io.Reader, announced int64, start time.Time) (body []byte, held int64, err error) {
	size := int64(512)
	if announced >= 0 {
		size = min(announced, firstRead) + 1
	}
	reading := false
	defer func() {
		if reading { // another middleware's body panicked, and nobody else knows what is held
			m.release(held)
		}
	}()
	for {
		if len(body) == cap(body) {
			if body != nil {
				size = 4 * int64(cap(body)) // what arrived vouches for at most four times as much
			}
			if announced >= int64(len(body)) {
				size = min(size, announced+1)
			}
			size = min(size, m.config.MaxBodyBytes+1)
			if !m.budget.acquire(size) {
				return nil, held, &Error{Reason: Overloaded}
			}
			body = append(make([]byte, 0, size), body...)
			m.release(held)
			held = size
		}
		reading = true
		n, readErr := src.Read(body[len(body):cap(body)])
		reading = false
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > m.config.MaxBodyBytes:
			return nil, held, &Error{Reason: BodyTooLarge}
		case readErr != nil:
			body, err = finish(body, announced, readErr)
			return body, held, err
		case time.Since(start) > m.config.BodyTimeout:
			return nil, held, &Error{Reason: BodyTimedOut}
		}
	}
}

// finish turns the error that ended a body into a verdict about it.
func finish(body []byte, announced int64, end error) ([]byte, error) {
	var tooLarge *http.MaxBytesError
	switch {
	case end == io.EOF && int64(len(body)) < announced:
		return nil, incomplete(len(body), announced, nil)
	case end == io.EOF:
		return body[:len(body):len(body)], nil
	case errors.As(end, &tooLarge): // somebody in front of us set a lower limit
		return nil, &Error{Reason: BodyTooLarge, Err: end}
	case errors.Is(end, os.ErrDeadlineExceeded):
		return nil, &Error{Reason: BodyTimedOut, Err: end}
	}
	return nil, incomplete(len(body), announced, end)
}

func incomplete(got int, announced int64, cause error) error {
	if cause != nil {
		return &Error{Reason: BodyIncomplete, Err: cause}
	}
	return &Error{Reason: BodyIncomplete, Err: fmt.Errorf("%d of %d bytes", got, announced)}
}

// limitReading sets the deadline of one body on the connection itself and returns what lifts it: one that passes while
// the handler runs would cancel its context. It stays after a refusal, as the server then reads on to the body's end.
func (m *Middleware) limitReading(w http.ResponseWriter, r *http.Request) (lift func()) {
	timeout := m.config.BodyTimeout
	if server, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok && server.ReadTimeout > 0 {
		timeout = min(timeout, server.ReadTimeout) // the deadline replaces the server's, and must not be a longer one
	}
	c := http.NewResponseController(w)
	if c.SetReadDeadline(time.Now().Add(timeout)) != nil {
		return func() {} // not supported: readAll still watches the clock between reads
	}
	return func() { _ = c.SetReadDeadline(time.Time{}) }
}

// replay returns r with a body that reads the verified bytes. It changes r, which is a copy already.
func replay(r *http.Request, body []byte) *http.Request {
	r.Body = http.NoBody
	if len(body) > 0 {
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	r.ContentLength = int64(len(body))
	r.TransferEncoding = nil
	return r
}
