// Package soak runs a receiver for long, under everything that the world sends, and judges what came of it.
//
// The receiver is a process of its own: Truv behind package idempotency with its claims in Redis and, on a second
// route, in PostgreSQL, and TransUnion behind package inbox with sqliteinbox. [Run] sends it genuine deliveries,
// forgeries, and clients that stall, trickle, hang up, close their half, send too much or do not read, while keys
// rotate, clocks step and the way to the stores breaks. [Summary.Problems] says what is wrong with the outcome.
package soak
