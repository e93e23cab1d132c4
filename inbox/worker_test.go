package inbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/retry"
)

func TestWorker_AWorkerHandlesAMessageOnceAndKnowsItsClaim(t *testing.T) {
	t.Parallel()
	calls := 0
	w := worker(t, memory(), idempotency.Config{}, func(ctx context.Context, v *truhook.Verified) error {
		calls++
		c, ok := idempotency.FromContext(ctx)
		assert.True(t, ok)
		assert.EqualValues(t, 1, c.Attempt)
		assert.Equal(t, idempotency.Newer, c.Order)
		assert.Len(t, c.IdempotencyKey, 32)
		m, ok := inbox.FromContext(ctx)
		assert.True(t, ok)
		assert.Equal(t, message("a"), m)
		assert.Equal(t, m.Verified(), v)
		return nil
	})
	for range 3 {
		assert.NoError(t, w.Work(t.Context(), message("a")))
	}
	assert.Equal(t, 1, calls)
	_, ok := inbox.FromContext(t.Context())
	assert.False(t, ok)
}

func TestWorker_WorkReturnsTheErrorAndTheNextAttemptSaysSo(t *testing.T) {
	t.Parallel()
	var attempts []uint32
	s := &seen{}
	w := worker(t, memory(), idempotency.Config{Observe: s.observe}, func(ctx context.Context, _ *truhook.Verified) error {
		c, _ := idempotency.FromContext(ctx)
		if attempts = append(attempts, c.Attempt); c.Attempt < 3 {
			return errQueue
		}
		return nil
	})
	assert.ErrorIs(t, w.Work(t.Context(), message("a")), errQueue)
	assert.ErrorIs(t, w.Work(t.Context(), message("a")), errQueue)
	assert.NoError(t, w.Work(t.Context(), message("a")))
	assert.NoError(t, w.Work(t.Context(), message("a")))
	assert.Equal(t, []uint32{1, 2, 3}, attempts)
	assert.Equal(t, []idempotency.Outcome{"failed", "failed", "handled", "duplicate"}, s.outcomes())
}

func TestWorker_APermanentErrorIsTheQueuesAndCanBeReplayed(t *testing.T) {
	t.Parallel()
	calls, s := 0, &seen{}
	w := worker(t, memory(), idempotency.Config{Observe: s.observe}, func(context.Context, *truhook.Verified) error {
		if calls++; calls == 1 {
			return retry.Permanent(errQueue)
		}
		return nil
	})
	err := w.Work(t.Context(), message("a"))
	assert.True(t, retry.IsPermanent(err))
	assert.ErrorIs(t, err, errQueue)
	assert.Equal(t, []idempotency.Outcome{idempotency.DeadLettered}, s.outcomes())
	assert.NoError(t, w.Work(t.Context(), message("a")), "replayed from the queue's dead")
	assert.Equal(t, 2, calls)
}

func TestWorker_ADeadLetterHookTakesTheMessageOutOfTheQueue(t *testing.T) {
	t.Parallel()
	var none *pointer
	closed := errors.New("closed")
	for name, c := range map[string]struct {
		err  error
		text string
	}{
		"marked":          {retry.Permanent(closed), "closed"},
		"marked, wrapped": {fmt.Errorf("account: %w", retry.Permanent(closed)), "account: closed"},
		"marked, joined":  {errors.Join(errors.New("first"), retry.Permanent(retry.Permanent(closed))), "first\nclosed"},
		"a nil pointer":   {retry.Permanent(none), "nil pointer"},
	} {
		hook := errQueue
		cfg := idempotency.Config{DeadLetter: func(context.Context, *truhook.Verified, error) error { return hook }}
		w := worker(t, memory(), cfg, func(context.Context, *truhook.Verified) error { return c.err })
		err := w.Work(t.Context(), message("a"))
		assert.ErrorContains(t, err, c.text, name)
		assert.False(t, retry.IsPermanent(err), "%s: the hook did not take it, so the queue must not bury it", name)
		assert.False(t, retry.IsPermanent(fmt.Errorf("worker: %w", err)), name)
		var panicked *idempotency.PanicError
		assert.True(t, errors.Is(err, closed) || errors.As(err, &panicked), "%s: the chain is kept", name)
		hook = nil
		assert.NoError(t, w.Work(t.Context(), message("a")), name)
	}
}

func TestWorker_APanicPassesThroughAndTheMessageComesAgain(t *testing.T) {
	t.Parallel()
	calls := 0
	var log bytes.Buffer
	cfg := idempotency.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}
	w := worker(t, memory(), cfg, func(context.Context, *truhook.Verified) error {
		if calls++; calls == 1 {
			panicsHere()
		}
		return nil
	})
	assert.PanicsWithValue(t, secretText, func() { _ = w.Work(t.Context(), message("a")) })
	assert.Regexp(t, `outcome=panicked scope=truv/test\S* id=a attempt=1 .*panic="panicked at .*_test\.panicsHere:\d+: string"`, log.String())
	assert.NotContains(t, log.String(), secretText)
	assert.NoError(t, w.Work(t.Context(), message("a")))
	assert.Equal(t, 2, calls)
}

func panicsHere() { panic(secretText) }

func TestWorker_TwoWorkersDoNotHandleOneEventAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := memory()
		w := worker(t, store, idempotency.Config{HandlerTimeout: time.Hour}, func(context.Context, *truhook.Verified) error {
			time.Sleep(time.Minute) // longer than the lease
			return nil
		})
		var wg sync.WaitGroup
		wg.Go(func() { assert.NoError(t, w.Work(t.Context(), message("a"))) })
		synctest.Wait()
		assert.ErrorIs(t, w.Work(t.Context(), message("a")), inbox.ErrInFlight)
		wg.Wait()
		assert.NoError(t, w.Work(t.Context(), message("a")))
	})
}

func TestWorker_TheStoreInFrontMayBeTheWorkersToo(t *testing.T) {
	t.Parallel()
	q, store, calls := &queue{}, memory(), 0
	h := handler(t, q, inbox.Config{Store: store})
	post(h, verified("a"), nil)
	w := worker(t, store, idempotency.Config{}, func(context.Context, *truhook.Verified) error { calls++; return nil })
	require.NoError(t, w.Work(t.Context(), q.all()[0]))
	assert.Equal(t, 1, calls, "an accepted event is not a handled one")
}

func TestWorker_TheOrderIsThatInWhichWorkersStart(t *testing.T) {
	t.Parallel()
	var orders []idempotency.Order
	fn := func(ctx context.Context, _ *truhook.Verified) error {
		c, _ := idempotency.FromContext(ctx)
		orders = append(orders, c.Order)
		return nil
	}
	store := memory()
	w := worker(t, store, idempotency.Config{}, fn)
	late, early, future, none := message("late"), message("early"), message("future"), message("none")
	early.At = early.At.Add(-time.Hour)
	future.At = future.Received.Add(time.Hour) // one wrong clock must not make all that follows stale
	none.Resource = ""
	again := message("again")
	for _, m := range []inbox.Message{late, early, future, none, again} {
		assert.NoError(t, w.Work(t.Context(), m))
	}
	assert.Equal(t, []idempotency.Order{idempotency.Newer, idempotency.Older, idempotency.OrderUnknown,
		idempotency.OrderUnknown, idempotency.Same}, orders)

	early.Key.ID = "early2"
	require.NoError(t, worker(t, store, idempotency.Config{SkipStale: true}, fn).Work(t.Context(), early))
	assert.Len(t, orders, 5, "stale: not called")
}

func TestWorker_AMessageThatWaitedForWeeksIsStillHandled(t *testing.T) {
	t.Parallel()
	calls := 0
	w := worker(t, memory(), idempotency.Config{}, func(context.Context, *truhook.Verified) error { calls++; return nil })
	old, byHand := message("a"), message("b")
	old.At, old.Received = old.At.AddDate(-1, 0, 0), old.Received.AddDate(-1, 0, 0)
	byHand.At = byHand.Received.AddDate(0, 0, -30) // older than the worker's retention of 7 days, and accepted
	for _, m := range []inbox.Message{old, byHand} {
		assert.NoError(t, w.Work(t.Context(), m))
	}
	assert.Equal(t, 2, calls)
}

func TestWorker_TheQueueCanStopTheFunction(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancelCause(t.Context())
	w := worker(t, memory(), idempotency.Config{}, func(ctx context.Context, _ *truhook.Verified) error {
		stop(errQueue)
		<-ctx.Done()
		return context.Cause(ctx)
	})
	assert.ErrorIs(t, w.Work(ctx, message("a")), errQueue)
	assert.Error(t, w.Work(ctx, message("b")), "not begun after that")
}

func TestWorker_AMismatchIsReportedAndHandledOnce(t *testing.T) {
	t.Parallel()
	s, calls := &seen{}, 0
	w := worker(t, memory(), idempotency.Config{Observe: s.observe}, func(context.Context, *truhook.Verified) error { calls++; return nil })
	other := message("a")
	other.Fingerprint[0]++
	unknown := message("a")
	unknown.Fingerprint = idempotency.Fingerprint{}
	for _, m := range []inbox.Message{message("a"), other, unknown} {
		assert.NoError(t, w.Work(t.Context(), m))
	}
	assert.Equal(t, []idempotency.Outcome{"handled", "mismatch", "duplicate", "duplicate"}, s.outcomes())
	assert.Equal(t, 1, calls)
}

func TestWorker_AStoreThatIsAwayLeavesTheMessageInTheQueue(t *testing.T) {
	t.Parallel()
	w := worker(t, awayStore{}, idempotency.Config{}, func(context.Context, *truhook.Verified) error {
		t.Error("called")
		return nil
	})
	assert.ErrorIs(t, w.Work(t.Context(), message("a")), errQueue)
}

func TestNewWorker_RejectsWhatHasNoMeaning(t *testing.T) {
	t.Parallel()
	fn := func(context.Context, *truhook.Verified) error { return nil }
	for name, cfg := range map[string]idempotency.Config{
		"sequence":      {Version: func(*truhook.Verified) (string, time.Time, error) { return "", time.Time{}, nil }},
		"fingerprint":   {Fingerprint: func(*truhook.Verified) []byte { return nil }},
		"now":           {Now: time.Now},
		"answerWithin":  {AnswerWithin: time.Second},
		"early answers": {AnswerWithin: -1},
		"lease":         {Lease: time.Nanosecond},
		"retention":     {Retention: time.Second},
	} {
		_, err := inbox.NewWorker(memory(), fn, cfg)
		assert.Error(t, err, name)
	}
	_, err := inbox.NewWorker(nil, fn, idempotency.Config{})
	assert.Error(t, err)
	_, err = inbox.NewWorker(memory(), nil, idempotency.Config{})
	assert.Error(t, err)
	assert.Error(t, (&inbox.Worker{}).Work(t.Context(), message("a")))
	assert.Error(t, (*inbox.Worker)(nil).Work(t.Context(), message("a")))
	assert.Error(t, worker(t, memory(), idempotency.Config{}, fn).Work(t.Context(), inbox.Message{}))
}

func TestWorker_ThatServesTwoScopesKeepsTheirResourcesApart(t *testing.T) {
	t.Parallel()
	var orders []string
	w := worker(t, memory(), idempotency.Config{}, func(ctx context.Context, _ *truhook.Verified) error {
		c, _ := idempotency.FromContext(ctx)
		m, _ := inbox.FromContext(ctx)
		orders = append(orders, m.Key.Scope+" "+c.Order.String())
		return nil
	})
	late, early := message("a"), message("a") // one id and one resource, in two scopes
	late.Key.Scope, early.Key.Scope = "truv/prod", "truv/sandbox"
	early.At = late.At.Add(-time.Hour)
	require.NoError(t, w.Work(t.Context(), late))
	require.NoError(t, w.Work(t.Context(), early))
	early.Key.ID, early.At = "b", early.At.Add(-time.Hour)
	require.NoError(t, w.Work(t.Context(), early))
	assert.Equal(t, []string{"truv/prod newer", "truv/sandbox newer", "truv/sandbox older"}, orders)
}

func TestWorker_AHungFunctionGivesTheQueueItsPlaceBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, s := memory(), &seen{}
		hung := make(chan struct{})
		w := worker(t, store, idempotency.Config{Observe: s.observe}, func(ctx context.Context, _ *truhook.Verified) error {
			if m, _ := inbox.FromContext(ctx); m.Key.ID == "hung" {
				<-hung
			}
			return nil
		})
		began := time.Now()
		var wg sync.WaitGroup
		for range 64 { // each place of a queue
			wg.Go(func() { _ = w.Work(t.Context(), message("hung")) })
		}
		synctest.Wait()
		assert.NoError(t, w.Work(t.Context(), message("quick")))
		err := w.Work(t.Context(), message("hung"))
		assert.ErrorIs(t, err, inbox.ErrInFlight)
		wg.Wait()
		assert.Equal(t, 31*time.Second, time.Since(began))
		time.Sleep(10 * time.Second) // its lease is over
		close(hung)
		assert.NoError(t, w.Work(t.Context(), message("hung")))
		synctest.Wait()
		assert.Contains(t, s.outcomes(), idempotency.TimedOut)
	})
}

func TestWorker_TheErrorOfAFunctionThatEndsInTimeSaysWhy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := worker(t, memory(), idempotency.Config{HandlerTimeout: time.Minute}, func(ctx context.Context, _ *truhook.Verified) error {
			<-ctx.Done()
			assert.ErrorIs(t, context.Cause(ctx), idempotency.ErrHandlerTimeout)
			return ctx.Err()
		})
		assert.ErrorIs(t, w.Work(t.Context(), message("a")), idempotency.ErrHandlerTimeout)
		w = worker(t, memory(), idempotency.Config{}, func(context.Context, *truhook.Verified) error { time.Sleep(time.Hour); return nil })
		assert.ErrorIs(t, w.Work(t.Context(), message("a")), idempotency.ErrHandlerTimeout)
		time.Sleep(2 * time.Hour)
	})
}

func TestWorker_CopiesOfAFailingMessageDoNotRunAfterEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		calls := 0
		w := worker(t, memory(), idempotency.Config{}, func(context.Context, *truhook.Verified) error {
			mu.Lock()
			calls++
			mu.Unlock()
			time.Sleep(time.Second)
			return errQueue
		})
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { assert.Error(t, w.Work(t.Context(), message("a")), "it stays in the queue") })
		}
		wg.Wait()
		assert.Equal(t, 1, calls)
	})
}

func TestWorker_ForgetsWhatItsDeadLetterHasTaken(t *testing.T) {
	t.Parallel()
	calls := 0
	cfg := idempotency.Config{DeadLetter: func(ctx context.Context, v *truhook.Verified, _ error) error {
		m, ok := inbox.FromContext(ctx)
		assert.True(t, ok)
		assert.Equal(t, m.Payload, v.Payload)
		return nil
	}}
	w := worker(t, memory(), cfg, func(context.Context, *truhook.Verified) error {
		if calls++; calls == 1 {
			return retry.Permanent(errQueue)
		}
		return nil
	})
	for range 2 {
		assert.NoError(t, w.Work(t.Context(), message("a")))
	}
	assert.Equal(t, 1, calls, "handed over")
	require.NoError(t, w.Forget(t.Context(), message("a").Key))
	assert.NoError(t, w.Work(t.Context(), message("a")))
	assert.Equal(t, 2, calls)
	assert.Error(t, (*inbox.Worker)(nil).Forget(t.Context(), message("a").Key))
}

func TestWorker_AResourceOrATimeThatCannotBeKeepsNoMessageInTheQueue(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(m *inbox.Message){
		"a NUL": func(m *inbox.Message) { m.Resource = "a\x00" },
		"long":  func(m *inbox.Message) { m.Resource = strings.Repeat("x", 1000) },
		"1970":  func(m *inbox.Message) { m.At = time.Unix(0, 0) },
		"10000": func(m *inbox.Message) { m.At = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"none":  func(m *inbox.Message) { m.At, m.Received = time.Time{}, time.Time{} },
	} {
		calls := 0
		w := worker(t, memory(), idempotency.Config{SkipStale: true}, func(context.Context, *truhook.Verified) error { calls++; return nil })
		m := message("a")
		change(&m)
		assert.NoError(t, w.Work(t.Context(), m), name)
		assert.Equal(t, 1, calls, name)
	}
}

func TestWorker_AScopeMayBeAsLongAsAHandlerLetsItBe(t *testing.T) {
	t.Parallel()
	w := worker(t, memory(), idempotency.Config{}, func(context.Context, *truhook.Verified) error { return nil })
	m := message("a")
	m.Key.Scope = strings.Repeat("s", 250)
	assert.NoError(t, w.Work(t.Context(), m))
	m.Key.Scope += "s"
	assert.Error(t, w.Work(t.Context(), m))
}

func TestWorker_TheTextOfAnErrorIsOneThatEveryQueueCanKeep(t *testing.T) {
	t.Parallel()
	bad := errors.New("status \x00 of \xff")
	for name, c := range map[string]struct {
		err       error
		permanent bool
	}{
		"plain":     {err: bad},
		"permanent": {err: retry.Permanent(bad), permanent: true},
	} {
		err := worker(t, memory(), idempotency.Config{}, func(context.Context, *truhook.Verified) error { return c.err }).
			Work(t.Context(), message("a"))
		assert.EqualError(t, err, "status \ufffd of \ufffd", name)
		assert.ErrorIs(t, err, bad, name)
		assert.Equal(t, c.permanent, retry.IsPermanent(err), name)
	}
}

type odd string

func (o odd) String() string { return string(o) }

// Queues keep what a function panicked with: River in PostgreSQL, Asynq as text of a protocol buffer.
func TestWorker_WhatAFunctionPanicsWithIsWhatEveryQueueCanKeep(t *testing.T) {
	t.Parallel()
	const bad, want = "status \x00 of \xff", "status \ufffd of \ufffd"
	sound := errors.New("sound")
	for name, c := range map[string]struct{ with, want any }{
		"a text":                         {bad, want},
		"an error":                       {errors.New(bad), want},
		"a struct":                       {struct{ s string }{bad}, "{" + want + "}"},
		"a Stringer":                     {odd(bad), want},
		"a sound error stays that error": {sound, sound},
		"a constant of net/http":         {http.ErrAbortHandler, http.ErrAbortHandler},
	} {
		w := worker(t, memory(), idempotency.Config{}, func(context.Context, *truhook.Verified) error { panic(c.with) })
		assert.PanicsWithValue(t, c.want, func() { _ = w.Work(t.Context(), message("a")) }, name)
	}
	err := worker(t, memory(), idempotency.Config{}, func(context.Context, *truhook.Verified) error { return badText(bad) }).
		Work(t.Context(), message("a"))
	var panicked *idempotency.PanicError
	require.ErrorAs(t, err, &panicked)
	assert.Contains(t, err.Error(), want, "and what the methods of its error panic with")
}

// A queue that calls Work in a goroutine of its own, as Asynq and Watermill do, waits for what Work returns.
func TestWorker_GoexitOfAFunctionIsAnErrorOfTheCall(t *testing.T) {
	t.Parallel()
	w := worker(t, memory(), idempotency.Config{}, func(ctx context.Context, _ *truhook.Verified) error {
		if c, _ := idempotency.FromContext(ctx); c.Attempt == 1 {
			runtime.Goexit()
		}
		return nil
	})
	results := make(chan error, 2)
	go func() {
		defer close(results)
		results <- w.Work(context.Background(), message("a"))
		results <- w.Work(context.Background(), message("a"))
	}()
	var panicked *idempotency.PanicError
	require.ErrorAs(t, <-results, &panicked)
	assert.Nil(t, panicked.Value)
	assert.NotEmpty(t, panicked.Stack)
	again, returned := <-results
	assert.True(t, returned)
	assert.NoError(t, again, "it was given back")
}

type badText string

func (b badText) Error() string { panic(string(b)) }

type pointer struct{ text string }

func (p *pointer) Error() string { return p.text }

type badUnwrap struct{ error }

func (badUnwrap) Unwrap() error { panic("Unwrap") }

type badAs struct{ error }

func (badAs) As(any) bool { panic("As") }

// Queues ask the error where nothing recovers: Asynq for its text, River whether it is a cancellation.
func TestWorker_AnErrorWhoseMethodsPanicBecomesOneThatCanBeAsked(t *testing.T) {
	t.Parallel()
	var none *pointer
	for name, c := range map[string]struct {
		err       error
		byClaim   bool // given to Claim.Fail
		permanent bool
	}{
		"a nil pointer":                   {err: none},
		"a nil pointer, permanent":        {err: retry.Permanent(none), permanent: true},
		"a nil pointer by Claim.Fail":     {err: none, byClaim: true},
		"the same, permanent":             {err: retry.Permanent(none), byClaim: true, permanent: true},
		"Unwrap panics":                   {err: badUnwrap{errQueue}},
		"Unwrap panics, permanent":        {err: retry.Permanent(badUnwrap{errQueue}), permanent: true},
		"As panics":                       {err: badAs{errQueue}},
		"As panics, permanent and joined": {err: errors.Join(retry.Permanent(errQueue), badAs{errQueue}), permanent: true},
		"As panics before the mark":       {err: errors.Join(badAs{errQueue}, retry.Permanent(errQueue))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := worker(t, memory(), idempotency.Config{}, func(ctx context.Context, _ *truhook.Verified) error {
				if claim, ok := idempotency.FromContext(ctx); ok && c.byClaim {
					claim.Fail(c.err)
					return nil
				}
				return c.err
			})
			err := w.Work(t.Context(), message("a"))
			var panicked *idempotency.PanicError
			require.ErrorAs(t, err, &panicked)
			assert.Equal(t, c.permanent, retry.IsPermanent(err))
			assert.NotErrorIs(t, err, inbox.ErrInFlight)
			assert.NotEmpty(t, err.Error())
			assert.NotEmpty(t, panicked.Stack)
		})
	}
}
