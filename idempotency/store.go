package idempotency

import (
	"context"
	"errors"
	"time"
)

// ErrLost says that the token does not own the record: it was taken over, settled otherwise, forgotten, or never
// claimed. The call that returns it has changed nothing.
var ErrLost = errors.New("idempotency: the record is not owned by this token")

// ErrFull says that a store is full of records it must not forget. The call that returns it has changed nothing.
var ErrFull = errors.New("idempotency: the store is full")

// ErrInFlight is returned by [Store].Forget for an event that is being handled. The call has changed nothing; repeat it
// after the lease.
var ErrInFlight = errors.New("idempotency: the event is being handled")

// A Store remembers which events are being handled and which are done.
//
// A record goes through three states:
//
//	(none) --Claim(t)--> pending(t, lease, attempt) --Complete(t)--> done --retention over--> (none)
//	  ^                      |        ^  |
//	  |                      |        |  +-- Extend(t) renews the lease
//	  |   Release(t)         |        +----- lease over, Claim(t2): pending(t2, attempt+1)
//	  +-- released(attempt) <+
//
// The contract has fourteen points. Package storetest has a test for each; a store that passes it can be used here.
//
//  1. At most one Claim for a key answers [Owned] until its lease is over, is released, or the record is forgotten;
//     the others answer [Busy] with the time that is left (more than zero), or [Done].
//  2. Claim may be repeated under the same token: the owner of a pending record gets Owned again, with the same
//     attempt, and a lease that begins anew.
//  3. Extend, Complete and Release succeed for the owner of a pending record only. For everybody else, and where there
//     is no record, they return [ErrLost] and change nothing.
//  4. Complete may be repeated: nil for the token that completed. So may Release, for the token that released, as
//     long as nobody has claimed since.
//  5. A lease that is over costs the owner nothing while nobody has taken over: its Extend, Complete and Release
//     still succeed.
//  6. Done is final until the retention is over: neither a call nor a token changes it.
//  7. Attempt is 1 for the first Claim, and one more after each release and each take-over. The fingerprint of the
//     first Claim is kept. Where Attempt has an upper end (at least 65535) it stays there.
//  8. Any error but ErrLost, ErrFull and ErrInFlight means that the outcome is unknown: the same call may be repeated.
//  9. Keys are bytes: upper and lower case, trailing blanks, and UTF-8 in different normal forms are different keys.
//     A Scope and an ID of [MaxKeyBytes] each are kept whole. Neither is empty, holds a NUL, or is not UTF-8.
//  10. No two scopes meet: ("a", "bc") is not ("ab", "c").
//  11. A context that is cancelled makes a call return soon. The state is then that from before or that from after.
//  12. A record is kept for Retain from its first Claim, and beyond that while a lease runs; at most a second later it
//     counts as forgotten and its key begins at attempt 1. A store that is full refuses ([ErrFull]) and never forgets a
//     record before its time, whether pending, released or done.
//  13. Order compares a version with the newest one of the resource, in microseconds since 1970. Nothing stored, or an
//     earlier version, makes it [Newer]: the version is stored and kept for at least retain from now. An equal one is
//     [Same] and a later one is [Older]; neither changes anything. Comparing and storing are one atomic step. Order may
//     be repeated, as after a lost reply: what was Newer is Same then. Resources and the keys of claims are two sets,
//     and points 9 to 11 hold for both.
//  14. Forget removes a record that is done: its key begins at attempt 1, and the token that completed it owns nothing.
//     A record under a running lease stays as it is, and Forget returns [ErrInFlight]. A released record, and one whose
//     lease is over, stay as they are too, as the next Claim gets them in any case: nil. So is a key without a record.
//
// Leases and retention are measured by one clock, the store's own; the caller's plays no part in it. A Store must be
// safe for concurrent use. What it keeps of a key that it must forget is nothing.
type Store interface {
	// Claim asks for the right to handle the event: points 1, 2, 6, 7 and 12.
	Claim(ctx context.Context, c ClaimRequest) (Record, error)

	// Extend lets the lease end after lease from now: points 3 and 5.
	Extend(ctx context.Context, k Key, t Token, lease time.Duration) error

	// Complete marks the event as done: points 3 to 6.
	Complete(ctx context.Context, k Key, t Token) error

	// Release gives the event back, so that the next Claim gets it at once: points 3 to 5.
	Release(ctx context.Context, k Key, t Token) error

	// Order tells how a version stands to the newest one of its resource, and stores it if it is newer: point 13.
	Order(ctx context.Context, resource Key, version time.Time, retain time.Duration) (Order, error)

	// Forget removes the record of an event that is done, so that a redelivery by hand is handled again: point 14.
	Forget(ctx context.Context, k Key) error
}

// A ClaimRequest asks a [Store] for the right to handle one event.
type ClaimRequest struct {
	Key   Key
	Token Token // not zero

	// Fingerprint is stored by the first Claim and given back to every later one. Zero: none.
	Fingerprint Fingerprint

	// Lease is how long the claim holds without an Extend, by the store's clock. More than zero.
	Lease time.Duration

	// Retain is how long the record is kept, from the first claim on, by the store's clock. Not less than Lease.
	Retain time.Duration
}

// A State is the answer to a [ClaimRequest]. The zero State is none; whoever gets it must not go on.
type State uint8

const (
	// Owned: the token of this claim owns the record. Handle the event, then Complete or Release.
	Owned State = iota + 1

	// Busy: somebody else owns it for another LeaseLeft.
	Busy

	// Done: the event was handled.
	Done
)

// String returns "owned", "busy" or "done".
func (s State) String() string {
	switch s {
	case Owned:
		return "owned"
	case Busy:
		return "busy"
	case Done:
		return "done"
	}
	return "no state"
}

// A Record is what a [Store] knows after a [ClaimRequest].
type Record struct {
	State State

	// Attempt counts the claims that were granted for this key: 1 is the first. It grows while the record is kept, so
	// it also serves as a fencing number for a resource that can refuse a smaller one. With Busy and Done it is the
	// attempt that runs or ran.
	Attempt uint32

	// Fingerprint is that of the first claim.
	Fingerprint Fingerprint

	// LeaseLeft is how long the owner may still go on, more than zero; with Busy only.
	LeaseLeft time.Duration
}
