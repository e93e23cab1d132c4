package truhooktest

import (
	"log"
	"net/http"
	"net/netip"
	"time"
)

// A Config is what may be left open about a [Provider]. Its zero value is fine.
type Config struct {
	_ [0]func()

	// Path is the path and the query that NewProvider's handler is called with. Empty: "/".
	Path string

	// Timeout is how long an attempt waits for its answer. Zero: the AckLimit of the policy, and where that is not
	// published 10 s, which is a guess.
	Timeout time.Duration

	// Scale is the factor by which every wait and limit is multiplied, such as 0.01 for a real server in real time. Zero
	// means 1, which is what a synctest bubble wants.
	Scale float64

	// Jitter returns where in a delay's bounds the next wait lies, from 0 to 1. Nil: at random. It must be safe for
	// concurrent use.
	Jitter func() float64

	// Restart is called by the fault Restart and returns the handler of the receiver that was started again. Nil: the
	// handler of before. NewRemoteProvider calls it and ignores what it returns.
	Restart func() http.Handler

	// WrongKey signs for the fault WrongKey, by a key that the receiver does not have.
	WrongKey Signer

	// StaleBy is how old the signature of the fault Stale is. Zero: one hour.
	StaleBy time.Duration

	// RemoteAddr is the peer that NewProvider's handler sees. Zero: 192.0.2.1:1234, as in httptest.
	RemoteAddr netip.AddrPort

	// ErrorLog is that of the server in memory. Nil: nothing is logged.
	ErrorLog *log.Logger

	answered func(a Attempt) // called at once when an answer has arrived
	sent     func(m message) // called before a request is sent
	slept    func()          // called after each wait, and once an hour in a long one
}
