package idempotency

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"time"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/retry"
)

// A KeyFunc returns the provider's id of an event, out of verified bytes: truv.EventID is one. An empty id means that
// this delivery is not deduped: its handler is called. An error, or a panic, means that it is not handled and answered
// 500. On a route of several tenants, put the tenant in front of the id, with a separator that no tenant's name holds.
// It must be safe for concurrent use.
type KeyFunc func(v *truhook.Verified) (string, error)

// BodyDigest is the [KeyFunc] of a provider whose events have no id: the SHA-256 of the payload. Two events of equal
// bytes are one event then, so it is wrong where a provider sends the same bytes twice and means two things, such as a
// ping.
//
// A nil v is [truhook.NotVerified].
func BodyDigest(v *truhook.Verified) (string, error) {
	if v == nil {
		return "", &truhook.Error{Reason: truhook.NotVerified}
	}
	sum := sha256.Sum256(v.Payload)
	return hex.EncodeToString(sum[:]), nil
}

// A FingerprintFunc returns what makes two deliveries of one event equal; it is hashed. Nothing: not compared. For a
// provider whose redeliveries differ by design, as those of Trulioo do by a counter, it leaves that part out.
type FingerprintFunc func(v *truhook.Verified) []byte

// A Config has what is optional about a [Middleware]. Its zero value is that of a provider of which nothing is known: a
// lease of 8 s, a retention of 7 days, 30 s for a handler, no early answer.
type Config struct {
	_ [0]func()

	// Policy is the provider's, for example truv.RetryPolicy(). What follows is derived from it.
	Policy retry.Policy

	// Lease is how long an event stays claimed by a process that died. The handler may take longer: the lease is
	// renewed at each third of it.
	//
	// Zero: two thirds of the shortest time in which the provider makes all of its attempts (so that one of them comes
	// after the lease), at most the provider's AckLimit and at most 10 s. Where the attempts are not published 8 s, or
	// the AckLimit if that is shorter: less than the 10 s that senders commonly wait. That makes 10 s for Truv, 2 s for
	// Truval, and 8 s for Trulioo and TransUnion. A lease that is longer than the provider's attempts take would lose
	// every event whose process dies, and is an error.
	Lease time.Duration

	// Retention is how long an event is remembered, from its first claim on. It is the horizon for replays too: where
	// Version tells the time of an event, one that is older than the retention, less five minutes, is [TooOld].
	//
	// Zero: a day more than Policy.Horizon; where the provider publishes its attempts but no way to deliver by hand, 30
	// days are taken for that, the time for which Truv and Truval keep their logs of deliveries. Where it publishes
	// neither, 7 days. That makes 31 days for Truv and Truval, and 7 for Trulioo and TransUnion. A retention of less
	// than ten minutes more than Policy.Horizon is an error.
	Retention time.Duration

	// Wait is how long a delivery waits for another one of its event, which is being handled, before it is answered as
	// [InFlight]. Zero: 5 s, at most half the AckLimit; for one in another process at most until a quarter of a second
	// after its lease. Negative: not at all. At most 64 deliveries wait at a time. A wait as long as the AckLimit is an
	// error.
	Wait time.Duration

	// AnswerWithin is how long Do and Handle wait for the handler before they answer as [Late]: 503, while the handler
	// goes on. Its redelivery then finds the event done. Zero: nine tenths of the AckLimit, never where that is not
	// published. Negative: never. At most 64 handlers are late at a time. Truv counts these answers as failures, and
	// may switch off an endpoint that fails continuously: a handler that is usually late belongs behind package inbox.
	// A time as long as the AckLimit is an error.
	AnswerWithin time.Duration

	// HandlerTimeout is how long a handler may run. After it the handler's context ends with [ErrHandlerTimeout] as its
	// cause, the lease is no longer renewed, and the handler's place among those that may be late is free: [TimedOut].
	// Code that does not look at its context runs on, and another delivery may then be handled beside it. Zero: two
	// thirds of the shortest time in which the provider makes all of its attempts, and at least 30 s: 60 s for Truv, 30
	// s for the others. Negative: for ever.
	HandlerTimeout time.Duration

	// StoreTimeout bounds what one step (a claim, say) may spend on the store, repetitions included. Zero: 1 s, at most
	// half the lease. Longer than the lease, or as long as the AckLimit, is an error, and so is a negative one.
	StoreTimeout time.Duration

	// HandleUndeduped calls the handler without a claim while the store cannot be asked, or is full: its events are
	// reported as [NotDeduped], and one that comes twice may be handled twice, except at once in one process. False:
	// answered 503, which loses the event where the outage outlasts the provider's attempts, as it soon does for
	// Truval.
	HandleUndeduped bool

	// DeadLetter takes an event that no delivery would bring further: its handler returned an error marked by
	// retry.Permanent, or it is older than the retention ([ErrTooOld]). FromContext tells the rest. After nil the event
	// is completed and answered 200; after an error it is given back and asked for again. It has the time of a handler.
	//
	// Nil: such an event is not acknowledged. It is given back and answered 503, so that the provider knows that nobody
	// has it.
	DeadLetter func(ctx context.Context, v *truhook.Verified, err error) error

	// Version tells the order of events. Nil: none.
	Version VersionFunc

	// SkipStale completes an event without calling its handler if a later one of its resource came first, whether or
	// not the handler of that one has succeeded. By default the handler is called, and Claim.Order says so.
	SkipStale bool

	// Fingerprint tells deliveries of one key apart. Nil: the payload. What differs is reported as Mismatch and treated
	// as the same event, as no provider documents that its redeliveries repeat every byte.
	Fingerprint FingerprintFunc

	// Observe is told everything that is worth counting. It is called in the goroutine in which it happens, so it must
	// not take long and must be safe for concurrent use; its panic is dropped.
	Observe func(ctx context.Context, o Observation)

	// Logger is told what is dropped, lost, handed over or refused: the first of each outcome at once, then at most one
	// line a minute with the count. It learns the scope and the id of an event, nothing else of what was sent. So it is
	// not told the text of what your functions return, which can hold payload: Observe is, as Observation.Err. Of a panic
	// it is told the function and line, and the type of the value; the text of a runtime error only. Observe has the
	// stack. Nil: slog.Default() as it is when the line is written. slog.DiscardHandler turns it off.
	Logger *slog.Logger

	// Now is the clock by which an event is too old or from the future, where the context does not tell when its
	// delivery arrived (truhook.ReceivedFromContext); the verifying middleware puts that there. Nil: time.Now. Leases
	// are timed by the monotonic clock on this side, and by the store's on the other.
	Now func() time.Time
}

// ErrTooOld is what Config.DeadLetter gets for an event that is older than the retention.
var ErrTooOld = errors.New("idempotency: the event is older than the retention")

// ErrHandlerTimeout is the cause (see context.Cause) with which a handler's context ends after Config.HandlerTimeout.
// What the handler returns afterwards is wrapped together with it.
var ErrHandlerTimeout = errors.New("idempotency: the handler's time is over")

const (
	longestLease    = 10 * time.Second // what is derived is never longer
	unknownLease    = 8 * time.Second
	maxWait         = 5 * time.Second
	beyondLease     = 250 * time.Millisecond // how much longer than its lease a delivery elsewhere is waited for
	shortestTimeout = 30 * time.Second       // of a handler, if derived
	byHand          = 30 * 24 * time.Hour
	day             = 24 * time.Hour
	clockSlack      = 5 * time.Minute // by which the provider's clock and ours may differ
	maxWaiters      = 64
	maxLate         = 64
)

// complete returns c with what follows from its policy filled in.
func (c Config) complete() Config {
	shortest, _ := c.Policy.Window()
	limit := c.Policy.AckLimit
	if c.Lease == 0 {
		c.Lease = unknownLease
		if shortest > 0 {
			c.Lease = min(longestLease, shortest*2/3)
		}
		if limit > 0 {
			c.Lease = min(c.Lease, limit)
		}
	}
	if c.Retention == 0 {
		c.Retention = 7 * day
		if c.Policy.Attempts > 0 || c.Policy.ByHand > 0 {
			c.Retention = c.Policy.Horizon() + day
			if c.Policy.ByHand == 0 {
				c.Retention = max(c.Retention, byHand+day)
			}
		}
	}
	if c.Wait == 0 {
		c.Wait = maxWait
		if limit > 0 {
			c.Wait = min(c.Wait, limit/2)
		}
	}
	if c.AnswerWithin == 0 {
		c.AnswerWithin = limit * 9 / 10
	}
	if c.HandlerTimeout == 0 {
		c.HandlerTimeout = max(shortestTimeout, shortest*2/3)
	}
	if c.StoreTimeout == 0 {
		c.StoreTimeout = min(time.Second, c.Lease/2)
	}
	if c.Fingerprint == nil {
		c.Fingerprint = func(v *truhook.Verified) []byte { return v.Payload }
	}
	return c
}
