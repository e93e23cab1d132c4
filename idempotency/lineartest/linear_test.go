package lineartest_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/idempotency/lineartest"
)

func TestMemoryIsLinearizable(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		lineartest.Run(t, idempotency.NewMemory(idempotency.MemoryConfig{}), lineartest.Config{Seed: seed})
	}
}

// lossy cuts replies: the call had its effect and nobody knows.
type lossy struct {
	*idempotency.Memory
	mu sync.Mutex
	n  int
}

var errCut = errors.New("cut")

func (l *lossy) cut(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n++; l.n%7 == 0 {
		return errCut
	}
	return err
}

func (l *lossy) Claim(ctx context.Context, c idempotency.ClaimRequest) (idempotency.Record, error) {
	r, err := l.Memory.Claim(ctx, c)
	if err = l.cut(err); err != nil {
		return idempotency.Record{}, err
	}
	return r, nil
}

func (l *lossy) Complete(ctx context.Context, k idempotency.Key, t idempotency.Token) error {
	return l.cut(l.Memory.Complete(ctx, k, t))
}

func TestMemoryIsLinearizableWhenRepliesAreLost(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		s := &lossy{Memory: idempotency.NewMemory(idempotency.MemoryConfig{})}
		lineartest.Run(t, s, lineartest.Config{Seed: seed})
	}
}

// A plainLease is SET NX PX, without a look at the owner. It keeps attempts, so that only the missing check shows.
type plainLease struct {
	mu      sync.Mutex
	records map[idempotency.Key]*plainRecord
}

type plainRecord struct {
	until   time.Time
	attempt uint32
	done    bool
}

func (s *plainLease) Claim(_ context.Context, c idempotency.ClaimRequest) (idempotency.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.records[c.Key]
	if r == nil {
		r = &plainRecord{}
		s.records[c.Key] = r
	}
	switch left := time.Until(r.until); {
	case r.done:
		return idempotency.Record{State: idempotency.Done, Attempt: r.attempt}, nil
	case left > 0:
		return idempotency.Record{State: idempotency.Busy, Attempt: r.attempt, LeaseLeft: left}, nil
	}
	r.attempt++
	r.until = time.Now().Add(c.Lease)
	return idempotency.Record{State: idempotency.Owned, Attempt: r.attempt}, nil
}

func (s *plainLease) settle(k idempotency.Key, f func(r *plainRecord)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.records[k]; r != nil {
		f(r)
	}
	return nil
}

func (s *plainLease) Extend(_ context.Context, k idempotency.Key, _ idempotency.Token, d time.Duration) error {
	return s.settle(k, func(r *plainRecord) { r.until = time.Now().Add(d) })
}

func (s *plainLease) Complete(_ context.Context, k idempotency.Key, _ idempotency.Token) error {
	return s.settle(k, func(r *plainRecord) { r.done = true })
}

func (s *plainLease) Release(_ context.Context, k idempotency.Key, _ idempotency.Token) error {
	return s.settle(k, func(r *plainRecord) { r.until = time.Time{} })
}

func (s *plainLease) Forget(_ context.Context, k idempotency.Key) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.records, k)
	return nil
}

func (*plainLease) Order(context.Context, idempotency.Key, time.Time, time.Duration) (idempotency.Order, error) {
	return idempotency.OrderUnknown, nil
}

func TestALeaseWithoutOwnerCheckIsNot(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		s := &plainLease{records: map[idempotency.Key]*plainRecord{}}
		assert.Error(t, lineartest.Check(s, lineartest.Config{Seed: seed}))
	}
}

// twoOwners grants a running lease again, now and then, and is right otherwise.
type twoOwners struct {
	*idempotency.Memory
	mu sync.Mutex
	n  int
}

func (s *twoOwners) Claim(ctx context.Context, c idempotency.ClaimRequest) (idempotency.Record, error) {
	r, err := s.Memory.Claim(ctx, c)
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.State == idempotency.Busy {
		if s.n++; s.n%3 == 0 {
			r.State, r.Attempt = idempotency.Owned, r.Attempt+1
		}
	}
	return r, err
}

func TestTwoOwnersAtOnceAreFound(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		s := &twoOwners{Memory: idempotency.NewMemory(idempotency.MemoryConfig{})}
		assert.Error(t, lineartest.Check(s, lineartest.Config{Seed: seed, Lease: 50 * time.Millisecond}))
	}
}

func TestLinear_AForgetThatDeletesWhateverIsThereIsNot(t *testing.T) {
	t.Parallel()
	assert.Error(t, lineartest.Check(&deleting{Memory: idempotency.NewMemory(idempotency.MemoryConfig{})}, lineartest.Config{Seed: 1}))
}

// deleting answers as if what it was told to forget were gone, whatever its state was.
type deleting struct {
	*idempotency.Memory
	mu   sync.Mutex
	gone map[idempotency.Key]int
}

func (d *deleting) key(k idempotency.Key) idempotency.Key {
	d.mu.Lock()
	defer d.mu.Unlock()
	k.ID = fmt.Sprint(k.ID, "/", d.gone[k])
	return k
}

func (d *deleting) Claim(ctx context.Context, c idempotency.ClaimRequest) (idempotency.Record, error) {
	c.Key = d.key(c.Key)
	return d.Memory.Claim(ctx, c)
}

func (d *deleting) Extend(ctx context.Context, k idempotency.Key, t idempotency.Token, lease time.Duration) error {
	return d.Memory.Extend(ctx, d.key(k), t, lease)
}

func (d *deleting) Complete(ctx context.Context, k idempotency.Key, t idempotency.Token) error {
	return d.Memory.Complete(ctx, d.key(k), t)
}

func (d *deleting) Release(ctx context.Context, k idempotency.Key, t idempotency.Token) error {
	return d.Memory.Release(ctx, d.key(k), t)
}

func (d *deleting) Forget(_ context.Context, k idempotency.Key) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gone == nil {
		d.gone = map[idempotency.Key]int{}
	}
	d.gone[k]++
	return nil
}
