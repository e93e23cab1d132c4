package retry_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/retry"
)

func acme() retry.Policy {
	return retry.Policy{
		Provider: "acme",
		Attempts: 5,
		Delays:   []retry.Delay{{Base: time.Minute}, {Base: 10 * time.Minute, Jitter: time.Minute}},
		AckLimit: 15 * time.Second,
		Rules: []retry.Rule{
			{From: 200, To: 200, Outcome: retry.Delivered},
			{From: 410, To: 410, Outcome: retry.Final},
			{From: 100, To: 599, Outcome: retry.Retried},
			{From: retry.NoAnswer, To: retry.NoAnswer, Outcome: retry.Retried},
		},
	}
}

// strict takes every 4xx as the end of the matter.
func strict() retry.Policy {
	return retry.Policy{
		Provider: "strict",
		Attempts: 3,
		Delays:   []retry.Delay{{Base: time.Second, Jitter: time.Second / 2}, {Base: 2 * time.Second}},
		Rules: []retry.Rule{
			{From: 200, To: 299, Outcome: retry.Delivered},
			{From: 500, To: 599, Outcome: retry.Retried},
			{From: retry.NoAnswer, To: retry.NoAnswer, Outcome: retry.Retried},
			{From: 100, To: 599, Outcome: retry.Final},
		},
	}
}

func TestPolicy_EveryStatusHasAnOutcome(t *testing.T) {
	t.Parallel()
	type class struct {
		from, to int
		want     retry.Outcome
	}
	tests := []struct {
		policy  retry.Policy
		classes []class
	}{
		{retry.Unpublished("nobody", "page"), []class{{0, 0, retry.Unknown}, {100, 599, retry.Unknown}}},
		{retry.Policy{}, []class{{0, 0, retry.Unknown}, {100, 599, retry.Unknown}}},
		{strict(), []class{
			{0, 0, retry.Retried}, {100, 199, retry.Final}, {200, 299, retry.Delivered}, {300, 499, retry.Final}, {500, 599, retry.Retried},
		}},
		{acme(), []class{
			{0, 0, retry.Retried}, {100, 199, retry.Retried}, {200, 200, retry.Delivered},
			{201, 409, retry.Retried}, {410, 410, retry.Final}, {411, 599, retry.Retried},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.policy.Provider, func(t *testing.T) {
			t.Parallel()
			seen := map[int]bool{}
			for _, c := range tt.classes {
				for status := c.from; status <= c.to; status++ {
					seen[status] = true
					assert.Equal(t, c.want, tt.policy.Outcome(status), "status %d", status)
				}
			}
			for status := 100; status <= 599; status++ {
				assert.True(t, seen[status], "status %d has no class in this test", status)
			}
			for _, status := range []int{-1, 1, 99, 600, 1000} {
				assert.Equal(t, retry.Unknown, tt.policy.Outcome(status), "%d is no status", status)
			}
		})
	}
}

func TestPolicy_AStatusMakesTheProviderDoWhatIsWanted(t *testing.T) {
	t.Parallel()
	type answer struct {
		code int
		ok   bool
		sent int // what Respond answers
	}
	only410 := acme()
	only1xx := retry.Policy{Rules: []retry.Rule{{From: 100, To: 199, Outcome: retry.Delivered}}}
	oddOnly := retry.Policy{Rules: []retry.Rule{
		{From: 299, To: 299, Outcome: retry.Delivered},
		{From: 300, To: 399, Outcome: retry.Retried},
		{From: 451, To: 451, Outcome: retry.Final},
	}}
	tests := map[string]struct {
		policy                    retry.Policy
		delivered, retried, final answer
	}{
		"acme":           {acme(), answer{200, true, 200}, answer{503, true, 503}, answer{0, false, 200}},
		"unpublished":    {retry.Unpublished("nobody", "page"), answer{0, false, 200}, answer{0, false, 503}, answer{0, false, 200}},
		"4xx is final":   {strict(), answer{200, true, 200}, answer{503, true, 503}, answer{422, true, 422}},
		"zero":           {retry.Policy{}, answer{0, false, 200}, answer{0, false, 503}, answer{0, false, 200}},
		"410 is not it":  {only410, answer{200, true, 200}, answer{503, true, 503}, answer{0, false, 200}},
		"no redirect":    {oddOnly, answer{299, true, 299}, answer{0, false, 503}, answer{451, true, 451}},
		"no 1xx answers": {only1xx, answer{0, false, 200}, answer{0, false, 503}, answer{0, false, 200}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for want, a := range map[retry.Outcome]answer{
				retry.Delivered: tt.delivered, retry.Retried: tt.retried, retry.Final: tt.final,
				retry.Unknown: {0, false, tt.retried.sent},
			} {
				code, ok := tt.policy.Status(want)
				assert.Equal(t, a.code, code, "%v", want)
				assert.Equal(t, a.ok, ok, "%v", want)
				if ok {
					assert.Equal(t, want, tt.policy.Outcome(code), "Outcome undoes Status")
				}
				w := httptest.NewRecorder()
				tt.policy.Respond(w, want)
				assert.Equal(t, a.sent, w.Code, "%v", want)
				assert.Zero(t, w.Body.Len(), "no body")
			}
		})
	}
}

func TestPolicy_AnOutcomeOutsideTheListAsksForTheEventAgain(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	strict().Respond(w, retry.Outcome(9))
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	assert.Equal(t, "outcome(9)", retry.Outcome(9).String())
	names := []string{retry.Unknown.String(), retry.Delivered.String(), retry.Retried.String(), retry.Final.String()}
	assert.Equal(t, []string{"unknown", "delivered", "retried", "final"}, names)
}

func TestPolicy_WhatNobodyCanHaveMeantIsInvalid(t *testing.T) {
	t.Parallel()
	for _, p := range []retry.Policy{{}, retry.Unpublished("nobody", "page"), strict(), acme()} {
		assert.NoError(t, p.Validate(), p.Provider)
	}
	tests := map[string]func(p *retry.Policy){
		"negative attempts":     func(p *retry.Policy) { p.Attempts = -1 },
		"negative limit":        func(p *retry.Policy) { p.AckLimit = -1 },
		"negative window":       func(p *retry.Policy) { p.ByHand = -1 },
		"delay without attempt": func(p *retry.Policy) { p.Attempts = 2 },
		"delays, no attempts":   func(p *retry.Policy) { p.Attempts = 0 },
		"negative base":         func(p *retry.Policy) { p.Delays[0].Base = -1 },
		"negative jitter":       func(p *retry.Policy) { p.Delays[1].Jitter = -1 },
		"reversed rule":         func(p *retry.Policy) { p.Rules[0] = retry.Rule{From: 299, To: 200} },
		"from no answer on":     func(p *retry.Policy) { p.Rules[0] = retry.Rule{From: 0, To: 599} },
		"no such status":        func(p *retry.Policy) { p.Rules[0] = retry.Rule{From: 500, To: 600} },
		"no such outcome":       func(p *retry.Policy) { p.Rules[0].Outcome = 4 },
		"nor for no answer":     func(p *retry.Policy) { p.Rules[3].Outcome = 4 },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := acme()
			change(&p)
			require.Error(t, p.Validate())
		})
	}
}
