package idempotency_test

import (
	"context"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
)

func TestFlight_ATwinWaitsAndThenKnows(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		handler time.Duration
		fails   bool
		wait    time.Duration
		want    idempotency.Outcome
		after   time.Duration
	}{
		"done within the wait":      {handler: 3 * time.Second, want: idempotency.Duplicate},
		"fails within the wait":     {handler: 3 * time.Second, fails: true, want: idempotency.InFlight},
		"runs on":                   {handler: 8 * time.Second, want: idempotency.InFlight, after: 8 * time.Second},
		"no wait":                   {handler: 3 * time.Second, wait: -1, want: idempotency.InFlight, after: 10 * time.Second},
		"runs on, the lease is new": {handler: 60 * time.Second, wait: time.Second, want: idempotency.InFlight, after: 9 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m, _ := middleware(t, memory(), idempotency.Config{Policy: truv.RetryPolicy(), Wait: c.wait, AnswerWithin: -1})
				var calls sync.WaitGroup
				calls.Add(1)
				go func() {
					defer calls.Done()
					m.Do(t.Context(), event("a"), func(context.Context) error {
						time.Sleep(c.handler)
						if c.fails {
							return errHandler
						}
						return nil
					})
				}()
				synctest.Wait()
				res := m.Do(t.Context(), event("a"), func(context.Context) error { return nil })
				assert.Equal(t, c.want, res.Outcome)
				if res.Outcome == idempotency.InFlight {
					assert.Equal(t, 503, res.Status)
					assert.InDelta(t, c.after.Seconds(), res.RetryAfter.Seconds(), 1.5)
					w := httptest.NewRecorder()
					res.Respond(w)
					assert.NotEmpty(t, w.Header().Get("Retry-After"))
				}
				calls.Wait()
			})
		})
	}
}

func TestFlight_ATwinThatHangsUpStopsWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, _ := middleware(t, memory(), idempotency.Config{Policy: truv.RetryPolicy(), AnswerWithin: -1})
		go m.Do(t.Context(), event("a"), func(context.Context) error { time.Sleep(8 * time.Second); return nil })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		assert.Equal(t, idempotency.InFlight, m.Do(ctx, event("a"), nil).Outcome)
		assert.Equal(t, time.Second, time.Since(began))
		time.Sleep(time.Minute)
	})
}

func TestFlight_AtMost64TwinsWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, seen := middleware(t, memory(), idempotency.Config{Policy: truv.RetryPolicy(), AnswerWithin: -1})
		go m.Do(t.Context(), event("a"), func(context.Context) error { time.Sleep(4 * time.Second); return nil })
		synctest.Wait()
		var wg sync.WaitGroup
		var mu sync.Mutex
		outcomes := map[idempotency.Outcome]int{}
		for range 100 {
			wg.Go(func() {
				res := m.Do(t.Context(), event("a"), nil)
				mu.Lock()
				defer mu.Unlock()
				outcomes[res.Outcome]++
			})
		}
		wg.Wait()
		assert.Equal(t, map[idempotency.Outcome]int{idempotency.Duplicate: 64, idempotency.InFlight: 36}, outcomes)
		assert.Equal(t, 36, seen.count(idempotency.WaiterOverflow))
	})
}
