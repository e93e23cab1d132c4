package redisstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/truhook/truhook/idempotency"
)

// A Config has what is optional about a [Store]. Its zero value is ready to use.
type Config struct {
	_ [0]func()

	// Prefix begins every key in Redis. Empty: "truhook:". Two stores with one prefix in one database are one store.
	Prefix string
}

// A Store is an [idempotency.Store] in Redis. It is made by [New], and safe for
// concurrent use; the zero Store refuses every call.
//
// Set ContextTimeoutEnabled in the client's options. A call returns when its context ends in any case (within two
// seconds where it is cancelled before its deadline), but without that option, or without a deadline, each one needs a
// goroutine, which waits on as long as the client's own limits allow, and costs half as much again.
//
// A key in Redis is the prefix, "c:" for a claim or "r:" for a resource, the length of the scope, ":", the scope, ":"
// and the id. A record takes about 230 bytes, so 31 days of one event a second are 600 MB.
type Store struct {
	client redis.UniversalClient
	prefix string
	heeds  bool // the client heeds the deadline of a context
}

var _ idempotency.Store = (*Store)(nil)

// New returns a store in the Redis that client reaches. It does not connect; a nil client is an error. Leave
// MaxRetries of the client as it is: repetitions are safe. A [redis.Ring] forgets what is on a shard that is down, so
// events that were handled are handled again: use Redis Cluster instead.
func New(client redis.UniversalClient, cfg Config) (*Store, error) {
	if client == nil {
		return nil, errors.New("redisstore: the client is nil")
	}
	if cfg.Prefix == "" {
		cfg.Prefix = "truhook:"
	}
	return &Store{client: client, prefix: cfg.Prefix, heeds: heedsDeadlines(client)}, nil
}

func heedsDeadlines(client redis.UniversalClient) bool {
	switch c := client.(type) {
	case *redis.Client:
		return c.Options().ContextTimeoutEnabled
	case *redis.ClusterClient:
		return c.Options().ContextTimeoutEnabled
	}
	return false
}

// Claim implements [idempotency.Store].
func (s *Store) Claim(ctx context.Context, c idempotency.ClaimRequest) (idempotency.Record, error) {
	if c.Lease <= 0 || c.Retain < c.Lease || c.Token == (idempotency.Token{}) {
		return idempotency.Record{}, errors.New("redisstore: a claim needs a token, a lease, and a retention that is not shorter")
	}
	retain := micros(c.Retain)
	answer, err := s.run(ctx, claimScript, s.key("c:", c.Key), c.Token[:], c.Fingerprint[:], micros(c.Lease), retain, (retain+999)/1000)
	if err != nil {
		return idempotency.Record{}, fmt.Errorf("redisstore: claim: %w", err)
	}
	if answer == int64(1) {
		return idempotency.Record{State: idempotency.Owned, Attempt: 1, Fingerprint: c.Fingerprint}, nil
	}
	return parseRecord(answer)
}

// parseRecord reads {state, attempt, microseconds left, fingerprint}.
func parseRecord(answer any) (r idempotency.Record, err error) {
	fields, _ := answer.([]any)
	if len(fields) != 4 {
		return r, fmt.Errorf("redisstore: claim: unexpected answer of type %T", answer)
	}
	state, ok0 := fields[0].(int64)
	attempt, ok1 := fields[1].(int64)
	left, ok2 := fields[2].(int64)
	fingerprint, ok3 := fields[3].(string)
	if !ok0 || !ok1 || !ok2 || !ok3 || len(fingerprint) != len(r.Fingerprint) || attempt < 1 || attempt > math.MaxUint32 {
		return r, errors.New("redisstore: claim: unexpected answer")
	}
	r.Attempt = uint32(attempt)
	copy(r.Fingerprint[:], fingerprint)
	switch state {
	case 1:
		r.State = idempotency.Owned
	case 2:
		r.State, r.LeaseLeft = idempotency.Busy, time.Duration(left)*time.Microsecond
	case 3:
		r.State = idempotency.Done
	default:
		return idempotency.Record{}, fmt.Errorf("redisstore: claim: unexpected state %d", state)
	}
	return r, nil
}

// Extend implements [idempotency.Store].
func (s *Store) Extend(ctx context.Context, k idempotency.Key, t idempotency.Token, lease time.Duration) error {
	return s.settle(ctx, "extend", k, t, pending, lease)
}

// Complete implements [idempotency.Store].
func (s *Store) Complete(ctx context.Context, k idempotency.Key, t idempotency.Token) error {
	return s.settle(ctx, "complete", k, t, done, 0)
}

// Release implements [idempotency.Store].
func (s *Store) Release(ctx context.Context, k idempotency.Key, t idempotency.Token) error {
	return s.settle(ctx, "release", k, t, released, 0)
}

func (s *Store) settle(ctx context.Context, call string, k idempotency.Key, t idempotency.Token, to int, lease time.Duration) error {
	answer, err := s.run(ctx, settleScript, s.key("c:", k), t[:], to, micros(lease))
	switch {
	case err != nil:
		return fmt.Errorf("redisstore: %s: %w", call, err)
	case answer == int64(1):
		return nil
	case answer == int64(0):
		return idempotency.ErrLost
	}
	return fmt.Errorf("redisstore: %s: unexpected answer", call)
}

// maxExact is where the numbers of Lua, which are float64, end to tell neighbors apart: in microseconds, the year 2255.
const maxExact = 1 << 53

// Forget implements [idempotency.Store].
func (s *Store) Forget(ctx context.Context, k idempotency.Key) error {
	answer, err := s.run(ctx, forgetScript, s.key("c:", k))
	switch {
	case err != nil:
		return fmt.Errorf("redisstore: forget: %w", err)
	case answer == int64(1):
		return nil
	case answer == int64(0):
		return idempotency.ErrInFlight
	}
	return errors.New("redisstore: forget: unexpected answer")
}

// Order implements [idempotency.Store]. Versions before 1684 are one and the same, and so are those after 2255.
func (s *Store) Order(
	ctx context.Context, resource idempotency.Key, version time.Time, retain time.Duration,
) (idempotency.Order, error) {
	micro := min(max(version.UnixMicro(), -maxExact), maxExact)
	answer, err := s.run(ctx, orderScript, s.key("r:", resource), micro, max(1, micros(retain)/1000))
	if err != nil {
		return idempotency.OrderUnknown, fmt.Errorf("redisstore: order: %w", err)
	}
	switch answer {
	case int64(1):
		return idempotency.Newer, nil
	case int64(2):
		return idempotency.Same, nil
	case int64(3):
		return idempotency.Older, nil
	}
	return idempotency.OrderUnknown, errors.New("redisstore: order: unexpected answer")
}

// key joins the fields so that no two keys meet: the length tells where the scope ends.
func (s *Store) key(kind string, k idempotency.Key) string {
	if s == nil {
		return ""
	}
	return s.prefix + kind + strconv.Itoa(len(k.Scope)) + ":" + k.Scope + ":" + k.ID
}

// micros rounds up, so that no lease is shorter than it was promised, and ends at a century, so that sums stay exact.
func micros(d time.Duration) int64 {
	const century = 100 * 365 * 24 * time.Hour
	d = min(max(d, 0), century)
	return int64((d + time.Microsecond - 1) / time.Microsecond)
}

// run calls a script and returns when it has answered or ctx has ended.
func (s *Store) run(ctx context.Context, script *redis.Script, key string, args ...any) (any, error) {
	if s == nil || s.client == nil {
		return nil, errors.New("the store was not made by New")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	answer, err := s.wait(ctx, func() (any, error) {
		return script.Run(ctx, s.client, []string{key}, args...).Result()
	})
	if err != nil && isFull(err) {
		return nil, idempotency.ErrFull
	}
	return answer, err
}

// wait calls f and returns when it has returned or ctx has ended, or soon after.
func (s *Store) wait(ctx context.Context, f func() (any, error)) (any, error) {
	const soon = 2 * time.Second
	if end, ok := ctx.Deadline(); ctx.Done() == nil || ok && s.heeds && time.Until(end) <= soon {
		return f()
	}
	// By default the client heeds a context only between its attempts, of 3 s each, and never a cancellation.
	type result struct {
		answer any
		err    error
	}
	answered := make(chan result, 1)
	go func() {
		answer, err := f()
		answered <- result{answer, err}
	}()
	select {
	case r := <-answered:
		return r.answer, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// isFull reports that Redis has refused to write because it has reached its maxmemory. A script that was refused has
// written nothing: each writes once.
func isFull(err error) bool {
	return redis.IsOOMError(err) || strings.Contains(err.Error(), "OOM command not allowed")
}
