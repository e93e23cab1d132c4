package truhooktest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/truhook/truhook/retry"
)

// A Receiver is the service under test, as [TestReceiver] sees it. The first five fields are required, of which Policy
// may be zero.
type Receiver struct {
	// Policy is that of the provider. Where it has no rules the suite takes 2xx as success and anything else as a reason
	// to come again; where it has no second attempt the suite makes three, a minute apart.
	Policy retry.Policy

	// Sign signs as the provider does, and WrongKey does so by a key that the receiver does not have.
	Sign, WrongKey Signer

	// Event returns the payload of an event with this id, about one resource of the suite's, at this version of it:
	// from 1, later is higher. Equal arguments return equal bytes.
	Event func(id string, version int) []byte

	// Start starts the receiver and returns its handler. The suite calls it at the begin of a scenario and after each
	// restart and crash; what has to survive these is made outside of Start.
	Start func(i *Instance) http.Handler

	// Effects returns how often the event with this id has had its effect. Nil: how often Instance.Effect applied one,
	// which is right unless an effect can be rolled back after that. Effects, Accepted and Version are called while
	// the receiver works.
	Effects func(id string) int

	// Accepted reports whether the event will have its effect even if the process ended now, for a receiver that stores
	// an event before it answers and works later. Nil: it has had its effect.
	Accepted func(id string) bool

	// Version returns the version of the resource that the receiver holds. Nil: events of this provider have no order,
	// and the scenario order-reversal is not run.
	Version func() int

	// StoreDown takes the receiver's store away (true) and gives it back (false), as an outage of the database does. Nil:
	// the stores of Instance.Store are, and if the receiver has none the scenario store-outage does nothing.
	StoreDown func(down bool)

	// Redelivery returns the payload of an attempt at an event of version 1, for a provider whose attempts differ; the
	// first attempt is 1. Nil: the further attempts of the scenario redelivery-differs have another layout, which means
	// the same.
	Redelivery func(id string, attempt int) []byte

	// Tenant is a second tenant of the same receiver. Nil: there is none, and the scenario tenants is not run.
	Tenant *Tenant

	// ExactlyOnce says that the effect and the record of it are one commit, so that not even a crash between the effect
	// and the answer may bring a second one.
	ExactlyOnce bool

	// MaxAge is the age from which a signature is too old. Zero: signatures do not age, and the scenario stale-token is
	// not run; that a scheme signs the time although MaxAge is zero is a failure.
	MaxAge time.Duration

	// Sensitive are values in the payload which must not be logged. That the payload as a whole is not, nor 40 bytes of
	// it on end, nor a signature, is looked for anyway.
	Sensitive []string

	// Path is the path and the query of the deliveries. Empty: "/".
	Path string

	// Settle is how long the suite waits before it counts effects. Zero: one minute, which costs nothing in virtual time.
	Settle time.Duration
}

// A Tenant is somebody else whose events come to the same receiver, and whose ids and keys are his own.
type Tenant struct {
	Path string // the path and the query of his deliveries
	Sign Signer // signs for him
}

// An Instance is one run of the receiver's process, from a Start to the next restart. It is safe for concurrent use.
type Instance struct {
	suite  *suite
	ctx    context.Context
	cancel context.CancelFunc
}

// ErrInjected is what [Instance.Effect] returns where the suite wants an effect to fail.
var ErrInjected = errors.New("truhooktest: the effect fails this time")

// ErrStopped is what [Instance.Effect] and [Instance.Err] return once the instance has been restarted or has crashed.
var ErrStopped = errors.New("truhooktest: this process has ended")

// Effect applies the effect of the event with this id, and has to be called for every effect: by it the suite counts
// them, lets one fail, or ends the process right before or after one. It returns the error of apply, [ErrInjected], or
// [ErrStopped]. After a crash it does not return, and the goroutine ends with the scenario. It can take long, and panic
// where Accepted is nil.
func (i *Instance) Effect(id string, apply func() error) error { return i.suite.effect(i, id, apply) }

// Log returns where the receiver is to write its log in the suite. Concurrent writes are fine.
func (i *Instance) Log() io.Writer { return &i.suite.log }

// Context ends when the instance does, and what the receiver started has to end with it.
func (i *Instance) Context() context.Context { return i.ctx }

// Err returns ErrStopped once the instance has ended. As no goroutine can be killed, a store that is to see no sign of
// life from a crashed process, such as the renewal of a lease, has to ask for it.
func (i *Instance) Err() error {
	if i.ctx.Err() != nil {
		return ErrStopped
	}
	return nil
}

// TestReceiver runs the conformance suite on a receiver: each scenario is a subtest of its own, in a testing/synctest
// bubble with virtual time, on a Receiver of its own that setup returns. Make the receiver's durable state, such as a
// store in memory, in setup, and its handler in Start. Goroutines have to end within Settle of the end of the scenario:
// have them look at Instance.Context.
//
// A failure begins with a fixed name for what is wrong:
//
//	acknowledged-before-commit       2xx was answered, and the event was not durable
//	no-idempotency-record            a repeated event had its effect again
//	check-then-insert-race           so it had, but only where the copies came at once
//	dedupe-not-durable               so it had, but only after a restart
//	id-burned-before-handler         a failure was followed by an acknowledgement without effect
//	dedupe-before-verify             a forgery had an influence on a genuine event of the same id, or was acknowledged
//	record-forgotten                 so it had, but only an hour and a hundred events later
//	redelivery-by-hand-twice         so it had, but only on a redelivery by hand, within Policy.ByHand
//	identified-by-body               so it had, but only where the redelivery had other bytes
//	slow-effect-twice                so it had, but only where the effect took longer than limit and lease
//	slow-effect-lost                 an event never had its effect where that took longer than the limit each time
//	given-up-after-failures          an event that failed more than once was acknowledged without effect
//	blocked-by-failing-event         an event that failed each time kept others from having their effect
//	id-burned-by-panic               a panic was followed by an acknowledgement without effect
//	attempts-used-up                 copies that failed at once ended the event without its effect
//	acknowledged-while-in-progress   a copy was acknowledged while the first ran, which then failed
//	acknowledged-without-store       an event was acknowledged while the store was away, and lost
//	acknowledged-without-commit      so it was, where the store was away at the commit only
//	stopped-by-outage                nothing had its effect any more once the store had been away for a while
//	ids-mixed-up, events-mixed-up, tenants-mixed-up, tenant-key-accepted-elsewhere
//	                                 events of similar ids, at the same time, or of two tenants took one another's place
//	large-body-lost                  a large payload was acknowledged and had no effect
//	order-assumed                    an older event overwrote a newer one
//	first-version-kept               a newer event did not replace an older one
//	version-burned                   nor did it once its first attempt had failed
//	signature-over-parsed-json       the signature is not checked over the bytes as sent
//	unsigned-accepted, empty-signature-accepted, malformed-signature-accepted, tampered-signature-accepted,
//	wrong-key-accepted, altered-body-accepted, stale-accepted
//	valid-delivery-refused           a genuine delivery was not acknowledged
//	duplicate-not-acknowledged       a repeated event was not acknowledged although nothing else was going on
//	duplicate-answered-final         a copy got an answer after which this provider does not come again
//	failure-acknowledged, failure-answered-final, panic-answered-final, store-outage-answered-final
//	                                 the same for an event whose effect failed
//	event-lost                       the schedule ended and there was no effect
//	blocked-after-crash, blocked-after-panic, blocked-after-outage
//	                                 nobody took the place of a handler that ended before the schedule ended
//	effect-after-crash-twice         with ExactlyOnce: a second effect after a crash between effect and answer
//	effect-after-outage-twice        the same after an outage of the store between effect and answer
//	malformed-body-processed, malformed-body-not-answered
//	parsed-before-verify             what was not signed is answered by what is in it
//	payload-in-log, sensitive-value-in-log, signature-in-log
//	effect-hook-not-called, max-age-missing, sign-failed, sensitive-value-not-in-event   the suite is wired wrongly
//	time-stands-still                nothing happened for a minute of real time, and the suite ended there
//
// Virtual time stands still while a goroutine waits for a sync.Mutex that another holds over an effect, or for what is
// outside of the bubble. A receiver that has to do so is one for [TestReceiverRealTime].
//
// It panics if setup is nil, or a required field of the Receiver is.
func TestReceiver(t *testing.T, setup func(t testing.TB) Receiver) {
	t.Helper()
	testReceiver(t, 0, setup)
}

// TestReceiverRealTime is [TestReceiver] for a receiver that cannot live in a synctest bubble, as it needs a database
// or a program of its own: in real time, with every wait and limit of the provider multiplied by scale, such as 0.01.
// It panics if scale is not positive.
func TestReceiverRealTime(t *testing.T, scale float64, setup func(t testing.TB) Receiver) {
	t.Helper()
	if scale <= 0 {
		panic("truhooktest: TestReceiverRealTime: the scale is not positive")
	}
	testReceiver(t, scale, setup)
}

func testReceiver(t *testing.T, scale float64, setup func(t testing.TB) Receiver) {
	t.Helper()
	if setup == nil {
		panic("truhooktest: TestReceiver: the function is nil")
	}
	stands := false
	for _, sc := range scenarios() {
		t.Run(sc.name, func(t *testing.T) {
			for _, f := range sc.check(t, scale, setup) {
				t.Errorf("%s: %s", f.Reason, f.Detail)
				stands = stands || f.Reason == standsStill
			}
		})
		if stands {
			return // the next scenarios would wait as long
		}
	}
}
