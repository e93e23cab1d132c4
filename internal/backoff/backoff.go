// Package backoff computes how long to wait after a number of attempts that brought nothing.
package backoff

import "time"

// A Backoff doubles a wait with each attempt. It is a plain value and safe for concurrent use. The zero Backoff waits
// one second after every attempt.
type Backoff struct {
	First time.Duration // the wait after the first attempt; zero and below: 1 s
	Most  time.Duration // the longest wait; below First: First
}

// After returns the wait after the given attempt. The first attempt is 1; smaller numbers count as 1.
func (b Backoff) After(attempt int) time.Duration {
	wait := b.First
	if wait <= 0 {
		wait = time.Second
	}
	for n := 1; n < attempt; n++ {
		if wait > b.Most/2 { // doubling would pass Most, or overflow
			return max(wait, b.Most)
		}
		wait *= 2
	}
	return wait
}
