// Package storetest checks an [idempotency.Store] against its contract, one test a point.
//
// The tests of a store of your own are:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func(t *testing.T) idempotency.Store { return mystore.New(...) }, storetest.Config{})
//	}
//
// The suite finds what a check of the happy path does not: a set that forgets to give back, a lease whose release
// deletes a successor, a claim that its own repetition takes for a duplicate. Stores with each of these faults are in
// this package's own tests, and fail. What it cannot find is what only a crash shows, such as a database that
// acknowledges before it writes.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/truhook/truhook/idempotency"
)

// A Config says how to test. Its zero value tests a store that lives in real time.
type Config struct {
	_ [0]func()

	// Advance lets d pass on the store's clock; nil: time.Sleep.
	Advance func(d time.Duration)

	// Unit is the lease that the tests let run out. Zero: 1 s. A test fails by accident if a call takes a third of it.
	Unit time.Duration

	// Bounded returns a store that holds max records. Nil: whether a full store refuses is not tested.
	Bounded func(t testing.TB, max int) idempotency.Store
}

// Run tests a store: each point of the contract is a subtest. The
// subtests call open once each. They use keys of random scopes, so open may return the same store again, and may share
// it with others. Do not call Run in parallel with what moves the store's clock.
func Run(t *testing.T, open func(t *testing.T) idempotency.Store, cfg Config) {
	t.Helper()
	for _, p := range Points() {
		t.Run(fmt.Sprintf("%02d_%s", p.Number, p.Name), func(t *testing.T) {
			if cfg.Advance == nil {
				t.Parallel() // most of the time is spent waiting for leases
			}
			if err := p.Check(open(t), cfg); err != nil {
				t.Errorf("point %d: %v", p.Number, err)
			}
			if p.Number == retention && cfg.Bounded != nil {
				if err := checkFull(cfg.Bounded(t, full), cfg); err != nil {
					t.Errorf("point %d: %v", p.Number, err)
				}
			}
		})
	}
}

// A Point is one point of the contract in the doc comment of [idempotency.Store].
type Point struct {
	Number int    // as in the contract, from 1
	Name   string // what the point says, in a few words
	check  func(s *subject)
}

const retention, full = 12, 50

// Points returns the points in order.
func Points() []Point {
	return []Point{
		{1, "one_owner_until_the_lease_is_over", oneOwner},
		{2, "a_claim_is_repeatable_by_its_token", repeatedClaim},
		{3, "only_the_owner_settles", onlyTheOwner},
		{4, "complete_and_release_are_repeatable", repeatedSettle},
		{5, "a_late_owner_settles_if_nobody_took_over", lateOwner},
		{6, "done_is_final", doneIsFinal},
		{7, "the_attempt_grows_and_the_fingerprint_stays", attempts},
		{8, "every_call_may_be_repeated_at_the_same_time", concurrentRepeats},
		{9, "keys_are_bytes", keysAreBytes},
		{10, "scopes_never_meet", scopes},
		{11, "a_cancelled_call_leaves_before_or_after", cancelled},
		{retention, "kept_until_the_retention_is_over", kept},
		{13, "the_order_only_moves_forward", ordered},
		{14, "what_is_done_can_be_forgotten", forgotten},
	}
}

// Check tests one point and returns the first violation that it finds. It does not call Config.Bounded.
func (p Point) Check(store idempotency.Store, cfg Config) (err error) {
	defer func() {
		if v := recover(); v != nil {
			violated, ok := v.(violation)
			if !ok {
				panic(v)
			}
			err = violated
		}
	}()
	p.check(newSubject(store, cfg))
	return nil
}

func checkFull(store idempotency.Store, cfg Config) error {
	return Point{Number: retention, check: fullRefuses}.Check(store, cfg)
}

type violation struct{ error }

// A subject is a store under test: each method fails the test by a panic that Check turns into an error.
type subject struct {
	ctx     context.Context
	store   idempotency.Store
	scope   string
	unit    time.Duration
	advance func(time.Duration)
}

func newSubject(store idempotency.Store, cfg Config) *subject {
	s := &subject{context.Background(), store, fmt.Sprintf("storetest/%x", idempotency.NewToken()), cfg.Unit, cfg.Advance}
	if s.unit <= 0 {
		s.unit = time.Second
	}
	if s.advance == nil {
		s.advance = time.Sleep
	}
	return s
}

func fail(format string, args ...any) { panic(violation{fmt.Errorf(format, args...)}) }

func (s *subject) key(id string) idempotency.Key { return idempotency.Key{Scope: s.scope, ID: id} }

// long is a lease that does not run out during a test, and a retention that is longer still.
const long, longer = time.Hour, 24 * time.Hour

func (s *subject) request(k idempotency.Key, t idempotency.Token) idempotency.ClaimRequest {
	return idempotency.ClaimRequest{Key: k, Token: t, Lease: long, Retain: longer}
}

func (s *subject) claim(c idempotency.ClaimRequest) idempotency.Record {
	r, err := s.store.Claim(s.ctx, c)
	if err != nil {
		fail("Claim: %w", err)
	}
	return r
}

// want claims and compares state and attempt.
func (s *subject) want(what string, c idempotency.ClaimRequest, state idempotency.State, attempt uint32) idempotency.Record {
	r := s.claim(c)
	if r.State != state || r.Attempt != attempt {
		fail("%s: Claim answers %v at attempt %d, want %v at attempt %d", what, r.State, r.Attempt, state, attempt)
	}
	if state == idempotency.Busy && (r.LeaseLeft <= 0 || r.LeaseLeft > long+time.Second) {
		fail("%s: busy for another %v", what, r.LeaseLeft)
	}
	return r
}

type call func(k idempotency.Key, t idempotency.Token) error

func (s *subject) extend(k idempotency.Key, t idempotency.Token) error {
	return s.store.Extend(s.ctx, k, t, long)
}

func (s *subject) complete(k idempotency.Key, t idempotency.Token) error {
	return s.store.Complete(s.ctx, k, t)
}

func (s *subject) release(k idempotency.Key, t idempotency.Token) error {
	return s.store.Release(s.ctx, k, t)
}

func ok(what string, err error) {
	if err != nil {
		fail("%s: %w", what, err)
	}
}

func lost(what string, err error) {
	if !errors.Is(err, idempotency.ErrLost) {
		fail("%s: the error is %v, want ErrLost", what, err)
	}
}
