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

const (
	// firstBuffer bounds what an announcement alone can make us hold; beyond it the buffer follows what has arrived.
	// Bodies of up to this size have a part of the budget for themselves.
	firstBuffer = 16 << 10

	unannounced   = 512 // bytes of the first buffer where no length is known
	maxEmptyReads = 100 // in a row
)

// bodies reads bodies within limits that hold for one and for all of them.
type bodies struct {
	maxBytes  int64
	timeout   time.Duration
	budget    budget
	scratch   scratch
	deadlines deadlines
}

// budget bounds the bytes that all requests hold together. A quarter of it is kept for small bodies, so that large ones
// that arrive slowly do not stop every delivery.
type budget struct {
	held atomic.Int64
	max  int64
}

func (b *budget) acquire(n int64, small bool) bool {
	limit := b.max
	if !small {
		limit -= b.max / 4
	}
	if b.held.Add(n) > limit {
		b.held.Add(-n)
		return false
	}
	return true
}

// release gives back what x holds.
func (b *bodies) release(x *exchange) {
	if x.reading != nil { // another middleware's body panicked
		b.end(x)
	}
	if x.held > 0 {
		b.budget.held.Add(-x.held)
		x.held = 0
	}
}

// end ends the reading of x, and reports whether it was late.
func (b *bodies) end(x *exchange) (late bool) {
	late = b.deadlines.end(x.reading)
	x.reading = nil // it can serve another body from here on
	return late
}

// read reads the body of r into x.delivery.
func (b *bodies) read(w http.ResponseWriter, r *http.Request, x *exchange, server *http.Server, start time.Time) error {
	if r.ContentLength > b.maxBytes {
		b.limitRest(w, r, server, start)
		return &Error{Reason: BodyTooLarge, Err: fmt.Errorf("announced %d bytes", r.ContentLength)}
	}
	x.delivery.counted = server != nil && (r.ContentLength >= 0 || r.ProtoMajor < 2 && len(r.TransferEncoding) == 0)
	if r.Body == nil || r.Body == http.NoBody {
		if r.ContentLength > 0 {
			return readBefore(r.ContentLength)
		}
		x.delivery.Body, x.delivery.replaced = []byte{}, r.ContentLength < 0
		return nil
	}
	x.reading = b.deadlines.begin(w, start)
	body, err := b.readAll(r.Body, r.ContentLength, start, x)
	late := b.end(x)
	switch {
	case err != nil:
		if !late {
			b.limitRest(w, r, server, start)
		}
		return err
	case late: // the connection can have lost its context already
		return &Error{Reason: BodyTimedOut, Err: os.ErrDeadlineExceeded}
	case len(body) == 0 && r.ContentLength > 0:
		return readBefore(r.ContentLength)
	}
	if server != nil && server.ReadTimeout > 0 && r.ProtoMajor < 2 {
		_ = setReadDeadline(w, time.Time{}) // the server's own would cancel the context of a handler that takes longer
	}
	x.delivery.Body = body
	// A body of net/http ends in another error than io.EOF where it is cut off, so something in front replaced this
	// one. Nobody sends an empty body in chunks: something in front can have read it.
	x.delivery.replaced = r.ContentLength > 0 && int64(len(body)) != r.ContentLength || r.ContentLength < 0 && len(body) == 0
	return nil
}

func readBefore(announced int64) error {
	err := fmt.Errorf("none of %d bytes: a middleware in front has read the body", announced)
	return &Error{Reason: BodyIncomplete, Err: err}
}

// readAll reads src to its end, at most one byte beyond the limit. announced is the Content-Length, -1 if unknown.
func (b *bodies) readAll(src io.Reader, announced int64, start time.Time, x *exchange) (body []byte, err error) {
	var in *scratchBuffer
	body, err = b.fill(src, announced, start, x, &in)
	if in != nil { // the body ended early
		body = bytes.Clone(body)
		b.scratch.put(in)
	}
	return body, err
}

// fill is readAll, but what it returns may lie in a buffer of scratch. The last buffer is as large as announced, and
// the byte behind it is looked for elsewhere.
func (b *bodies) fill(
	src io.Reader, announced int64, start time.Time, x *exchange, in **scratchBuffer,
) (body []byte, err error) {
	for empty := 0; empty < maxEmptyReads; empty++ {
		room := body[len(body):cap(body)]
		atEnd := len(room) == 0 && len(body) > 0 && int64(len(body)) == announced
		switch {
		case atEnd:
			room = x.reading.extra[:]
		case len(room) == 0:
			if body, err = b.grow(body, announced, x, in); err != nil {
				return nil, err
			}
			room = body[len(body):cap(body)]
		}
		n, readErr := src.Read(room)
		switch {
		case n < 0 || n > len(room): // which the contract of io.Reader rules out
			return nil, &Error{Reason: Internal, Err: errors.New("the Read of the body returns an impossible count")}
		case n > 0:
			empty = 0
		}
		if atEnd && n > 0 && int64(len(body)) < b.maxBytes {
			if body, err = b.grow(body, -1, x, in); err != nil {
				return nil, err
			}
			body = append(body, x.reading.extra[0])
		} else if atEnd && n > 0 {
			return nil, &Error{Reason: BodyTooLarge}
		} else {
			body = body[:len(body)+n]
		}
		switch {
		case int64(len(body)) > b.maxBytes:
			return nil, &Error{Reason: BodyTooLarge}
		case readErr == io.EOF:
			return body[:len(body):len(body)], nil
		case readErr != nil:
			return nil, unfinished(readErr)
		case (n == 0 || int64(len(body)) != announced) && time.Since(start) > b.timeout:
			return nil, &Error{Reason: BodyTimedOut, Err: os.ErrDeadlineExceeded}
		}
	}
	return nil, unfinished(io.ErrNoProgress)
}

// grow returns body with more room, for which it asks the budget. in is the scratch buffer that body lies in, or nil.
func (b *bodies) grow(body []byte, announced int64, x *exchange, in **scratchBuffer) ([]byte, error) {
	size := int64(unannounced)
	if body != nil {
		size = max(size, 2*int64(cap(body))) // what has arrived is at least half of what is held
	} else if announced > 0 {
		size = firstBuffer
	}
	if announced > int64(len(body)) {
		size = min(size, announced)
	}
	size = min(size, b.maxBytes+1)
	if !b.budget.acquire(size-x.held, size <= firstBuffer && announced <= firstBuffer) {
		return nil, &Error{Reason: Overloaded}
	}
	x.held = size
	last := *in
	*in = nil
	if size < announced { // it is copied once more
		*in = b.scratch.get(size)
	}
	var next []byte
	if *in != nil {
		next = (*in).bytes[:0]
	} else {
		next = make([]byte, 0, size)
	}
	next = append(next, body...)
	b.scratch.put(last)
	return next, nil
}

// unfinished turns the error that ended a body into a verdict about it.
func unfinished(end error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(end, &tooLarge): // somebody in front of us set a lower limit
		return &Error{Reason: BodyTooLarge, Err: end}
	case errors.Is(end, os.ErrDeadlineExceeded):
		return &Error{Reason: BodyTimedOut, Err: end}
	}
	return &Error{Reason: BodyIncomplete, Err: end}
}

// limitRest sets a deadline for what the server reads of the body of a refused request, which began at start. It never
// comes after the one that the server has set itself.
func (b *bodies) limitRest(w http.ResponseWriter, r *http.Request, server *http.Server, start time.Time) {
	if r.ContentLength == 0 || r.ProtoMajor >= 2 { // a stream of HTTP/2 is reset
		return
	}
	if server != nil && server.ReadTimeout > 0 {
		if server.ReadHeaderTimeout <= 0 || server.ReadTimeout-server.ReadHeaderTimeout < b.timeout {
			return // the server's own may be the earlier one, and does as well
		}
	}
	_ = setReadDeadline(w, start.Add(b.timeout))
}
