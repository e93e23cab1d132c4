package truhooktest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/jose/transunion"
	"github.com/truhook/truhook/retry"
	"github.com/truhook/truhook/truhooktest"
)

func TestACorrectReceiverPasses(t *testing.T) {
	t.Parallel()
	policies := []retry.Policy{truv.RetryPolicy(), truval.RetryPolicy(), trulioo.RetryPolicy(), transunion.RetryPolicy(), {Provider: "unknown"}}
	for _, p := range policies {
		t.Run(p.Provider, func(t *testing.T) {
			t.Parallel()
			for _, kind := range []flaw{none, atLeastOnce, works} {
				t.Run(string(kind), func(t *testing.T) {
					t.Parallel()
					truhooktest.TestReceiver(t, receiver(kind, p))
				})
			}
		})
	}
}

// nine are the flaws that every suite for receivers has to find, each with its one name.
func nine() map[flaw]string {
	return map[flaw]string{
		acknowledgesBeforeCommit: "acknowledged-before-commit",
		checkThenInsert:          "check-then-insert-race",
		noRecord:                 "no-idempotency-record",
		dedupeBeforeVerify:       "dedupe-before-verify",
		parsedJSON:               "signature-over-parsed-json",
		burnsTheID:               "id-burned-before-handler",
		assumesOrder:             "order-assumed",
		logsPayload:              "payload-in-log",
		acceptsStale:             "stale-accepted",
	}
}

func TestEveryFlawedReceiverFailsForItsReason(t *testing.T) {
	t.Parallel()
	tests := map[flaw]struct {
		reason string
		more   []string // what follows from the flaw, too
	}{
		asksBeforeVerify: {"dedupe-before-verify", nil},
		recordInMemory:   {"dedupe-not-durable", []string{"effect-after-crash-twice"}},
		acceptsUnsigned:  {"unsigned-accepted", nil},
		acceptsEmpty:     {"empty-signature-accepted", nil},
		verifiesJSONOnly: {"unsigned-accepted", nil},
		verifiesPOSTOnly: {"unsigned-accepted", nil},
		acceptsMalformed: {"malformed-signature-accepted", []string{"empty-signature-accepted"}},
		acceptsTampered:  {"tampered-signature-accepted", []string{"altered-body-accepted", "signature-over-parsed-json", "stale-accepted", "wrong-key-accepted"}},
		comparesBegin:    {"tampered-signature-accepted", nil},
		comparesEnd:      {"tampered-signature-accepted", nil},
		acceptsAnyKey:    {"wrong-key-accepted", nil},
		ignoresBody:      {"altered-body-accepted", nil},
		conflictIsFinal:  {"duplicate-answered-final", []string{"event-lost"}},
		duplicateIsConflict: {"duplicate-not-acknowledged", []string{
			"blocked-after-crash", "duplicate-answered-final", "event-lost", "valid-delivery-refused",
		}},
		failureIsFinal:     {"failure-answered-final", []string{"duplicate-answered-final", "event-lost"}},
		failureIsSuccess:   {"failure-acknowledged", []string{"event-lost"}},
		panicsOnMalformed:  {"malformed-body-not-answered", nil},
		processesMalformed: {"malformed-body-processed", nil},
		logsSignature:      {"signature-in-log", nil},
		logsOneValue:       {"sensitive-value-in-log", nil},
		logsQuoted:         {"payload-in-log", []string{"sensitive-value-in-log"}},
		logsBytes:          {"payload-in-log", nil},
		logsPart:           {"payload-in-log", nil},
		refusesEverything:  {"valid-delivery-refused", []string{"event-lost"}},
		losesEverything: {"acknowledged-before-commit", []string{
			"event-lost", "altered-body-accepted", "empty-signature-accepted", "malformed-signature-accepted", "signature-over-parsed-json", "stale-accepted",
			"tampered-signature-accepted", "unsigned-accepted", "wrong-key-accepted",
		}},
		noHook:           {"effect-hook-not-called", nil},
		leaseTooLong:     {"blocked-after-crash", []string{"event-lost"}},
		bodyHash:         {"identified-by-body", nil},
		panicBurns:       {"id-burned-by-panic", []string{"acknowledged-while-in-progress"}},
		panicKeepsLease:  {"blocked-after-panic", []string{"event-lost"}},
		panicIsFinal:     {"panic-answered-final", nil},
		storeAway:        {"acknowledged-without-store", nil},
		storeAwayIsFinal: {"store-outage-answered-final", nil},
		outageKeepsLease: {"blocked-after-outage", []string{"blocked-after-crash", "event-lost"}},
		foreignLease:     {"slow-effect-twice", nil},
		ackInProgress:    {"acknowledged-while-in-progress", []string{"event-lost"}},
		countsAttempts:   {"attempts-used-up", nil},
		firstWins:        {"first-version-kept", nil},
		versionBurned:    {"version-burned", nil},
		forgetsSoon:      {"record-forgotten", nil},
		evicts:           {"record-forgotten", nil},
		truncatesID:      {"ids-mixed-up", []string{"events-mixed-up"}},
		foldsCase:        {"ids-mixed-up", nil},
		cutsFront:        {"ids-mixed-up", nil},
		sharedVariable:   {"events-mixed-up", nil},
		mixesTenants:     {"tenants-mixed-up", nil},
		anyTenantsKey:    {"tenant-key-accepted-elsewhere", nil},
		cutsBody:         {"large-body-lost", nil},
		parsesFirst:      {"parsed-before-verify", nil},
		worksLost:        {"acknowledged-before-commit", []string{"event-lost"}},
		effectThenRecord: {"effect-after-crash-twice", []string{"effect-after-outage-twice"}},

		dropsCommit:     {"acknowledged-without-commit", nil},
		commitIsFinal:   {"store-outage-answered-final", nil},
		givesUp:         {"given-up-after-failures", nil},
		headOfLine:      {"blocked-by-failing-event", nil},
		diesOfOutage:    {"stopped-by-outage", nil},
		forgetsInADay:   {"redelivery-by-hand-twice", nil},
		endsWithRequest: {"slow-effect-lost", nil},

		dedupeBeforeVerify:       {more: []string{"event-lost", "id-burned-before-handler"}},
		burnsTheID:               {more: []string{"event-lost"}},
		checkThenInsert:          {more: []string{"effect-after-crash-twice", "effect-after-outage-twice", "slow-effect-twice"}},
		noRecord:                 {more: []string{"effect-after-crash-twice"}},
		logsPayload:              {more: []string{"sensitive-value-in-log"}},
		acknowledgesBeforeCommit: {more: []string{"event-lost", "failure-acknowledged"}},
	}
	for f, reason := range nine() {
		tt := tests[f]
		tt.reason = reason
		tests[f] = tt
	}
	for f, tt := range tests {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			got := truhooktest.Reasons(t, receiver(f, truval.RetryPolicy()))
			assert.Equal(t, sorted(append(tt.more, tt.reason)), sorted(got))
		})
	}
}

// An effect that is slower than a long limit is asked for only where the schedule leaves a handler the time.
func TestAnEffectSlowerThanTheLimit_IsAskedForWhereTheScheduleLeavesItsTime(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		limit, delay time.Duration
		want         []string
	}{
		"short limit":                 {10 * time.Second, time.Second, []string{"slow-effect-lost"}},
		"long limit, long schedule":   {40 * time.Second, time.Minute, []string{"slow-effect-lost"}},
		"long limit, short schedule":  {40 * time.Second, time.Second, nil},
		"limit of the longest effect": {23 * time.Second, time.Second, []string{"slow-effect-lost"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			policy := truval.RetryPolicy()
			policy.AckLimit, policy.Delays = tt.limit, []retry.Delay{{Base: tt.delay}}
			assert.Equal(t, tt.want, truhooktest.Reasons(t, receiver(endsWithRequest, policy)))
			assert.Empty(t, truhooktest.Reasons(t, receiver(none, policy)))
		})
	}
}

func TestTheNineFlawsAreFoundAHundredTimesInARow(t *testing.T) {
	t.Parallel()
	for f, reason := range nine() {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			for run := range 100 {
				require.True(t, truhooktest.Finds(t, reason, receiver(f, truval.RetryPolicy())), "run %d", run+1)
			}
		})
	}
}

func TestASuiteThatIsWiredWronglyFails(t *testing.T) {
	t.Parallel()
	tests := map[string]func(r *truhooktest.Receiver){
		"max-age-missing":              func(r *truhooktest.Receiver) { r.MaxAge = 0 },
		"sensitive-value-not-in-event": func(r *truhooktest.Receiver) { r.Sensitive = []string{"not in the event"} },
		"sign-failed":                  func(r *truhooktest.Receiver) { r.Sign = truhooktest.HMAC(hmacsig.Scheme{}, rightKey) },
	}
	for reason, change := range tests {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			assert.Contains(t, truhooktest.Reasons(t, func(t testing.TB) truhooktest.Receiver {
				r := receiver(none, truval.RetryPolicy())(t)
				change(&r)
				return r
			}), reason)
		})
	}
	missing := map[string]func(r *truhooktest.Receiver){
		"sign":      func(r *truhooktest.Receiver) { r.Sign = nil },
		"wrong key": func(r *truhooktest.Receiver) { r.WrongKey = nil },
		"event":     func(r *truhooktest.Receiver) { r.Event = nil },
		"start":     func(r *truhooktest.Receiver) { r.Start = nil },
		"handler":   func(r *truhooktest.Receiver) { r.Start = func(*truhooktest.Instance) http.Handler { return nil } },
	}
	for name, change := range missing {
		r := receiver(none, truval.RetryPolicy())(t)
		change(&r)
		assert.Panics(t, func() { truhooktest.CheckFirst(t, 1, r) }, name)
	}
	assert.Panics(t, func() { truhooktest.TestReceiverRealTime(t, 0, receiver(none, truval.RetryPolicy())) })
}

// In real time the waits are real, so this provider comes soon and the lease is short.
func TestACorrectReceiverPassesInRealTime(t *testing.T) {
	t.Parallel()
	soon := truval.RetryPolicy()
	soon.Attempts, soon.Delays, soon.AckLimit = 20, []retry.Delay{{Base: time.Second}}, 20*time.Second
	truhooktest.TestReceiverRealTime(t, 0.05, func(t testing.TB) truhooktest.Receiver {
		r := receiver(inRealTime, soon)(t)
		r.Settle = 2 * time.Second
		return r
	})
}

func TestACorrectReceiverPassesAHundredTimesInARow(t *testing.T) {
	t.Parallel()
	for run := range 100 {
		require.Empty(t, truhooktest.Reasons(t, receiver(none, truval.RetryPolicy())), "run %d", run+1)
	}
}
