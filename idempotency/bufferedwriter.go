package idempotency

import (
	"net/http"
)

// holdAtMost is how much of an answer is held back; what is longer goes out as it comes.
const holdAtMost = 64 << 10

// A held is a ResponseWriter that keeps the answer back until it is known whether the event is settled.
type held struct {
	w      http.ResponseWriter
	header http.Header
	status int // 0: not written
	body   []byte
	passed bool // what comes goes straight to w
}

func hold(w http.ResponseWriter) *held { return &held{w: w, header: w.Header().Clone()} }

// Unwrap serves http.ResponseController.
func (h *held) Unwrap() http.ResponseWriter { return h.w }

func (h *held) Header() http.Header {
	switch {
	case h.passed:
		return h.w.Header()
	case h.header == nil:
		h.header = http.Header{}
	}
	return h.header
}

func (h *held) WriteHeader(status int) {
	switch {
	case h.passed:
		h.w.WriteHeader(status)
	case status < 200: // informational: not the answer
		h.w.WriteHeader(status)
	case h.status == 0:
		h.status = status
	}
}

func (h *held) Write(p []byte) (int, error) {
	if h.status == 0 {
		h.status = http.StatusOK
	}
	if !h.passed && len(h.body)+len(p) > holdAtMost {
		h.pass()
	}
	if h.passed {
		return h.w.Write(p)
	}
	h.body = append(h.body, p...)
	return len(p), nil
}

// Flush serves http.Flusher.
func (h *held) Flush() { _ = h.FlushError() }

// FlushError serves http.ResponseController.
func (h *held) FlushError() error {
	h.pass()
	return http.NewResponseController(h.w).Flush()
}

func (h *held) statusCode() int {
	if h.status == 0 {
		return http.StatusOK // as net/http does
	}
	return h.status
}

// pass lets out what was held and what follows.
func (h *held) pass() {
	if h.passed {
		return
	}
	h.passed = true
	to := h.w.Header()
	clear(to)
	for name, values := range h.header {
		to[name] = values
	}
	h.status = h.statusCode()
	h.w.WriteHeader(h.status)
	if len(h.body) > 0 {
		_, _ = h.w.Write(h.body) // the sender is gone: nothing to do about it
		h.body = nil
	}
}
