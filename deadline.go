package truhook

import (
	"errors"
	"net/http"
	"sync"
	"time"
)

// deadlines cuts off the bodies that take too long. Setting and lifting a deadline on each connection costs more than
// all else that the middleware does, so only a body that is late has one set, in the past. All have the same timeout,
// so they are due in the order in which they began, and one timer serves all.
type deadlines struct {
	timeout     time.Duration
	epoch       time.Time // what due counts from
	mu          sync.Mutex
	first, last *reading
	timer       *time.Timer
	armed       bool
	free        *reading // for the next ones, linked by next
	frees       int
}

const maxFree = 64 // of a middleware; further ones are left to the garbage collector

// reading is a body that is being read and may become late.
type reading struct {
	next, prev *reading
	due        time.Duration
	extra      [1]byte // where the end of the body is looked for when all that was announced is there

	mu     sync.Mutex          // held while the deadline is set
	w      http.ResponseWriter // nil once the body was read: a deadline set then would end the next request
	late   bool                // and cut off
	listed bool                // guarded by the list
}

// begin watches over a body that begins at start.
func (d *deadlines) begin(w http.ResponseWriter, start time.Time) *reading {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.free
	if e != nil {
		d.free = e.next
		d.frees--
	} else {
		e = &reading{}
	}
	e.w, e.due = w, start.Sub(d.epoch)+d.timeout
	e.next, e.prev, e.listed = nil, d.last, true
	if d.last != nil {
		d.last.next = e
	} else {
		d.first = e
	}
	d.last = e
	if !d.armed {
		d.arm(e.due - time.Since(d.epoch))
	}
	return e
}

func (d *deadlines) arm(after time.Duration) {
	d.armed = true
	if d.timer == nil {
		d.timer = time.AfterFunc(after, d.expire)
	} else {
		d.timer.Reset(after)
	}
}

// end reports whether the body was late, in which case there is a deadline in the past on the connection. e must not
// be used after it, as it may serve another body.
func (d *deadlines) end(e *reading) (late bool) {
	d.mu.Lock()
	if e.listed { // the timer has never had e
		d.remove(e)
		e.w = nil
		if d.frees < maxFree {
			e.next, d.free = d.free, e
			d.frees++
		}
		d.mu.Unlock()
		return false
	}
	d.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.w = nil
	return e.late
}

func (d *deadlines) remove(e *reading) {
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		d.first = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	} else {
		d.last = e.prev
	}
	e.next, e.prev, e.listed = nil, nil, false
}

func (d *deadlines) expire() {
	for _, e := range d.due() {
		e.cutOff()
	}
}

// due takes the bodies whose time is over off the list, and sets the timer for the next.
func (d *deadlines) due() (all []*reading) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.armed = false
	for d.first != nil {
		e := d.first
		if left := e.due - time.Since(d.epoch); left > 0 {
			d.arm(left)
			break
		}
		d.remove(e)
		all = append(all, e)
	}
	return all
}

func (e *reading) cutOff() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.w == nil {
		return
	}
	// Where it is not supported, the reader watches the clock between reads.
	e.late = setReadDeadline(e.w, time.Unix(1, 0)) == nil
}

var errNoDeadline = errors.New("the ResponseWriter has no SetReadDeadline")

// setReadDeadline is that of http.ResponseController, which allocates for its error.
func setReadDeadline(w http.ResponseWriter, t time.Time) (err error) {
	defer func() {
		if recover() != nil { // of a wrapper's method; the timer's goroutine has nobody else for it
			err = errNoDeadline
		}
	}()
	for {
		switch inner := w.(type) {
		case interface{ SetReadDeadline(t time.Time) error }:
			return inner.SetReadDeadline(t)
		case interface{ Unwrap() http.ResponseWriter }:
			w = inner.Unwrap()
		default:
			return errNoDeadline
		}
	}
}
