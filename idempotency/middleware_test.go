package idempotency_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/retry"
)

func TestMiddleware_AnswersByOutcome(t *testing.T) {
	t.Parallel()
	returns := func(err error) func(context.Context, *truhook.Verified) error {
		return func(context.Context, *truhook.Verified) error { return err }
	}
	for _, p := range policies {
		t.Run(p.Provider, func(t *testing.T) {
			t.Parallel()
			store := memory()
			m, seen := middleware(t, store, idempotency.Config{Policy: p, DeadLetter: taken})

			w, _ := post(m.Handle(returns(errHandler)), event("a"))
			assert.Equal(t, http.StatusServiceUnavailable, w.Code, "a failure asks for the event again")
			assert.NotContains(t, w.Body.String(), errHandler.Error(), "the sender learns nothing")
			w, _ = post(m.Handle(returns(nil)), event("a"))
			assert.Equal(t, http.StatusOK, w.Code, "the redelivery is handled")
			assert.Empty(t, w.Body.String())
			w, _ = post(m.Handle(returns(errHandler)), event("a"))
			assert.Equal(t, http.StatusOK, w.Code, "a duplicate is done, whatever its handler would have said")
			w, _ = post(m.Handle(returns(retry.Permanent(errHandler))), event("b"))
			assert.Equal(t, http.StatusOK, w.Code, "a permanent failure is not asked for again")
			w, _ = post(m.Handle(returns(nil)), event("b"))
			assert.Equal(t, http.StatusOK, w.Code)
			w, _ = post(m.Handle(returns(nil)), nil)
			assert.Equal(t, http.StatusInternalServerError, w.Code, "nobody verified it")

			for what, n := range map[idempotency.Outcome]int{
				idempotency.Failed: 1, idempotency.Handled: 1, idempotency.Duplicate: 2, idempotency.DeadLettered: 1,
				idempotency.NotVerified: 1, idempotency.Mismatch: 0,
			} {
				assert.Equal(t, n, seen.count(what), what)
			}
			assert.ErrorIs(t, seen.last(t, idempotency.Failed).Err, errHandler)
			assert.EqualValues(t, 2, seen.last(t, idempotency.Handled).Attempt)
			assert.Equal(t, idempotency.Done, peek(t, store, "a").State)
		})
	}
}

func TestMiddleware_NoOutcomeIsAnsweredWithARedirectOrAsTheSendersFault(t *testing.T) {
	t.Parallel()
	for _, p := range policies {
		m, _ := middleware(t, memory(), idempotency.Config{Policy: p})
		for _, err := range []error{nil, errHandler, retry.Permanent(errHandler), context.Canceled} {
			res := m.Do(t.Context(), event(fmt.Sprint(err)), func(context.Context) error { return err })
			assert.True(t, res.Status >= 500 || res.Status < 300, "%s: %v is answered %d", p.Provider, err, res.Status)
		}
	}
}

func TestMiddleware_TheHandlerLearnsItsClaim(t *testing.T) {
	t.Parallel()
	m, _ := middleware(t, memory(), idempotency.Config{Policy: truv.RetryPolicy()})
	keys := map[string]bool{}
	for attempt := uint32(1); attempt <= 3; attempt++ {
		m.Do(t.Context(), event("a"), func(ctx context.Context) error {
			c, ok := idempotency.FromContext(ctx)
			assert.True(t, ok)
			assert.Equal(t, attempt, c.Attempt)
			assert.Equal(t, idempotency.OrderUnknown, c.Order)
			assert.Len(t, c.IdempotencyKey, 32)
			keys[c.IdempotencyKey] = true
			return errHandler
		})
	}
	assert.Len(t, keys, 1, "the idempotency key is the same on every attempt")
	m.Do(t.Context(), event("b"), func(ctx context.Context) error {
		c, _ := idempotency.FromContext(ctx)
		keys[c.IdempotencyKey] = true
		return nil
	})
	assert.Len(t, keys, 2, "and another one for another event")
	c, ok := idempotency.FromContext(t.Context())
	assert.False(t, ok)
	c.Fail(errHandler) // does nothing, does not panic
}

func TestMiddleware_FailDecidesWhateverTheHandlerReturns(t *testing.T) {
	t.Parallel()
	m, seen := middleware(t, memory(), idempotency.Config{Policy: truv.RetryPolicy(), DeadLetter: taken})
	fails := func(err error) idempotency.Result {
		return m.Do(t.Context(), event("a"), func(ctx context.Context) error {
			c, _ := idempotency.FromContext(ctx)
			c.Fail(nil)
			c.Fail(err)
			c.Fail(errors.New("a second one"))
			return nil
		})
	}
	assert.Equal(t, idempotency.Failed, fails(errHandler).Outcome)
	assert.Equal(t, errHandler, seen.last(t, idempotency.Failed).Err)
	assert.Equal(t, idempotency.DeadLettered, fails(retry.Permanent(errHandler)).Outcome)
}

func TestMiddleware_KeysThatCannotBe(t *testing.T) {
	t.Parallel()
	var ids []string
	key := func(v *truhook.Verified) (string, error) {
		if string(v.Payload) == "error" {
			return "", errHandler
		}
		return ids[0], nil
	}
	store := &flaky{Store: memory()}
	seen := &observed{}
	m, err := idempotency.NewMiddleware(store, "test", key, idempotency.Config{Observe: seen.Observe, Logger: silent})
	require.NoError(t, err)
	called := 0
	do := func(payload, id string) idempotency.Result {
		ids = []string{id}
		return m.Do(t.Context(), event(payload), func(context.Context) error { called++; return nil })
	}
	res := do("error", "")
	assert.Equal(t, idempotency.Result{Outcome: idempotency.BadKey, Status: 500}, res)
	assert.ErrorIs(t, seen.last(t, idempotency.BadKey).Err, errHandler)
	assert.Zero(t, called)
	assert.Equal(t, idempotency.Handled, do("", "").Outcome, "no id: no dedupe")
	assert.Equal(t, idempotency.Handled, do("", "").Outcome)
	assert.Equal(t, 2, called)
	assert.Equal(t, 2, seen.count(idempotency.NotDeduped))
	assert.Zero(t, store.called("claim"))

	long := strings.Repeat("x", 300)
	assert.Equal(t, idempotency.Handled, do("", long+"a").Outcome)
	assert.Equal(t, idempotency.Handled, do("", long+"b").Outcome, "long ids are hashed, not cut")
	assert.Equal(t, idempotency.Duplicate, do("", long+"a").Outcome)
	assert.Equal(t, idempotency.Handled, do("", "\xff").Outcome, "ids are bytes")
	assert.Equal(t, idempotency.Handled, do("", "\xfe").Outcome)
	assert.Equal(t, idempotency.Handled, do("", "a\x00b").Outcome, "a NUL is no reason to lose an event")
	assert.Equal(t, idempotency.Duplicate, do("", "a\x00b").Outcome)
}

func TestMiddleware_AStoreThatHangsCostsItsTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, seen := middleware(t, hanging{}, idempotency.Config{Policy: truv.RetryPolicy()})
		began := time.Now()
		res := m.Do(t.Context(), event("a"), nil)
		assert.Equal(t, idempotency.Result{Outcome: idempotency.Unavailable, Status: 503, RetryAfter: time.Second}, res)
		assert.Equal(t, time.Second, time.Since(began))
		assert.Equal(t, 1, seen.count(idempotency.StoreError))
	})
}

// hanging is a store that answers nothing before its context ends.

type hanging struct{ idempotency.Store }

func (hanging) Claim(ctx context.Context, _ idempotency.ClaimRequest) (idempotency.Record, error) {
	<-ctx.Done()
	return idempotency.Record{}, ctx.Err()
}

func TestMiddleware_AStoreThatAnswersNoStateIsNotBelieved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, _ := middleware(t, stateless{}, idempotency.Config{})
		assert.Equal(t, idempotency.Unavailable, m.Do(t.Context(), event("a"), nil).Outcome)
	})
}

type stateless struct{ idempotency.Store }

func (stateless) Claim(context.Context, idempotency.ClaimRequest) (idempotency.Record, error) {
	return idempotency.Record{}, nil
}

func TestMiddleware_AFullStoreRefuses(t *testing.T) {
	t.Parallel()
	store := idempotency.NewMemory(idempotency.MemoryConfig{MaxEntries: 1})
	m, _ := middleware(t, store, idempotency.Config{})
	ok := func(context.Context) error { return nil }
	assert.Equal(t, idempotency.Handled, m.Do(t.Context(), event("a"), ok).Outcome)
	assert.Equal(t, idempotency.Unavailable, m.Do(t.Context(), event("b"), ok).Outcome)
	assert.Equal(t, idempotency.Duplicate, m.Do(t.Context(), event("a"), ok).Outcome, "what it knows it does not forget")
}

func TestMiddleware_AnotherFingerprintIsADuplicateAndReported(t *testing.T) {
	t.Parallel()
	seen := &observed{}
	key := func(*truhook.Verified) (string, error) { return "same", nil }
	m, err := idempotency.NewMiddleware(memory(), "test", key, idempotency.Config{Observe: seen.Observe, Logger: silent})
	require.NoError(t, err)
	do := func(payload string) idempotency.Outcome {
		return m.Do(t.Context(), event(payload), func(context.Context) error { return nil }).Outcome
	}
	assert.Equal(t, idempotency.Handled, do("one"))
	assert.Equal(t, idempotency.Duplicate, do("one"))
	assert.Zero(t, seen.count(idempotency.Mismatch))
	assert.Equal(t, idempotency.Duplicate, do("two"))
	e := seen.last(t, idempotency.Mismatch)
	assert.Equal(t, idempotency.NewFingerprint([]byte("two")), e.Fingerprint)
	assert.Equal(t, idempotency.NewFingerprint([]byte("one")), e.Stored)
	assert.Equal(t, idempotency.Duplicate, do(""), "nothing to compare")
	assert.Equal(t, 1, seen.count(idempotency.Mismatch))
}

func TestMiddleware_TwoScopesNeverMeetInOneStore(t *testing.T) {
	t.Parallel()
	store := memory()
	tenant := func(v *truhook.Verified) (string, error) { return v.Proofs[0].KeyID + "/" + string(v.Payload), nil }
	calls := 0
	do := func(scope string, key idempotency.KeyFunc, v *truhook.Verified) idempotency.Outcome {
		m, err := idempotency.NewMiddleware(store, scope, key, idempotency.Config{})
		require.NoError(t, err)
		return m.Do(t.Context(), v, func(context.Context) error { calls++; return nil }).Outcome
	}
	for _, scope := range []string{"truv/prod", "truv/sandbox", "truval/prod", "t", "tr"} {
		assert.Equal(t, idempotency.Handled, do(scope, id, event("ruv")), scope)
	}
	for _, who := range []string{"a", "b"} {
		v := &truhook.Verified{Payload: []byte("1"), Proofs: []truhook.Proof{{KeyID: who}}}
		assert.Equal(t, idempotency.Handled, do("tenants", tenant, v), who)
		assert.Equal(t, idempotency.Duplicate, do("tenants", tenant, v), who)
	}
	assert.Equal(t, 7, calls)
}

func TestMiddleware_AnObserverThatPanicsChangesNothing(t *testing.T) {
	t.Parallel()
	m, _ := middleware(t, memory(), idempotency.Config{Observe: func(context.Context, idempotency.Observation) { panic("observer") }})
	assert.Equal(t, idempotency.Handled, m.Do(t.Context(), event("a"), func(context.Context) error { return nil }).Outcome)
}

// goexit runs f in a goroutine and reports whether it ended by runtime.Goexit.
