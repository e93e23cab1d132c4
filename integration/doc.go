// Package integration is the module of the tests that need a driver or a server: stores and queues on real databases,
// killed processes, broken connections. It has no code for users.
package integration
