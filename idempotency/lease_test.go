package idempotency_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/retry"
)

func TestLease_TheLeaseIsRenewedWhileTheHandlerRuns(t *testing.T) {
	t.Parallel()
	for _, p := range policies {
		synctest.Test(t, func(t *testing.T) {
			store := &flaky{Store: memory()}
			m, seen := middleware(t, store, idempotency.Config{Policy: p, AnswerWithin: -1, Wait: -1, HandlerTimeout: -1})
			go func() {
				for range 120 {
					time.Sleep(time.Second)
					m.Do(t.Context(), event("a"), func(context.Context) error { t.Error("a second handler"); return nil })
				}
			}()
			res := m.Do(t.Context(), event("a"), func(ctx context.Context) error {
				time.Sleep(2 * time.Minute)
				return context.Cause(ctx)
			})
			assert.Equal(t, idempotency.Handled, res.Outcome)
			assert.GreaterOrEqual(t, store.called("extend"), 30)
			assert.Zero(t, seen.count(idempotency.LeaseLost))
			assert.Zero(t, seen.count(idempotency.StoreError))
			time.Sleep(time.Hour)
		})
	}
}

func TestLease_AHandlerFasterThanAThirdOfTheLeaseNeverRenews(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: memory()}
		m, _ := middleware(t, store, idempotency.Config{Policy: truv.RetryPolicy()})
		m.Do(t.Context(), event("a"), func(context.Context) error { time.Sleep(3300 * time.Millisecond); return nil })
		time.Sleep(time.Hour)
		assert.Zero(t, store.called("extend"))
		assert.Equal(t, 1, store.called("claim"))
		assert.Equal(t, 1, store.called("complete"))
		assert.Zero(t, store.called("release"))
	})
}

func TestLease_ARenewalThatTheCompletionOvertakesIsNoLostLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: memory()}
		m, seen := middleware(t, store, idempotency.Config{Policy: truv.RetryPolicy(), AnswerWithin: -1})
		store.set(func(call string) error {
			if call == "extend" {
				time.Sleep(time.Second) // on its way when the handler ends
			}
			return nil
		}, nil)
		m.Do(t.Context(), event("a"), func(context.Context) error { time.Sleep(3500 * time.Millisecond); return nil })
		time.Sleep(time.Hour)
		assert.Equal(t, 1, store.called("extend"), "and it is the last one")
		assert.Equal(t, 1, seen.count(idempotency.Handled))
		assert.Zero(t, seen.count(idempotency.LeaseLost))
	})
}

func TestLease_ALostLeaseEndsTheHandlersContext(t *testing.T) {
	t.Parallel()
	for name, policy := range map[string]retry.Policy{"no early answer": {}, "late meanwhile": {AckLimit: 9 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := &flaky{Store: memory()}
				cfg := idempotency.Config{Policy: policy, Lease: 10 * time.Second}
				m, seen := middleware(t, store, cfg)
				store.set(func(call string) error {
					if call == "claim" {
						time.Sleep(time.Second / 2) // on its way
					}
					return failing("extend")(call)
				}, nil)
				began := time.Now()
				res := m.Do(t.Context(), event("a"), func(ctx context.Context) error {
					<-ctx.Done()
					assert.ErrorIs(t, context.Cause(ctx), idempotency.ErrLeaseLost)
					assert.Equal(t, 10*time.Second, time.Since(began), "the lease counts from before the claim")
					return ctx.Err()
				})
				require.NoError(t, m.Wait(t.Context()))
				assert.Equal(t, policy.AckLimit > 0, res.Outcome == idempotency.Late)
				synctest.Wait() // the renewal reports after it has ended the context
				assert.Equal(t, 1, seen.count(idempotency.Failed))
				assert.Equal(t, 1, seen.count(idempotency.LeaseLost))
				assert.Positive(t, seen.count(idempotency.StoreError))
			})
		})
	}
}

func TestLease_ARenewalThatIsAnsweredLostEndsTheHandlersContextAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: memory()}
		m, seen := middleware(t, store, idempotency.Config{Policy: truv.RetryPolicy(), AnswerWithin: -1})
		store.set(func(call string) error {
			if call == "extend" {
				return idempotency.ErrLost
			}
			return nil
		}, nil)
		began := time.Now()
		m.Do(t.Context(), event("a"), func(ctx context.Context) error {
			<-ctx.Done()
			assert.ErrorIs(t, context.Cause(ctx), idempotency.ErrLeaseLost)
			assert.Less(t, time.Since(began), 4*time.Second, "at the first renewal, a third of the lease")
			return ctx.Err()
		})
		synctest.Wait() // the renewal reports after it has ended the context
		assert.Equal(t, 1, seen.count(idempotency.LeaseLost))
	})
}

// mute is a store whose Extend answers nothing before its context ends.
type mute struct{ idempotency.Store }

func (mute) Extend(ctx context.Context, _ idempotency.Key, _ idempotency.Token, _ time.Duration) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestLease_ALeaseThatASilentStoreDoesNotRenewIsLostWhenItIsOver(t *testing.T) {
	t.Parallel()
	for _, p := range policies {
		synctest.Test(t, func(t *testing.T) {
			m, seen := middleware(t, mute{memory()}, idempotency.Config{Policy: p, AnswerWithin: -1})
			began := time.Now()
			m.Do(t.Context(), event("a"), func(ctx context.Context) error {
				<-ctx.Done()
				lease := map[string]time.Duration{"truv": 10 * time.Second, "truval": 2 * time.Second}[p.Provider]
				if lease == 0 {
					lease = 8 * time.Second
				}
				assert.Equal(t, lease, time.Since(began), p.Provider)
				return ctx.Err()
			})
			synctest.Wait() // the renewal reports after it has ended the context
			assert.Equal(t, 1, seen.count(idempotency.LeaseLost))
		})
	}
}

func TestLease_TheHandlersContextEndsWithTheHandler(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ within, handler time.Duration }{
		"never late": {-1, 0}, "in time": {9 * time.Second, 0}, "late": {time.Second, 50 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			m, _ := middleware(t, memory(), idempotency.Config{Policy: truv.RetryPolicy(), AnswerWithin: c.within})
			var kept context.Context
			m.Do(t.Context(), event("a"), func(ctx context.Context) error { kept = ctx; time.Sleep(c.handler); return nil })
			assert.NoError(t, m.Wait(t.Context()))
			assert.ErrorIs(t, kept.Err(), context.Canceled, name)
			assert.NotErrorIs(t, context.Cause(kept), idempotency.ErrLeaseLost, name)
		})
	}
}

func TestLease_ACompletionThatFailsDoesNotOutlastTheProvidersPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: memory()}
		m, seen := middleware(t, store, idempotency.Config{Policy: truv.RetryPolicy()})
		store.set(failing("complete"), nil)
		began := time.Now()
		res := m.Do(t.Context(), event("a"), func(context.Context) error { time.Sleep(7 * time.Second); return nil })
		assert.Equal(t, 200, res.Status)
		assert.LessOrEqual(t, time.Since(began), 9*time.Second, "though the lease goes on until after the sixteenth second")
		assert.Equal(t, 1, seen.count(idempotency.CompleteFailed))
	})
}

func TestLease_ATakeOverEndsTheHandlersContextAndFencesItsCompletion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: memory()}
		m, seen := middleware(t, store, idempotency.Config{Policy: truv.RetryPolicy(), AnswerWithin: -1, Wait: -1})
		store.set(failing("extend"), nil)
		first := make(chan idempotency.Result, 1)
		go func() {
			first <- m.Do(t.Context(), event("a"), func(context.Context) error {
				time.Sleep(15 * time.Second) // does not look at its context
				return nil
			})
		}()
		time.Sleep(10*time.Second + time.Millisecond)
		store.set(nil, nil)
		second := m.Do(t.Context(), event("a"), func(ctx context.Context) error {
			c, _ := idempotency.FromContext(ctx)
			assert.EqualValues(t, 2, c.Attempt, "the second one can tell")
			return nil
		})
		assert.Equal(t, idempotency.Handled, second.Outcome)
		assert.Equal(t, idempotency.Result{Outcome: idempotency.Handled, Status: 200}, <-first, "another answer would ask for a third")
		assert.Equal(t, 1, seen.count(idempotency.Fenced))
		assert.Equal(t, 1, seen.count(idempotency.LeaseLost))
	})
}

func TestLease_TheProviderHangingUpDoesNotStopTheHandler(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory()
		m, _ := middleware(t, store, idempotency.Config{Policy: truval.RetryPolicy()})
		ctx, cancel := context.WithCancel(t.Context())
		res := m.Do(ctx, event("a"), func(ctx context.Context) error {
			cancel()
			time.Sleep(time.Second)
			return ctx.Err()
		})
		assert.Equal(t, idempotency.Handled, res.Outcome)
		assert.Equal(t, idempotency.Done, peek(t, store, "a").State, "and it is completed")
		res = m.Do(ctx, event("b"), func(ctx context.Context) error { return ctx.Err() })
		assert.Equal(t, idempotency.Handled, res.Outcome, "a sender that has closed its half still reads the answer")
	})
}

func TestLease_ACompletionThatFailsIsTriedUntilTheLeaseIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: memory()}
		m, seen := middleware(t, store, idempotency.Config{Policy: truval.RetryPolicy()})
		store.set(failing("complete"), nil)
		began := time.Now()
		res := m.Do(t.Context(), event("a"), func(context.Context) error { return nil })
		assert.Equal(t, idempotency.Result{Outcome: idempotency.Handled, Status: 200}, res)
		assert.Equal(t, 1, seen.count(idempotency.CompleteFailed))
		assert.Less(t, time.Since(began), 2*time.Second)
		assert.Greater(t, time.Since(began), 1300*time.Millisecond)
		assert.Greater(t, store.called("complete"), 4)

		at := time.Now().Add(time.Second)
		store.set(func(call string) error {
			if call == "complete" && time.Now().Before(at) {
				return errStore
			}
			return nil
		}, nil)
		assert.Equal(t, idempotency.Handled, m.Do(t.Context(), event("b"), func(context.Context) error { return nil }).Outcome)
		assert.Equal(t, idempotency.Done, peek(t, store.Store, "b").State)
		assert.Equal(t, 1, seen.count(idempotency.CompleteFailed))
	})
}

func TestLease_AClaimThatWasSlowerThanItsLeaseIsRenewedBeforeTheHandlerBegins(t *testing.T) {
	t.Parallel()
	for name, slow := range map[string]time.Duration{
		"slower than the lease": 2200 * time.Millisecond, "most of the lease": 1500 * time.Millisecond,
	} {
		synctest.Test(t, func(t *testing.T) {
			store := &flaky{Store: memory()}
			m, seen := middleware(t, store, idempotency.Config{Policy: truval.RetryPolicy(), StoreTimeout: 2 * time.Second})
			store.set(nil, func(call string) error { // the answer is on its way for long
				if call == "claim" {
					time.Sleep(slow)
				}
				return nil
			})
			res := m.Do(t.Context(), event("a"), func(ctx context.Context) error {
				assert.Equal(t, 1, store.called("extend"), "%s: renewed before", name)
				assert.Equal(t, idempotency.Busy, peekNow(t, store.Store, "a").State, "%s: nobody else can have it", name)
				time.Sleep(time.Second) // longer than what was left of the first lease
				return context.Cause(ctx)
			})
			assert.Equal(t, idempotency.Handled, res.Outcome, name)
			assert.Zero(t, seen.count(idempotency.LeaseLost), name)
		})
	}
}

// peekNow is peek for an event that is being handled.
func peekNow(t testing.TB, s idempotency.Store, id string) idempotency.Record {
	t.Helper()
	r, err := s.Claim(context.Background(), idempotency.ClaimRequest{
		Key: idempotency.Key{Scope: "test", ID: id}, Token: idempotency.NewToken(), Lease: time.Millisecond, Retain: time.Hour,
	})
	require.NoError(t, err)
	return r
}

func TestLease_AHandlerDoesNotBeginWithoutOne(t *testing.T) {
	t.Parallel()
	for name, extend := range map[string]error{"taken over": idempotency.ErrLost, "the store is away": errStore} {
		synctest.Test(t, func(t *testing.T) {
			store := &flaky{Store: memory()}
			m, _ := middleware(t, store, idempotency.Config{Policy: truval.RetryPolicy(), StoreTimeout: 2 * time.Second})
			store.set(func(call string) error {
				if call == "extend" {
					return extend
				}
				return nil
			}, func(call string) error {
				if call == "claim" {
					time.Sleep(2200 * time.Millisecond)
				}
				return nil
			})
			res := m.Do(t.Context(), event("a"), func(context.Context) error { t.Error("called"); return nil })
			assert.Equal(t, idempotency.Unavailable, res.Outcome, name)
			assert.Equal(t, 503, res.Status, name)
		})
	}
}

func TestLease_IsRenewedAtOnceForAHandlerThatBeginsLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: memory()}
		m, seen := middleware(t, store, idempotency.Config{Policy: truv.RetryPolicy()})
		store.set(nil, func(call string) error { // more than a third of the lease is gone, more than a third is left
			if call == "claim" {
				time.Sleep(900 * time.Millisecond)
			}
			return nil
		})
		m.Do(t.Context(), event("a"), func(context.Context) error { time.Sleep(2400 * time.Millisecond); return nil })
		assert.Zero(t, store.called("extend"), "a third of the lease counts from before the claim")
		m.Do(t.Context(), event("b"), func(context.Context) error { time.Sleep(2500 * time.Millisecond); return nil })
		assert.Equal(t, 1, store.called("extend"))
		assert.Zero(t, seen.count(idempotency.LeaseLost))
	})
}

// panicky is a store whose Extend panics, in a goroutine of its own.
type panicky struct{ idempotency.Store }

func (panicky) Extend(context.Context, idempotency.Key, idempotency.Token, time.Duration) error {
	panic("bug")
}

func TestLease_AStoreThatPanicsInARenewalDoesNotEndTheProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, seen := middleware(t, panicky{memory()}, idempotency.Config{Policy: truv.RetryPolicy()})
		m.Do(t.Context(), event("a"), func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) })
		require.NoError(t, m.Wait(t.Context()))
		synctest.Wait() // the renewal reports after it has ended the context
		assert.Equal(t, 1, seen.count(idempotency.LeaseLost))
		assert.ErrorIs(t, seen.last(t, idempotency.Failed).Err, idempotency.ErrLeaseLost)
	})
}

// badErrors is a store whose Extend returns an error whose methods panic.
type badErrors struct {
	idempotency.Store
	err error
}

func (b badErrors) Extend(context.Context, idempotency.Key, idempotency.Token, time.Duration) error {
	return b.err
}

type badUnwrap struct{ error }

func (badUnwrap) Unwrap() error { panic("Unwrap") }

type badIs struct{ error }

func (badIs) Is(error) bool { panic("Is") }

type badText struct{ error }

func (badText) Error() string { panic("Error") }

func TestLease_AnErrorOfAStoreWhoseMethodsPanicDoesNotEndTheProcess(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"Unwrap": badUnwrap{errHandler}, "Is": badIs{errHandler}, "Error": badText{errHandler}, "a nil pointer": (*badUnwrap)(nil),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m, seen := middleware(t, badErrors{memory(), err}, idempotency.Config{Policy: truv.RetryPolicy()})
				m.Do(t.Context(), event("a"), func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) })
				require.NoError(t, m.Wait(t.Context()))
				synctest.Wait()
				assert.Equal(t, 1, seen.count(idempotency.LeaseLost))
			})
		})
	}
}

// The store may have begun to count when the call was sent.
func TestLease_IsCountedFromTheCallThatRenewsIt(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ claim, lost time.Duration }{
		"while the handler runs":        {0, 2*time.Second + 2*time.Second/3},
		"before a handler that is late": {1500 * time.Millisecond, 3500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := &flaky{Store: memory()}
				m, _ := middleware(t, store, idempotency.Config{Policy: truval.RetryPolicy(), StoreTimeout: 2 * time.Second})
				extends := 0
				store.set(func(call string) error {
					if call == "extend" {
						if extends++; extends > 1 {
							return errStore
						}
					}
					return nil
				}, func(call string) error {
					switch call {
					case "claim":
						time.Sleep(tt.claim)
					case "extend":
						time.Sleep(500 * time.Millisecond)
					}
					return nil
				})
				began := time.Now()
				m.Do(t.Context(), event("a"), func(ctx context.Context) error {
					<-ctx.Done()
					assert.ErrorIs(t, context.Cause(ctx), idempotency.ErrLeaseLost)
					assert.InDelta(t, tt.lost, time.Since(began), float64(time.Millisecond), "from the call, not from its answer")
					return ctx.Err()
				})
			})
		})
	}
}
