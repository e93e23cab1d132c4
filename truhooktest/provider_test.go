package truhooktest_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/jose/transunion"
	"github.com/truhook/truhook/retry"
	"github.com/truhook/truhook/truhooktest"
)

var sign = truhooktest.HMAC(scheme(), rightKey)

func answering(status int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
}

// offsets returns when the attempts began, counted from the first.
func offsets(attempts []truhooktest.Attempt) []time.Duration {
	var out []time.Duration
	for _, a := range attempts {
		out = append(out, a.At.Sub(attempts[0].At))
	}
	return out
}

func TestAttemptsComeByTheProvidersSchedule(t *testing.T) {
	t.Parallel()
	const s, ms = time.Second, time.Millisecond
	hang := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done() // the provider hangs up
	})
	abort := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	tests := map[string]struct {
		policy  retry.Policy
		handler http.Handler
		jitter  float64
		want    []time.Duration
	}{
		"truv, refused":          {truv.RetryPolicy(), answering(401), 0, []time.Duration{0, 30 * s, 60 * s, 90 * s}},
		"truv, hanging":          {truv.RetryPolicy(), hang, 1, []time.Duration{0, 40 * s, 80 * s, 120 * s}},
		"truv, redirected":       {truv.RetryPolicy(), answering(302), 0, []time.Duration{0}},
		"truv, delivered":        {truv.RetryPolicy(), answering(204), 0, []time.Duration{0}},
		"truval, least jitter":   {truval.RetryPolicy(), answering(503), 0, []time.Duration{0, 1 * s, 3 * s}},
		"truval, most jitter":    {truval.RetryPolicy(), answering(500), 1, []time.Duration{0, 1599 * ms, 4198 * ms}},
		"truval, refused":        {truval.RetryPolicy(), answering(401), 0, []time.Duration{0}},
		"truval, redirected":     {truval.RetryPolicy(), answering(307), 0, []time.Duration{0}},
		"truval, hanging":        {truval.RetryPolicy(), hang, 0, []time.Duration{0, 11 * s, 23 * s}},
		"trulioo, not published": {trulioo.RetryPolicy(), answering(503), 0, []time.Duration{0}},
		"a policy of nobody":     {retry.Policy{}, answering(503), 0, []time.Duration{0}},
		"transunion, no answer":  {transunion.RetryPolicy(), hang, 0, []time.Duration{0}},
		"truval, aborting":       {truval.RetryPolicy(), abort, 0, []time.Duration{0, 1 * s, 3 * s}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := truhooktest.NewProvider(tt.policy, sign, tt.handler, truhooktest.Config{Jitter: func() float64 { return tt.jitter }})
				defer p.Close()
				attempts := p.Deliver(t.Context(), truhooktest.Event{ID: "1", Body: event("1", 1)})
				assert.Equal(t, tt.want, offsets(attempts))
				assert.Equal(t, attempts, p.Attempts(), "the record is the same")
				for i, a := range attempts {
					assert.Equal(t, i+1, a.Number)
					assert.Equal(t, tt.policy.Outcome(a.Status), a.Outcome)
					assert.Equal(t, a.Status == retry.NoAnswer, a.Err != nil)
				}
			})
		})
	}
}

func TestAYearOfRedeliveryTakesNoTime(t *testing.T) {
	t.Parallel()
	daily := truval.RetryPolicy()
	daily.Attempts, daily.Delays = 366, []retry.Delay{{Base: 24 * time.Hour}}
	synctest.Test(t, func(t *testing.T) {
		var calls int
		p := truhooktest.NewProvider(daily, sign, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if calls++; calls < 366 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		}), truhooktest.Config{})
		defer p.Close()
		began := time.Now()
		attempts := p.Deliver(t.Context(), truhooktest.Event{ID: "1", Body: event("1", 1)})
		assert.Len(t, attempts, 366)
		assert.Equal(t, retry.Delivered, attempts[365].Outcome)
		assert.Equal(t, 365*24*time.Hour, time.Since(began))
	})
}

func TestEveryFaultIsWhatItSays(t *testing.T) {
	t.Parallel()
	verifier, err := hmacsig.New(scheme(), hmacsig.StaticKeys(rightKey), hmacsig.Config{})
	require.NoError(t, err)
	const (
		none = truhook.Reason("")
		lost = -1 // no answer
	)
	tests := map[truhooktest.Fault]struct {
		status, calls int
		reason        truhook.Reason
	}{
		0:                                         {200, 1, none},
		truhooktest.Duplicate:                     {200, 3, none},
		truhooktest.ConcurrentDuplicate:           {200, 3, none},
		truhooktest.Timeout:                       {lost, 1, none},
		truhooktest.ResetBefore:                   {lost, 0, none},
		truhooktest.ResetAfter:                    {lost, 1, none},
		truhooktest.Restart:                       {200, 1, none},
		truhooktest.Unsigned:                      {401, 1, truhook.MissingSignature},
		truhooktest.EmptySignature:                {401, 1, truhook.MalformedSignature},
		truhooktest.MalformedSignature:            {401, 1, truhook.MalformedSignature},
		truhooktest.TamperedSignature:             {401, 1, truhook.SignatureMismatch},
		truhooktest.WrongKey:                      {401, 1, truhook.SignatureMismatch},
		truhooktest.TamperedBody:                  {401, 1, truhook.SignatureMismatch},
		truhooktest.TamperedLayout:                {401, 1, truhook.SignatureMismatch},
		truhooktest.Stale:                         {401, 1, truhook.Expired},
		truhooktest.Stale | truhooktest.Duplicate: {401, 3, truhook.Expired},
	}
	for fault, tt := range tests {
		t.Run(fault.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var reasons []truhook.Reason
				var seen []string
				var restarts int
				h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					body, err := io.ReadAll(r.Body)
					assert.NoError(t, err)
					_, err = verifier.Verify(r.Context(), &truhook.Delivery{Header: r.Header, Body: body})
					mu.Lock()
					defer mu.Unlock()
					reasons = append(reasons, truhook.ReasonOf(err))
					seen = append(seen, r.Header.Get("Acme-Signature")+string(body))
					if err != nil {
						w.WriteHeader(http.StatusUnauthorized)
					}
				})
				p := truhooktest.NewProvider(truval.RetryPolicy(), sign, h, truhooktest.Config{
					WrongKey: truhooktest.HMAC(scheme(), wrongKey),
					Restart:  func() http.Handler { restarts++; return h },
				})
				defer p.Close()
				faults := []truhooktest.Fault{fault, truhooktest.ResetBefore, truhooktest.ResetBefore}
				e := truhooktest.Event{ID: "1", Body: event("1", 1), Copies: 3, Faults: faults}
				attempts := p.Deliver(t.Context(), e)
				synctest.Wait()

				assert.Equal(t, fault, attempts[0].Fault)
				assert.Equal(t, fault == truhooktest.Restart, restarts == 1)
				if tt.status == lost {
					assert.Equal(t, retry.NoAnswer, attempts[0].Status)
					require.Error(t, attempts[0].Err)
					if fault == truhooktest.Timeout {
						assert.ErrorIs(t, attempts[0].Err, context.DeadlineExceeded)
						assert.Equal(t, 10*time.Second, attempts[0].Took)
					} else {
						assert.ErrorIs(t, attempts[0].Err, syscall.ECONNRESET)
					}
				} else {
					assert.Equal(t, tt.status, attempts[0].Status)
				}
				mu.Lock()
				defer mu.Unlock()
				require.Len(t, reasons, tt.calls)
				for i := range reasons {
					assert.Equal(t, tt.reason, reasons[i])
					assert.Equal(t, seen[0], seen[i], "a duplicate is the same bytes under the same signature")
				}
				for i, a := range attempts[:max(1, tt.calls)] {
					assert.Equal(t, i > 0, a.Duplicate)
					assert.Equal(t, 1, a.Number)
				}
			})
		})
	}
}

func TestConcurrentDuplicatesMeet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int32
		h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			if n := running.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(time.Second)
			running.Add(-1)
		})
		p := truhooktest.NewProvider(truv.RetryPolicy(), sign, h, truhooktest.Config{})
		defer p.Close()
		faults := []truhooktest.Fault{truhooktest.ConcurrentDuplicate}
		attempts := p.Deliver(t.Context(), truhooktest.Event{ID: "1", Body: event("1", 1), Copies: 20, Faults: faults})
		assert.Len(t, attempts, 20)
		assert.EqualValues(t, 20, most.Load())
	})
}

func TestAnAttemptIsOneRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls int
		h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			if calls++; calls > 1 {
				panic(http.ErrAbortHandler)
			}
		})
		p := truhooktest.NewProvider(trulioo.RetryPolicy(), sign, h, truhooktest.Config{})
		defer p.Close()
		// net/http would send this one again by itself, over a connection that was in use before.
		for _, body := range []string{"", "{}"} {
			calls = 0
			e := truhooktest.Event{ID: "1", Body: []byte(body), Header: http.Header{"Idempotency-Key": {"1"}}}
			p.Deliver(t.Context(), e)
			attempts := p.Deliver(t.Context(), e)
			require.Len(t, attempts, 1)
			assert.Error(t, attempts[0].Err)
			assert.Equal(t, 2, calls)
		}
	})
}

func TestARestartCutsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var first atomic.Bool
		h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if first.CompareAndSwap(false, true) {
				<-r.Context().Done()
			}
		})
		p := truhooktest.NewProvider(truv.RetryPolicy(), sign, h, truhooktest.Config{})
		defer p.Close()
		go func() {
			time.Sleep(5 * time.Second)
			p.Restart()
		}()
		attempts := p.Deliver(t.Context(), truhooktest.Event{ID: "1", Body: event("1", 1)})
		require.Len(t, attempts, 2)
		assert.Error(t, attempts[0].Err)
		assert.Equal(t, 5*time.Second, attempts[0].Took)
		assert.Equal(t, []time.Duration{0, 35 * time.Second}, offsets(attempts))
		assert.Equal(t, http.StatusOK, attempts[1].Status)
	})
}

func TestEventsCanOvertakeEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var order []string
		h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			order = append(order, string(body))
		})
		p := truhooktest.NewProvider(truv.RetryPolicy(), sign, h, truhooktest.Config{})
		defer p.Close()
		attempts := p.DeliverAll(t.Context(),
			truhooktest.Event{ID: "late", Body: []byte("late"), Delay: time.Hour},
			truhooktest.Event{ID: "lost", Body: []byte("lost"), Faults: []truhooktest.Fault{truhooktest.ResetBefore}},
			truhooktest.Event{ID: "early", Body: []byte("early"), Delay: time.Second})
		assert.Equal(t, []string{"early", "lost", "late"}, order)
		var ids []string
		for _, a := range attempts {
			ids = append(ids, a.Event)
		}
		assert.Equal(t, []string{"lost", "early", "lost", "late"}, ids)
	})
}

func TestADeliveryEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := truhooktest.NewProvider(truv.RetryPolicy(), sign, answering(503), truhooktest.Config{})
		defer p.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 45*time.Second)
		defer cancel()
		began := time.Now()
		assert.Len(t, p.Deliver(ctx, truhooktest.Event{ID: "1"}), 2)
		assert.Equal(t, 45*time.Second, time.Since(began))
		assert.Empty(t, p.Deliver(ctx, truhooktest.Event{ID: "2"}), "nothing begins after it")
		assert.Empty(t, p.Deliver(ctx, truhooktest.Event{ID: "3", Delay: time.Second}))
	})
}

func TestTheHandlerSeesAnHonestRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			assert.Equal(t, http.MethodPost, r.Method)
			assert.Equal(t, "/hooks/acme?token=1", r.RequestURI)
			assert.Equal(t, "receiver.test", r.Host)
			assert.Equal(t, "192.0.2.1:1234", r.RemoteAddr)
			assert.Equal(t, "application/jose", r.Header.Get("Content-Type"))
			assert.Equal(t, "Acme/1", r.Header.Get("User-Agent"))
			assert.EqualValues(t, 1<<20, r.ContentLength)
			http.Error(w, "too large", http.StatusRequestEntityTooLarge) // and the body unread
		})
		p := truhooktest.NewProvider(truval.RetryPolicy(), sign, h, truhooktest.Config{Path: "/hooks/acme?token=1"})
		defer p.Close()
		attempts := p.Deliver(t.Context(), truhooktest.Event{
			ID: "1", Body: []byte(strings.Repeat("a", 1<<20)),
			Header: http.Header{"content-type": {"application/jose"}, "User-Agent": {"Acme/1"}},
		})
		require.Len(t, attempts, 1)
		assert.Equal(t, http.StatusRequestEntityTooLarge, attempts[0].Status)
		assert.Equal(t, "too large\n", string(attempts[0].Body))
		assert.Equal(t, "nosniff", attempts[0].Header.Get("X-Content-Type-Options"))
	})
}

func TestWhatCannotBeSignedIsNotSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was sent") })
		p := truhooktest.NewProvider(truv.RetryPolicy(), truhooktest.HMAC(scheme(), hmacsig.Key{}), h, truhooktest.Config{})
		defer p.Close()
		attempts := p.Deliver(t.Context(), truhooktest.Event{ID: "1"})
		require.Len(t, attempts, 1)
		require.ErrorContains(t, attempts[0].Err, "signing")
		assert.Equal(t, retry.Unknown, attempts[0].Outcome)

		attempts = p.Deliver(t.Context(), truhooktest.Event{ID: "2", Faults: []truhooktest.Fault{truhooktest.WrongKey}})
		require.ErrorContains(t, attempts[0].Err, "Config.WrongKey")
	})
}

func TestAProviderDeliversToAURLInScaledTime(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "/hooks?x=1", r.RequestURI)
		if calls.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	fast := truhooktest.Config{Scale: 0.001, Timeout: time.Hour}
	p, err := truhooktest.NewRemoteProvider(truval.RetryPolicy(), sign, server.URL+"/hooks?x=1", fast)
	require.NoError(t, err)
	defer p.Close()
	attempts := p.Deliver(t.Context(), truhooktest.Event{ID: "1", Body: event("1", 1)})
	require.Len(t, attempts, 3)
	assert.Equal(t, retry.Delivered, attempts[2].Outcome)
	assert.GreaterOrEqual(t, attempts[2].At.Sub(attempts[0].At), 3*time.Millisecond)

	faults := []truhooktest.Fault{truhooktest.ResetBefore, truhooktest.ResetAfter, truhooktest.Restart}
	attempts = p.Deliver(t.Context(), truhooktest.Event{ID: "2", Faults: faults})
	require.Len(t, attempts, 3)
	assert.EqualValues(t, 5, calls.Load())
	assert.ErrorIs(t, attempts[1].Err, syscall.ECONNRESET)
}

func TestAProviderNeedsWhatItNeeds(t *testing.T) {
	t.Parallel()
	for _, u := range []string{"", "/hooks", "receiver.test", "ftp://receiver.test/", "http://", "http://a b/", ":"} {
		_, err := truhooktest.NewRemoteProvider(truv.RetryPolicy(), sign, u, truhooktest.Config{})
		assert.Error(t, err, u)
	}
	ok := answering(200)
	assert.Panics(t, func() { truhooktest.NewProvider(truv.RetryPolicy(), nil, ok, truhooktest.Config{}) })
	assert.Panics(t, func() { truhooktest.NewProvider(truv.RetryPolicy(), sign, nil, truhooktest.Config{}) })
	assert.Panics(t, func() { truhooktest.NewProvider(retry.Policy{Attempts: -1}, sign, ok, truhooktest.Config{}) })
	assert.Panics(t, func() {
		_, _ = truhooktest.NewRemoteProvider(truv.RetryPolicy(), nil, "http://receiver.test", truhooktest.Config{})
	})
}

func TestARequestForAHandlerIsSigned(t *testing.T) {
	t.Parallel()
	verifier, err := hmacsig.New(scheme(), hmacsig.StaticKeys(rightKey), hmacsig.Config{})
	require.NoError(t, err)
	e := truhooktest.Event{ID: "1", Body: event("1", 1), Header: http.Header{"X-More": {"1"}}}
	r := truhooktest.NewRequest(t, sign, "/hooks?x=1", e)
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	assert.Equal(t, event("1", 1), body)
	assert.EqualValues(t, len(body), r.ContentLength)
	assert.Equal(t, "/hooks?x=1", r.RequestURI)
	assert.Equal(t, "1", r.Header.Get("X-More"))
	assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
	_, err = verifier.Verify(t.Context(), &truhook.Delivery{Header: r.Header, Body: body})
	assert.NoError(t, err)
}

func TestFaultsPrintTheirNames(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "none", truhooktest.Fault(0).String())
	assert.Equal(t, "duplicate|timeout", (truhooktest.Timeout | truhooktest.Duplicate).String())
	assert.Equal(t, "stale", truhooktest.Stale.String())
}
