package idempotency

import (
	"net/http"
)

// maxBuffered is how much of an answer is held back; what is longer goes out as it comes.
const maxBuffered = 64 << 10

// A bufferedWriter is a ResponseWriter that keeps the answer back until it is known whether the event is settled.
type bufferedWriter struct {
	w      http.ResponseWriter
	header http.Header
	status int // 0: not written
	body   []byte
	passed bool // what comes goes straight to w
}

func newBufferedWriter(w http.ResponseWriter) *bufferedWriter {
	return &bufferedWriter{w: w, header: w.Header().Clone()}
}

// Unwrap serves http.ResponseController.
func (b *bufferedWriter) Unwrap() http.ResponseWriter { return b.w }

func (b *bufferedWriter) Header() http.Header {
	switch {
	case b.passed:
		return b.w.Header()
	case b.header == nil:
		b.header = http.Header{}
	}
	return b.header
}

func (b *bufferedWriter) WriteHeader(status int) {
	switch {
	case b.passed:
		b.w.WriteHeader(status)
	case status < 200: // informational: not the answer
		b.w.WriteHeader(status)
	case b.status == 0:
		b.status = status
	}
}

func (b *bufferedWriter) Write(p []byte) (int, error) {
	if b.status == 0 {
		b.status = http.StatusOK
	}
	if !b.passed && len(b.body)+len(p) > maxBuffered {
		b.pass()
	}
	if b.passed {
		return b.w.Write(p)
	}
	b.body = append(b.body, p...)
	return len(p), nil
}

// Flush serves http.Flusher.
func (b *bufferedWriter) Flush() { _ = b.FlushError() }

// FlushError serves http.ResponseController.
func (b *bufferedWriter) FlushError() error {
	b.pass()
	return http.NewResponseController(b.w).Flush()
}

func (b *bufferedWriter) statusCode() int {
	if b.status == 0 {
		return http.StatusOK // as net/http does
	}
	return b.status
}

// pass lets out what was held back and what follows.
func (b *bufferedWriter) pass() {
	if b.passed {
		return
	}
	b.passed = true
	to := b.w.Header()
	clear(to)
	for name, values := range b.header {
		to[name] = values
	}
	b.status = b.statusCode()
	b.w.WriteHeader(b.status)
	if len(b.body) > 0 {
		_, _ = b.w.Write(b.body) // the sender is gone: nothing to do about it
		b.body = nil
	}
}
