package storetest_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/idempotency/storetest"
)

// A naiveSet is what most receivers use: insert the id, then run the handler.
type naiveSet struct {
	mu   sync.Mutex
	seen map[idempotency.Key]bool
}

func (s *naiveSet) Claim(_ context.Context, c idempotency.ClaimRequest) (idempotency.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen[c.Key] {
		return idempotency.Record{State: idempotency.Done, Attempt: 1}, nil
	}
	s.seen[c.Key] = true
	return idempotency.Record{State: idempotency.Owned, Attempt: 1, Fingerprint: c.Fingerprint}, nil
}

func (*naiveSet) Extend(context.Context, idempotency.Key, idempotency.Token, time.Duration) error {
	return nil
}
func (*naiveSet) Complete(context.Context, idempotency.Key, idempotency.Token) error { return nil }
func (*naiveSet) Release(context.Context, idempotency.Key, idempotency.Token) error  { return nil }
func (*naiveSet) Forget(context.Context, idempotency.Key) error                      { return nil }
func (*naiveSet) Order(context.Context, idempotency.Key, time.Time, time.Duration) (idempotency.Order, error) {
	return idempotency.OrderUnknown, nil
}

// A naiveLease is SET NX PX with an unconditional DEL (defect D6): whoever comes late takes away from the successor.
type naiveLease struct {
	clock *clock
	mu    sync.Mutex
	until map[idempotency.Key]time.Time
	done  map[idempotency.Key]bool
}

func (s *naiveLease) Claim(_ context.Context, c idempotency.ClaimRequest) (idempotency.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	switch left := s.until[c.Key].Sub(now); {
	case s.done[c.Key]:
		return idempotency.Record{State: idempotency.Done, Attempt: 1}, nil
	case left > 0:
		return idempotency.Record{State: idempotency.Busy, Attempt: 1, LeaseLeft: left}, nil
	}
	s.until[c.Key] = now.Add(c.Lease)
	return idempotency.Record{State: idempotency.Owned, Attempt: 1}, nil
}

func (s *naiveLease) Extend(_ context.Context, k idempotency.Key, _ idempotency.Token, lease time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until[k] = s.clock.Now().Add(lease)
	return nil
}

func (s *naiveLease) Complete(_ context.Context, k idempotency.Key, _ idempotency.Token) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done[k] = true
	return nil
}

func (s *naiveLease) Release(_ context.Context, k idempotency.Key, _ idempotency.Token) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.until, k)
	return nil
}

func (s *naiveLease) Forget(_ context.Context, k idempotency.Key) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.until, k)
	delete(s.done, k)
	return nil
}

func (*naiveLease) Order(context.Context, idempotency.Key, time.Time, time.Duration) (idempotency.Order, error) {
	return idempotency.OrderUnknown, nil
}

// A mutant is a Memory with one fault.
type mutant struct {
	*idempotency.Memory
	claim    func(m *idempotency.Memory, ctx context.Context, c idempotency.ClaimRequest) (idempotency.Record, error)
	complete func(m *idempotency.Memory, ctx context.Context, k idempotency.Key, t idempotency.Token) error
	order    func(o idempotency.Order) idempotency.Order
	forget   func(m *idempotency.Memory, ctx context.Context, k idempotency.Key) error
}

func (m mutant) Claim(ctx context.Context, c idempotency.ClaimRequest) (idempotency.Record, error) {
	if m.claim == nil {
		return m.Memory.Claim(ctx, c)
	}
	return m.claim(m.Memory, ctx, c)
}

func (m mutant) Complete(ctx context.Context, k idempotency.Key, t idempotency.Token) error {
	if m.complete == nil {
		return m.Memory.Complete(ctx, k, t)
	}
	return m.complete(m.Memory, ctx, k, t)
}

func (m mutant) Order(ctx context.Context, r idempotency.Key, at time.Time, d time.Duration) (idempotency.Order, error) {
	o, err := m.Memory.Order(ctx, r, at, d)
	if m.order != nil {
		o = m.order(o)
	}
	return o, err
}

func (m mutant) Forget(ctx context.Context, k idempotency.Key) error {
	if m.forget == nil {
		return m.Memory.Forget(ctx, k)
	}
	return m.forget(m.Memory, ctx, k)
}

// changed returns a claim function that changes the claim first, and the record after.
func changed(before func(*idempotency.ClaimRequest), after func(*idempotency.Record)) func(*idempotency.Memory, context.Context, idempotency.ClaimRequest) (idempotency.Record, error) {
	return func(m *idempotency.Memory, ctx context.Context, c idempotency.ClaimRequest) (idempotency.Record, error) {
		if before != nil {
			before(&c)
		}
		r, err := m.Claim(ctx, c)
		if after != nil {
			after(&r)
		}
		return r, err
	}
}

func TestStoresThatBreakTheContractFail(t *testing.T) {
	t.Parallel()
	clock := newClock()
	memory := func() *idempotency.Memory { return idempotency.NewMemory(idempotency.MemoryConfig{Now: clock.Now}) }
	for name, c := range map[string]struct {
		store func() idempotency.Store
		fails []int // points that must find it, others may
	}{
		"the naive set": {func() idempotency.Store {
			return &naiveSet{seen: map[idempotency.Key]bool{}}
		}, []int{1, 2, 3, 4, 5, 7, 8, 12, 13, 14}},
		"the lease without owner check (D6)": {func() idempotency.Store {
			return &naiveLease{clock: clock, until: map[idempotency.Key]time.Time{}, done: map[idempotency.Key]bool{}}
		}, []int{1, 2, 3, 4, 6, 7, 8, 12, 13, 14}},
		"a claim whose repetition is a duplicate (D4)": {func() idempotency.Store {
			seen := map[idempotency.Token]bool{}
			var mu sync.Mutex
			return mutant{Memory: memory(), claim: changed(func(c *idempotency.ClaimRequest) {
				mu.Lock()
				defer mu.Unlock()
				if seen[c.Token] {
					c.Token = idempotency.NewToken()
				}
				seen[c.Token] = true
			}, nil)}
		}, []int{2, 8}},
		"a lease of twice the length": {func() idempotency.Store {
			return mutant{Memory: memory(), claim: changed(func(c *idempotency.ClaimRequest) { c.Lease *= 2; c.Retain *= 2 }, nil)}
		}, []int{1, 12}},
		"a lease that has no end": {func() idempotency.Store {
			return mutant{Memory: memory(), claim: changed(func(c *idempotency.ClaimRequest) { c.Lease = c.Retain }, nil)}
		}, []int{1, 2, 3, 7}},
		"no attempts": {func() idempotency.Store {
			return mutant{Memory: memory(), claim: changed(nil, func(r *idempotency.Record) { r.Attempt = 1 })}
		}, []int{1, 7}},
		"keys without case": {func() idempotency.Store {
			return mutant{Memory: memory(), claim: changed(func(c *idempotency.ClaimRequest) { c.Key.ID = strings.ToLower(c.Key.ID) }, nil)}
		}, []int{9}},
		"keys without trailing blanks": {func() idempotency.Store {
			return mutant{Memory: memory(), claim: changed(func(c *idempotency.ClaimRequest) { c.Key.ID = strings.TrimRight(c.Key.ID, " ") }, nil)}
		}, []int{9}},
		"keys that are cut": {func() idempotency.Store {
			return mutant{Memory: memory(), claim: changed(func(c *idempotency.ClaimRequest) { c.Key.ID = c.Key.ID[:min(254, len(c.Key.ID))] }, nil)}
		}, []int{9}},
		"scope and id joined by a colon": {func() idempotency.Store {
			return mutant{Memory: memory(), claim: changed(func(c *idempotency.ClaimRequest) {
				c.Key = idempotency.Key{ID: c.Key.Scope + ":" + c.Key.ID}
			}, nil)}
		}, []int{10}},
		"completion by anybody": {func() idempotency.Store {
			return mutant{Memory: memory(), complete: func(m *idempotency.Memory, ctx context.Context, k idempotency.Key, t idempotency.Token) error {
				_ = m.Complete(ctx, k, t)
				return nil
			}}
		}, []int{3, 12}},
		"completion that a cancelled context swallows": {func() idempotency.Store {
			return mutant{Memory: memory(), complete: func(m *idempotency.Memory, ctx context.Context, k idempotency.Key, t idempotency.Token) error {
				if ctx.Err() != nil {
					return nil
				}
				return m.Complete(ctx, k, t)
			}}
		}, []int{11}},
		"the last fingerprint": {func() idempotency.Store {
			last := map[idempotency.Key]idempotency.Fingerprint{}
			var mu sync.Mutex
			return mutant{Memory: memory(), claim: func(m *idempotency.Memory, ctx context.Context, c idempotency.ClaimRequest) (idempotency.Record, error) {
				r, err := m.Claim(ctx, c)
				mu.Lock()
				defer mu.Unlock()
				if r.State == idempotency.Owned {
					last[c.Key] = c.Fingerprint
				}
				r.Fingerprint = last[c.Key]
				return r, err
			}}
		}, []int{7}},
		"half the retention": {func() idempotency.Store {
			return mutant{Memory: memory(), claim: changed(func(c *idempotency.ClaimRequest) { c.Retain = max(c.Lease, c.Retain/4) }, nil)}
		}, []int{12}},
		"an order that calls everything newer": {func() idempotency.Store {
			return mutant{Memory: memory(), order: func(idempotency.Order) idempotency.Order { return idempotency.Newer }}
		}, []int{13}},
		"an order that knows no equals": {func() idempotency.Store {
			return mutant{Memory: memory(), order: func(o idempotency.Order) idempotency.Order {
				if o == idempotency.Same {
					return idempotency.Older
				}
				return o
			}}
		}, []int{13}},
		"Forget that does nothing": {func() idempotency.Store {
			return mutant{Memory: memory(), forget: func(*idempotency.Memory, context.Context, idempotency.Key) error { return nil }}
		}, []int{14}},
		"Forget that says nothing of what is being handled": {func() idempotency.Store {
			return mutant{Memory: memory(), forget: func(m *idempotency.Memory, ctx context.Context, k idempotency.Key) error {
				_ = m.Forget(ctx, k)
				return nil
			}}
		}, []int{14}},
	} {
		failed := map[int]error{}
		for _, p := range storetest.Points() {
			if err := p.Check(c.store(), storetest.Config{Advance: clock.Advance}); err != nil {
				failed[p.Number] = err
			}
		}
		for _, n := range c.fails {
			assert.Error(t, failed[n], "%s passes point %d", name, n)
		}
	}
}

// A forgetful store makes room by forgetting the oldest record, as a cache does.
type forgetful struct {
	*idempotency.Memory
	clock *clock
	mu    sync.Mutex
	order []idempotency.ClaimRequest
}

func (s *forgetful) Claim(ctx context.Context, c idempotency.ClaimRequest) (idempotency.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.Memory.Claim(ctx, c)
	if err != nil {
		return idempotency.Record{State: idempotency.Owned, Attempt: 1}, nil
	}
	s.order = append(s.order, c)
	return r, nil
}

func TestAStoreThatForgetsInsteadOfRefusingFails(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := &forgetful{Memory: idempotency.NewMemory(idempotency.MemoryConfig{MaxEntries: 50, Now: clock.Now}), clock: clock}
	assert.Error(t, storetest.CheckFull(s, storetest.Config{Advance: clock.Advance}))
}
