package idempotency_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/jose/transunion"
	"github.com/truhook/truhook/retry"
)

func TestNewMiddleware_RejectsWhatCannotBeMeant(t *testing.T) {
	t.Parallel()
	for name, build := range map[string]func() (*idempotency.Middleware, error){
		"nil store": func() (*idempotency.Middleware, error) {
			return idempotency.NewMiddleware(nil, "s", id, idempotency.Config{})
		},
		"nil key": func() (*idempotency.Middleware, error) {
			return idempotency.NewMiddleware(memory(), "s", nil, idempotency.Config{})
		},
		"empty scope": func() (*idempotency.Middleware, error) {
			return idempotency.NewMiddleware(memory(), "", id, idempotency.Config{})
		},
		"NUL in the scope": func() (*idempotency.Middleware, error) {
			return idempotency.NewMiddleware(memory(), "a\x00", id, idempotency.Config{})
		},
		"long scope": func() (*idempotency.Middleware, error) {
			return idempotency.NewMiddleware(memory(), strings.Repeat("s", 256), id, idempotency.Config{})
		},
		"negative lease": func() (*idempotency.Middleware, error) {
			return idempotency.NewMiddleware(memory(), "s", id, idempotency.Config{Lease: -1})
		},
		"retention shorter than the lease": func() (*idempotency.Middleware, error) {
			return idempotency.NewMiddleware(memory(), "s", id, idempotency.Config{Lease: time.Hour, Retention: time.Hour})
		},
		"negative retention": func() (*idempotency.Middleware, error) {
			return idempotency.NewMiddleware(memory(), "s", id, idempotency.Config{Retention: -1})
		},
		"broken policy": func() (*idempotency.Middleware, error) {
			return idempotency.NewMiddleware(memory(), "s", id, idempotency.Config{Policy: retry.Policy{Attempts: -1}})
		},
		"SkipStale without Version": func() (*idempotency.Middleware, error) {
			return idempotency.NewMiddleware(memory(), "s", id, idempotency.Config{SkipStale: true})
		},
	} {
		m, err := build()
		assert.Error(t, err, name)
		assert.Nil(t, m, name)
	}
	m, _ := middleware(t, memory(), idempotency.Config{})
	assert.Panics(t, func() { m.Handle(nil) })
	assert.Panics(t, func() { m.Wrap(nil) })
}

func TestConfig_TheZeroMiddlewareAnswers500(t *testing.T) {
	t.Parallel()
	called := func(context.Context, *truhook.Verified) error { t.Error("called"); return nil }
	for _, m := range []*idempotency.Middleware{nil, {}} {
		for _, h := range []http.Handler{
			m.Handle(called), m.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("called") })),
		} {
			w, _ := post(h, event("a"))
			assert.Equal(t, http.StatusInternalServerError, w.Code)
		}
		assert.NoError(t, m.Wait(t.Context()))
	}
	w := httptest.NewRecorder()
	idempotency.Result{}.Respond(w)
	assert.Equal(t, http.StatusInternalServerError, w.Code)
}

func TestConfig_LeaseAndRetentionFollowFromThePolicy(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	none := retry.Policy{}
	for name, c := range map[string]struct {
		cfg           idempotency.Config
		lease, retain time.Duration
	}{
		"truv":           {idempotency.Config{Policy: truv.RetryPolicy()}, 10 * time.Second, 31 * day},
		"truval":         {idempotency.Config{Policy: truval.RetryPolicy()}, 2 * time.Second, 31 * day},
		"trulioo":        {idempotency.Config{Policy: trulioo.RetryPolicy()}, 8 * time.Second, 7 * day},
		"transunion":     {idempotency.Config{Policy: transunion.RetryPolicy()}, 8 * time.Second, 7 * day},
		"zero":           {idempotency.Config{Policy: none}, 8 * time.Second, 7 * day},
		"short limit":    {idempotency.Config{Policy: retry.Policy{AckLimit: 3 * time.Second}}, 3 * time.Second, 7 * day},
		"own":            {idempotency.Config{Policy: truv.RetryPolicy(), Lease: time.Minute, Retention: time.Hour}, time.Minute, time.Hour},
		"hours of delay": {idempotency.Config{Policy: retry.Policy{Attempts: 3, Delays: []retry.Delay{{Base: time.Hour}}}}, 10 * time.Second, 31 * day},
	} {
		store := &spy{Store: memory()}
		m, _ := middleware(t, store, c.cfg)
		m.Do(t.Context(), event("a"), func(context.Context) error { return nil })
		assert.Equal(t, c.lease, store.claim.Lease, name)
		assert.InDelta(t, c.retain, store.claim.Retain, float64(10*time.Minute), name)
		assert.GreaterOrEqual(t, store.claim.Retain, c.retain, name)
		assert.Equal(t, idempotency.Key{Scope: "test", ID: "a"}, store.claim.Key, name)
	}
}

type spy struct {
	idempotency.Store
	claim idempotency.ClaimRequest
}

func (s *spy) Claim(ctx context.Context, c idempotency.ClaimRequest) (idempotency.Record, error) {
	s.claim = c
	return s.Store.Claim(ctx, c)
}
