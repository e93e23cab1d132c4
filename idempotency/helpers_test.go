package idempotency_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/jose/transunion"
	"github.com/truhook/truhook/retry"
)

// event is a verified delivery whose payload is its id.
func event(id string) *truhook.Verified { return &truhook.Verified{Payload: []byte(id)} }

func id(v *truhook.Verified) (string, error) { return string(v.Payload), nil }

// silent is a Logger that writes nothing.
var silent = slog.New(slog.DiscardHandler)

// taken is a DeadLetter that takes everything.
func taken(context.Context, *truhook.Verified, error) error { return nil }

var errHandler = errors.New("the handler failed")

// observed counts what Config.Observe is told.
type observed struct {
	mu     sync.Mutex
	events []idempotency.Observation
}

func (o *observed) Observe(_ context.Context, e idempotency.Observation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.events = append(o.events, e)
}

func (o *observed) count(what idempotency.Outcome) (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range o.events {
		if e.Outcome == what {
			n++
		}
	}
	return n
}

func (o *observed) last(t testing.TB, what idempotency.Outcome) idempotency.Observation {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := len(o.events) - 1; i >= 0; i-- {
		if o.events[i].Outcome == what {
			return o.events[i]
		}
	}
	require.Failf(t, "not observed", "%s, of %v", what, o.events)
	return idempotency.Observation{}
}

// middleware returns one over s with an observer.
func middleware(t testing.TB, s idempotency.Store, cfg idempotency.Config) (*idempotency.Middleware, *observed) {
	t.Helper()
	o := &observed{}
	if cfg.Observe == nil {
		cfg.Observe = o.Observe
	}
	if cfg.Logger == nil {
		cfg.Logger = silent
	}
	m, err := idempotency.NewMiddleware(s, "test", id, cfg)
	require.NoError(t, err)
	return m, o
}

func memory() *idempotency.Memory { return idempotency.NewMemory(idempotency.MemoryConfig{}) }

// post sends a verified event through h and returns the answer, nil if the handler panicked.
func post(h http.Handler, v *truhook.Verified) (w *httptest.ResponseRecorder, panicked any) {
	w = httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/webhooks", nil)
	defer func() { panicked = recover() }()
	h.ServeHTTP(w, r.WithContext(truhook.NewContext(r.Context(), v)))
	return w, nil
}

// A flaky is a store whose calls can be made to fail. A nil hook lets the call through.
type flaky struct {
	idempotency.Store
	mu     sync.Mutex
	before func(call string) error // the call is not made
	after  func(call string) error // the call is made and its answer lost
	calls  map[string]int
}

var errStore = errors.New("the store is away")

func (f *flaky) do(name string, call func() error) error {
	f.mu.Lock()
	if f.calls == nil {
		f.calls = map[string]int{}
	}
	f.calls[name]++
	before, after := f.before, f.after
	f.mu.Unlock()
	if before != nil {
		if err := before(name); err != nil {
			return err
		}
	}
	err := call()
	if after != nil {
		if lost := after(name); lost != nil {
			return lost
		}
	}
	return err
}

func (f *flaky) set(before, after func(string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before, f.after = before, after
}

func (f *flaky) called(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[name]
}

func (f *flaky) Claim(ctx context.Context, c idempotency.ClaimRequest) (r idempotency.Record, err error) {
	err = f.do("claim", func() (err error) { r, err = f.Store.Claim(ctx, c); return err })
	return r, err
}

func (f *flaky) Extend(ctx context.Context, k idempotency.Key, t idempotency.Token, lease time.Duration) error {
	return f.do("extend", func() error { return f.Store.Extend(ctx, k, t, lease) })
}

func (f *flaky) Complete(ctx context.Context, k idempotency.Key, t idempotency.Token) error {
	return f.do("complete", func() error { return f.Store.Complete(ctx, k, t) })
}

func (f *flaky) Release(ctx context.Context, k idempotency.Key, t idempotency.Token) error {
	return f.do("release", func() error { return f.Store.Release(ctx, k, t) })
}

func (f *flaky) Forget(ctx context.Context, k idempotency.Key) error {
	return f.do("forget", func() error { return f.Store.Forget(ctx, k) })
}

func (f *flaky) Order(ctx context.Context, r idempotency.Key, at time.Time, retain time.Duration) (o idempotency.Order, err error) {
	err = f.do("order", func() (err error) {
		o, err = f.Store.Order(ctx, r, at, retain)
		return err
	})
	return o, err
}

// failing returns a hook that fails the calls of these names.
func failing(names ...string) func(string) error {
	return func(name string) error {
		for _, n := range names {
			if n == name {
				return errStore
			}
		}
		return nil
	}
}

// peek tells the state of an event without claiming it for long.
func peek(t testing.TB, s idempotency.Store, id string) idempotency.Record {
	t.Helper()
	k, err := idempotency.NewKey("test", id)
	require.NoError(t, err)
	token := idempotency.NewToken()
	r, err := s.Claim(context.Background(), idempotency.ClaimRequest{Key: k, Token: token, Lease: time.Second, Retain: time.Hour})
	require.NoError(t, err)
	if r.State == idempotency.Owned {
		require.NoError(t, s.Release(context.Background(), k, token))
	}
	return r
}

var policies = []retry.Policy{truv.RetryPolicy(), truval.RetryPolicy(), trulioo.RetryPolicy(), transunion.RetryPolicy()}
