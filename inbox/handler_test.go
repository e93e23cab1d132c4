package inbox_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/retry"
)

func TestHandler_AcceptedIsAnswered200WithAllThatAWorkerNeeds(t *testing.T) {
	t.Parallel()
	q := &queue{}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	h := handler(t, q, inbox.Config{
		Policy: truv.RetryPolicy(), Header: []string{"traceparent", "X-Bytes", "X-Absent"}, Now: func() time.Time { return now },
		Version: func(*truhook.Verified) (string, time.Time, error) { return "order/1", now.Add(-time.Second), nil },
	})
	v := verified("event-1")
	v.Inner = []byte("inside")
	w := post(h, v, http.Header{
		"Traceparent": {"00-1"}, "X-Bytes": {"\xff", "ok"}, "X-Other": {"no"}, "Authorization": {"Bearer x"},
	})
	assert.Equal(t, http.StatusOK, w.Code)
	require.Len(t, q.all(), 1)
	assert.Equal(t, inbox.Message{
		Key:         idempotency.Key{Scope: "truv/test", ID: "event-1"},
		Fingerprint: idempotency.NewFingerprint([]byte("event-1")),
		Received:    now, Payload: []byte("event-1"), Inner: []byte("inside"),
		Proofs:   []truhook.Proof{{Scheme: "truv", KeyID: "1"}},
		Resource: "order/1", At: now.Add(-time.Second),
		Header: http.Header{"Traceparent": {"00-1"}, "X-Bytes": {"ok"}},
	}, q.all()[0])
}

func TestHandler_WhatTheQueueDoesNotTakeIsAnswered503(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"away": errQueue, "permanent": retry.Permanent(errQueue), "a deadline": context.DeadlineExceeded,
		"a reason of ours": truhook.SignatureMismatch,
	} {
		for _, store := range []idempotency.Store{nil, memory()} {
			for _, policy := range []retry.Policy{{}, truv.RetryPolicy(), truval.RetryPolicy()} {
				q, s := &queue{err: err}, &seen{}
				h := handler(t, q, inbox.Config{Policy: policy, Store: store, Observe: s.observe})
				assertStatus(t, http.StatusServiceUnavailable, post(h, verified("a"+policy.Provider+name), nil))
				assert.Equal(t, []idempotency.Outcome{idempotency.Failed}, s.outcomes())
				q.err = nil
				assertStatus(t, http.StatusOK, post(h, verified("a"+policy.Provider+name), nil))
				assert.Len(t, q.all(), 1)
			}
		}
	}
}

func TestHandler_WhatWasNotVerifiedIsNeverEnqueued(t *testing.T) {
	t.Parallel()
	q := &queue{}
	for name, h := range map[string]http.Handler{
		"a handler": handler(t, q, inbox.Config{}), "with a store": handler(t, q, inbox.Config{Store: memory()}),
		"the zero handler": &inbox.Handler{}, "the nil handler": (*inbox.Handler)(nil),
	} {
		assert.Equal(t, http.StatusInternalServerError, post(h, nil, nil).Code, name)
	}
	assert.Equal(t, 500, post(&inbox.Handler{}, verified("a"), nil).Code)
	assert.Empty(t, q.all())
	assert.NoError(t, (*inbox.Handler)(nil).Wait(t.Context()))
	assert.NoError(t, (&inbox.Handler{}).Wait(t.Context()))
}

func TestHandler_ARefusedDeliveryIsAnswered401AndNotEnqueued(t *testing.T) {
	t.Parallel()
	q := &queue{}
	refuse := truhook.VerifierFunc(func(context.Context, *truhook.Delivery) (*truhook.Verified, error) {
		return nil, &truhook.Error{Reason: truhook.SignatureMismatch}
	})
	h := truhook.NewMiddleware(refuse, truhook.Config{}).Wrap(handler(t, q, inbox.Config{}))
	assert.Equal(t, 401, post(h, nil, nil).Code)
	assert.Empty(t, q.all())
}

func TestHandler_ADuplicateIs200AndReportedAsSuch(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]inbox.Config{"of the queue": {}, "of the store": {Store: memory()}} {
		q, s := &queue{dedupe: cfg.Store == nil}, &seen{}
		cfg.Observe = s.observe
		h := handler(t, q, cfg)
		for range 3 {
			assert.Equal(t, 200, post(h, verified("a"), nil).Code)
		}
		assert.Equal(t, []idempotency.Outcome{"handled", "duplicate", "duplicate"}, s.outcomes(), name)
		assert.Len(t, q.all(), 1, name)
		res := h.Accept(t.Context(), verified("a"), nil)
		assert.Equal(t, idempotency.Result{Outcome: idempotency.Duplicate, Status: 200}, res)
	}
}

func TestHandler_ADeliveryWithoutAnIdIsAMessageOfItsOwn(t *testing.T) {
	t.Parallel()
	q := &queue{dedupe: true}
	h, err := inbox.NewHandler(q, "s", func(*truhook.Verified) (string, error) { return "", nil }, inbox.Config{Store: memory()})
	require.NoError(t, err)
	for range 3 {
		assert.Equal(t, 200, post(h, verified("same"), nil).Code)
	}
	assert.Len(t, q.all(), 3)
}

func TestHandler_AKeyThatCannotBeIsOurFault(t *testing.T) {
	t.Parallel()
	for _, key := range []idempotency.KeyFunc{
		func(*truhook.Verified) (string, error) { return "", errors.New("no such member") },
		func(*truhook.Verified) (string, error) { panic("bug") },
	} {
		q := &queue{}
		h, err := inbox.NewHandler(q, "s", key, inbox.Config{})
		require.NoError(t, err)
		assert.Equal(t, 500, post(h, verified("a"), nil).Code)
		assert.Empty(t, q.all())
	}
}

func TestHandler_ALongKeyIsHashedAndStillOneKey(t *testing.T) {
	t.Parallel()
	q := &queue{dedupe: true}
	h := handler(t, q, inbox.Config{})
	long := strings.Repeat("x", 300)
	for _, body := range []string{long, long, long + "y", "\xff\xfe"} {
		assert.Equal(t, 200, post(h, verified(body), nil).Code)
	}
	require.Len(t, q.all(), 3)
	_, err := q.all()[0].MarshalJSON()
	assert.NoError(t, err)
}

func TestHandler_EnqueuesWhatIsTooOldAndReportsIt(t *testing.T) {
	t.Parallel()
	q, s := &queue{}, &seen{}
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	at := now
	h := handler(t, q, inbox.Config{
		Policy: truv.RetryPolicy(), Observe: s.observe, Now: func() time.Time { return now },
		Version: func(*truhook.Verified) (string, time.Time, error) { return "order/1", at, nil },
	})
	at = now.Add(-32 * 24 * time.Hour)
	assert.Equal(t, 200, post(h, verified("a"), nil).Code)
	assert.Equal(t, []idempotency.Outcome{idempotency.TooOld, idempotency.Handled}, s.outcomes())
	require.Len(t, q.all(), 1)
	assert.Equal(t, at, q.all()[0].At, "the worker's function can tell")
	at = now.Add(-30 * 24 * time.Hour)
	assert.Equal(t, 200, post(h, verified("b"), nil).Code)
	assert.Len(t, q.all(), 2)
	assert.Equal(t, []idempotency.Outcome{idempotency.TooOld, idempotency.Handled, idempotency.Handled}, s.outcomes())
}

func TestHandler_ASequenceThatFailsCostsTheOrderOnly(t *testing.T) {
	t.Parallel()
	for _, seq := range []idempotency.VersionFunc{
		func(*truhook.Verified) (string, time.Time, error) { return "r", time.Now(), errQueue },
		func(*truhook.Verified) (string, time.Time, error) { panic("bug") },
		func(*truhook.Verified) (string, time.Time, error) { return "", time.Now(), nil },
		func(*truhook.Verified) (string, time.Time, error) { return "r", time.Time{}, nil },
	} {
		q := &queue{}
		h := handler(t, q, inbox.Config{Version: seq, Store: memory()})
		assert.Equal(t, 200, post(h, verified("a"), nil).Code)
		require.Len(t, q.all(), 1)
		assert.Empty(t, q.all()[0].Resource)
		assert.True(t, q.all()[0].At.IsZero())
	}
}

func TestHandler_AcceptingDoesNotMoveTheOrderOfWorkers(t *testing.T) {
	t.Parallel()
	q, store := &queue{}, memory()
	at := time.Now()
	h := handler(t, q, inbox.Config{Store: store, Version: func(*truhook.Verified) (string, time.Time, error) { return "r", at, nil }})
	post(h, verified("a"), nil)
	k := idempotency.Key{Scope: "truv/test", ID: "r"}
	order, err := store.Order(t.Context(), k, at.Add(-time.Hour), time.Hour)
	require.NoError(t, err)
	assert.Equal(t, idempotency.Newer, order)
}

func TestHandler_AHungUpSenderDoesNotStopTheEnqueue(t *testing.T) {
	t.Parallel()
	ctx, hangUp := context.WithCancel(t.Context())
	q := &queue{before: func(ctx context.Context) {
		hangUp()
		assert.NoError(t, ctx.Err())
		_, ok := ctx.Deadline()
		assert.True(t, ok)
	}}
	res := handler(t, q, inbox.Config{}).Accept(ctx, verified("a"), nil)
	assert.Equal(t, 200, res.Status)
	assert.Len(t, q.all(), 1)
}

func TestHandler_AStalledQueueIsAnsweredInTime(t *testing.T) {
	t.Parallel()
	for _, policy := range []retry.Policy{{}, truv.RetryPolicy()} {
		for _, deaf := range []bool{false, true} { // deaf: it does not end when its context does
			synctest.Test(t, func(t *testing.T) {
				q, s := &queue{}, &seen{}
				q.before = func(ctx context.Context) {
					if deaf {
						time.Sleep(time.Hour)
						return
					}
					<-ctx.Done()
					q.err = ctx.Err()
				}
				h := handler(t, q, inbox.Config{Policy: policy, Observe: s.observe})
				start := time.Now()
				w := post(h, verified("a"), nil)
				assertStatus(t, 503, w)
				assert.LessOrEqual(t, time.Since(start), 9*time.Second)
				require.NoError(t, h.Wait(t.Context()))
				if deaf {
					assert.Equal(t, []idempotency.Outcome{idempotency.Late, idempotency.TimedOut, idempotency.Handled}, s.outcomes())
					assert.Len(t, q.all(), 1)
				}
			})
		}
	}
}

func TestHandler_APanicOfTheQueueIsNeverA200(t *testing.T) {
	t.Parallel()
	for _, store := range []idempotency.Store{nil, memory()} {
		q := &queue{before: func(context.Context) { panic("bug") }}
		h := handler(t, q, inbox.Config{Store: store})
		assert.PanicsWithValue(t, "bug", func() { post(h, verified("a"), nil) })
		q.before = nil
		assert.Equal(t, 200, post(h, verified("a"), nil).Code)
		assert.Len(t, q.all(), 1)
	}
}

func TestHandler_AStoreThatIsAwayIs503(t *testing.T) {
	t.Parallel()
	q := &queue{}
	h := handler(t, q, inbox.Config{Store: awayStore{}})
	assertStatus(t, 503, post(h, verified("a"), nil))
	assert.Empty(t, q.all())
}

type awayStore struct{ idempotency.Store }

func (awayStore) Claim(context.Context, idempotency.ClaimRequest) (idempotency.Record, error) {
	return idempotency.Record{}, errQueue
}

func TestNewHandler_RejectsWhatCannotWork(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func() (*inbox.Handler, error){
		"no queue": func() (*inbox.Handler, error) { return inbox.NewHandler(nil, "s", byPayload, inbox.Config{}) },
		"no key":   func() (*inbox.Handler, error) { return inbox.NewHandler(&queue{}, "s", nil, inbox.Config{}) },
		"no scope": func() (*inbox.Handler, error) { return inbox.NewHandler(&queue{}, "", byPayload, inbox.Config{}) },
		"a NUL":    func() (*inbox.Handler, error) { return inbox.NewHandler(&queue{}, "\x00", byPayload, inbox.Config{}) },
		"a long scope": func() (*inbox.Handler, error) {
			return inbox.NewHandler(&queue{}, strings.Repeat("s", 251), byPayload, inbox.Config{})
		},
		"a credential": func() (*inbox.Handler, error) {
			return inbox.NewHandler(&queue{}, "s", byPayload, inbox.Config{Header: []string{"authorization"}})
		},
		"a cookie": func() (*inbox.Handler, error) {
			return inbox.NewHandler(&queue{}, "s", byPayload, inbox.Config{Header: []string{"COOKIE"}})
		},
		"a bad policy": func() (*inbox.Handler, error) {
			return inbox.NewHandler(&queue{}, "s", byPayload, inbox.Config{Policy: retry.Policy{Attempts: -1}})
		},
		"a short retention": func() (*inbox.Handler, error) {
			return inbox.NewHandler(&queue{}, "s", byPayload, inbox.Config{Retention: time.Second})
		},
	} {
		h, err := f()
		assert.Error(t, err, name)
		assert.Nil(t, h, name)
	}
}

func TestHandler_EnqueueIsBoundedByTimeout(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg  inbox.Config
		want time.Duration
	}{
		"half of Truv's limit": {inbox.Config{Policy: truv.RetryPolicy()}, 5 * time.Second},
		"no limit published":   {inbox.Config{}, 5 * time.Second},
		"own":                  {inbox.Config{Timeout: time.Second}, time.Second},
		"own, with a store":    {inbox.Config{Timeout: time.Second, Store: memory()}, time.Second},
		"negative":             {inbox.Config{Timeout: -1}, 5 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			q := &queue{}
			q.before = func(ctx context.Context) { <-ctx.Done(); q.err = ctx.Err() }
			if c.cfg.Store != nil {
				c.cfg.Store = memory()
			}
			began := time.Now()
			assertStatus(t, 503, post(handler(t, q, c.cfg), verified("a"), nil))
			assert.Equal(t, c.want, time.Since(began), name)
		})
	}
	_, err := inbox.NewHandler(&queue{}, "s", byPayload, inbox.Config{Policy: truv.RetryPolicy(), Timeout: 10 * time.Second})
	assert.Error(t, err, "the provider would be gone")
}

func TestHandler_AnOldEventIsEnqueuedOnceARetention(t *testing.T) {
	t.Parallel()
	q, s := &queue{}, &seen{}
	h := handler(t, q, inbox.Config{
		Policy: truv.RetryPolicy(), Store: memory(), Observe: s.observe,
		Version: func(*truhook.Verified) (string, time.Time, error) { return "r", time.Now().AddDate(-1, 0, 0), nil },
	})
	for range 5 {
		assert.Equal(t, 200, post(h, verified("a"), nil).Code)
	}
	assert.Len(t, q.all(), 1)
	assert.Contains(t, s.outcomes(), idempotency.TooOld)
}

func TestHandler_ATimeThatNoEventHasKeepsNoneOutOfTheQueue(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{
		time.Unix(0, 0), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(1<<50, 0), time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		for _, now := range []time.Time{time.Now(), at} { // our own clock may be as odd
			q := &queue{}
			h := handler(t, q, inbox.Config{
				Policy: truv.RetryPolicy(), Now: func() time.Time { return now },
				Version: func(*truhook.Verified) (string, time.Time, error) { return "r", at, nil },
			})
			assert.Equal(t, 200, post(h, verified("a"), nil).Code)
			require.Len(t, q.all(), 1)
			_, err := q.all()[0].MarshalJSON()
			assert.NoError(t, err, at)
		}
	}
}

func TestHandler_ASenderThatHasClosedItsHalfIsAccepted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, cfg := range map[string]inbox.Config{"queue": {}, "queue and store": {Store: memory()}} {
		q := &queue{}
		assert.Equal(t, idempotency.Handled, handler(t, q, cfg).Accept(ctx, verified("a"), nil).Outcome, name)
		assert.Len(t, q.all(), 1)
	}
}

func TestHandler_AMessageSharesNoMemoryWithTheRequest(t *testing.T) {
	t.Parallel()
	q := &queue{}
	h := handler(t, q, inbox.Config{Header: []string{"Traceparent"}})
	text := []byte("event-1")
	shared := func() string { return unsafe.String(&text[0], len(text)) }
	v := &truhook.Verified{Payload: text, Inner: text, Proofs: []truhook.Proof{{Scheme: shared(), KeyID: shared()}}}
	assert.Equal(t, 200, post(h, v, http.Header{"Traceparent": {shared()}}).Code)
	copy(text, "zzzzzzz")
	m := q.all()[0]
	for _, got := range []string{
		m.Key.ID, string(m.Payload), string(m.Inner), m.Proofs[0].Scheme, m.Proofs[0].KeyID, m.Header.Get("Traceparent"),
	} {
		assert.Equal(t, "event-1", got)
	}
}

func TestHandler_ALabelThatIsNotTextKeepsNoEventOutOfTheQueue(t *testing.T) {
	t.Parallel()
	q := &queue{}
	v := verified("a")
	v.Proofs[0].KeyID = "key \xff\x00"
	assert.Equal(t, 200, post(handler(t, q, inbox.Config{}), v, nil).Code)
	data, err := q.all()[0].MarshalJSON()
	assert.NoError(t, err)
	assert.NotContains(t, string(data), `\u0000`, "jsonb of PostgreSQL cannot hold it")
	assert.Equal(t, "key \ufffd\ufffd", q.all()[0].Proofs[0].KeyID)
}

func TestHandler_EnqueuesWithoutAClaimWhileTheStoreIsAwayIfToldTo(t *testing.T) {
	t.Parallel()
	q, s := &queue{dedupe: true}, &seen{}
	h := handler(t, q, inbox.Config{Store: awayStore{}, HandleUndeduped: true, Observe: s.observe})
	for range 2 {
		assert.Equal(t, 200, post(h, verified("a"), nil).Code)
	}
	assert.Len(t, q.all(), 1)
	assert.Contains(t, s.outcomes(), idempotency.NotDeduped)
	assert.Equal(t, idempotency.Duplicate, s.outcomes()[len(s.outcomes())-1], "the queue knew it")
}

func TestHandler_ForgetLetsAnEventInAgain(t *testing.T) {
	t.Parallel()
	q := &queue{}
	h := handler(t, q, inbox.Config{Store: memory()})
	for range 2 {
		post(h, verified("a"), nil)
	}
	assert.Len(t, q.all(), 1)
	require.NoError(t, h.Forget(t.Context(), "a"))
	post(h, verified("a"), nil)
	assert.Len(t, q.all(), 2)
	assert.NoError(t, handler(t, q, inbox.Config{}).Forget(t.Context(), "a"))
	assert.Error(t, (*inbox.Handler)(nil).Forget(t.Context(), "a"))
}

func TestHandler_JudgesARecordedDeliveryAsOfItsArrival(t *testing.T) {
	t.Parallel()
	at := time.Date(2023, 3, 2, 9, 30, 0, 0, time.UTC)
	q, s := &queue{}, &seen{}
	h := handler(t, q, inbox.Config{
		Policy: truv.RetryPolicy(), Observe: s.observe,
		Version: func(*truhook.Verified) (string, time.Time, error) { return "r", at, nil },
	})
	ctx := truhook.WithReceived(t.Context(), at.Add(time.Second))
	assert.Equal(t, idempotency.Handled, h.Accept(ctx, verified("a"), nil).Outcome)
	assert.Equal(t, at.Add(time.Second), q.all()[0].Received)
	assert.Equal(t, []idempotency.Outcome{idempotency.Handled}, s.outcomes(), "not too old")
}

func TestHandler_LogsWhatItDoesNotAccept(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	h := handler(t, &queue{err: errQueue}, inbox.Config{Logger: slog.New(slog.NewTextHandler(&out, nil))})
	post(h, verified("a"), nil)
	assert.Contains(t, out.String(), "the queue did not take the event")
	assert.Contains(t, out.String(), "outcome=failed")
	assert.Contains(t, out.String(), errQueue.Error(), "what is wrong with the queue")
}

type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }

func TestHandler_LogsThatAQueueFailedWhoseErrorPanics(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	h := handler(t, &queue{err: (*nilError)(nil)}, inbox.Config{Logger: slog.New(slog.NewTextHandler(&out, nil))})
	assertStatus(t, 503, post(h, verified("a"), nil))
	assert.Contains(t, out.String(), "outcome=failed")
}

func TestHandler_ObserveGetsTheErrorOfTheQueue(t *testing.T) {
	t.Parallel()
	var got error
	h := handler(t, &queue{err: errQueue}, inbox.Config{
		Observe: func(_ context.Context, o idempotency.Observation) { got = o.Err },
	})
	post(h, verified("a"), nil)
	assert.ErrorIs(t, got, errQueue)
}

// unsure is a queue that has found a duplicate and could not make sure of it.
type unsure struct{}

func (unsure) Enqueue(context.Context, inbox.Message) (bool, error) { return true, errQueue }

func TestHandler_AnErrorIsOneWhateverElseTheQueueSays(t *testing.T) {
	t.Parallel()
	assertStatus(t, 503, post(handler(t, unsure{}, inbox.Config{}), verified("a"), nil))
}

// Frameworks without net/http have names as they were sent, or in lower case.
func TestHandler_FindsAHeaderInAnySpellingOfItsName(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config string
		sent   http.Header
		want   []string
	}{
		"canonical":                  {"X-Trace-Id", http.Header{"X-Trace-Id": {"17"}}, []string{"17"}},
		"lower case":                 {"X-Trace-Id", http.Header{"x-trace-id": {"17"}}, []string{"17"}},
		"upper case":                 {"X-Trace-Id", http.Header{"X-TRACE-ID": {"17"}}, []string{"17"}},
		"config in lower case":       {"x-trace-id", http.Header{"X-Trace-Id": {"17"}}, []string{"17"}},
		"all in lower case":          {"x-trace-id", http.Header{"x-trace-id": {"17", "18"}}, []string{"17", "18"}},
		"several spellings":          {"x-trace-id", http.Header{"x-trace-id": {"2"}, "X-TRACE-ID": {"1"}, "X-Trace-Id": {"0"}}, []string{"0", "1", "2"}},
		"an empty one beside it":     {"x-trace-id", http.Header{"x-trace-id": {"17"}, "X-Trace-Id": {}}, []string{"17"}},
		"not UTF-8":                  {"x-trace-id", http.Header{"x-trace-id": {"\xff", "ok"}}, []string{"ok"}},
		"a NUL":                      {"x-trace-id", http.Header{"x-trace-id": {"a\x00", "ok"}}, []string{"ok"}},
		"another name":               {"x-trace-id", http.Header{"x-trace_id": {"17"}, "authorization": {"Bearer x"}}, nil},
		"a letter that folds to it":  {"x-trace-k", http.Header{"x-trace-\u212a": {"17"}}, nil},
		"absent":                     {"x-trace-id", http.Header{}, nil},
		"nil":                        {"x-trace-id", nil, nil},
		"a name that is not a token": {"x trace", http.Header{"X Trace": {"17"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := &queue{}
			h := handler(t, q, inbox.Config{Header: []string{c.config}})
			assert.Equal(t, idempotency.Handled, h.Accept(t.Context(), verified("event-1"), c.sent).Outcome)
			want := http.Header(nil)
			if c.want != nil {
				want = http.Header{"X-Trace-Id": c.want}
			}
			assert.Equal(t, want, q.all()[0].Header)
		})
	}
}
