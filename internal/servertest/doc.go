// Package servertest starts private servers for tests: Redis and PostgreSQL, as child processes, on free ports of the
// loopback interface, with their data in a temporary folder. It finds what the machine has installed; what is missing
// is an error, which fails the tests that need it. It imports the standard library only, so that the tests of every
// module can use it.
//
// Servers are meant to be ill-treated: Kill ends one as a crash would, and Restart starts it again with the data and
// on the port that it had.
package servertest
