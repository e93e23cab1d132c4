// Package crash ill-treats a receiver and its store while a simulated provider delivers to it, and counts effects.
//
// The receiver is a process of its own, with the idempotency middleware or with sqlstore's Once. [Run] sends it events,
// twice at once and again after they were acknowledged, kills it and the store's server by SIGKILL at random points,
// or breaks the connection between them, and starts again what was killed. It then compares what the receiver has
// acknowledged with what it has done.
//
// It is this repository's own test and no part of its API: a module of its own, so that no other one needs what it
// does.
package crash
