package truhooktest

import "time"

// plan is what the suite does to an effect.
type plan struct {
	slow                    time.Duration // before anything else
	fail, panics            bool
	crashBefore, crashAfter bool
	storeDown               bool // after it
}

// plan plans the next effect, of whatever event.
func (s *suite) plan(p plan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = p
}

// always plans every effect of the event from now on. The zero plan ends that.
func (s *suite) always(id string, p plan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.every[id] = p
}

// planOf returns what to do to an effect that begins now, and counts the call.
func (s *suite) planOf(id string) plan {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if p := s.every[id]; p != (plan{}) {
		return p
	}
	next := s.next
	s.next = plan{}
	return next
}

// planned reports whether the plan still waits for an effect.
func (s *suite) planned() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next != plan{}
}
