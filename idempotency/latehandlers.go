package idempotency

import (
	"context"
	"sync"
)

// lateHandlers counts the handlers that go on without their callers. Those whose time is over have no place any more.
type lateHandlers struct {
	mu      sync.Mutex
	places  int
	running int
	idle    chan struct{} // closed when running is 0 again
}

// enter counts a handler. It reports false if that needs a place and there is none.
func (l *lateHandlers) enter(place bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if place {
		if l.places == maxLate {
			return false
		}
		l.places++
	}
	if l.running == 0 {
		l.idle = make(chan struct{})
	}
	l.running++
	return true
}

func (l *lateHandlers) leavePlace() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.places--
}

func (l *lateHandlers) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.running--; l.running == 0 {
		close(l.idle)
	}
}

// Wait returns nil when no handler runs any more whose call has returned, or the context's error. Call it after
// http.Server.Shutdown, which does not know of handlers whose requests were answered; no handler becomes late after
// that. A handler that does not look at its context and never ends is waited for until ctx ends.
func (m *Middleware) Wait(ctx context.Context) error {
	if m == nil {
		return nil
	}
	m.late.mu.Lock()
	n, idle := m.late.running, m.late.idle
	m.late.mu.Unlock()
	if n == 0 {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
