package idempotency

import (
	"context"
	"sync"
)

// A crowd counts the handlers that are late.
type crowd struct {
	mu   sync.Mutex
	n    int
	idle chan struct{} // closed when n is 0 again
}

// enter reports false if there are too many already.
func (c *crowd) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == maxTwins {
		return false
	}
	if c.n == 0 {
		c.idle = make(chan struct{})
	}
	c.n++
	return true
}

func (c *crowd) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n--; c.n == 0 {
		close(c.idle)
	}
}

// Wait returns nil when no late handler runs any more, or the context's error. Call it after http.Server.Shutdown, which
// does not know of handlers whose requests were answered; no handler becomes late after that.
func (m *Middleware) Wait(ctx context.Context) error {
	if m == nil {
		return nil
	}
	m.late.mu.Lock()
	n, idle := m.late.n, m.late.idle
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
