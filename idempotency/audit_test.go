package idempotency_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/trulioo"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/retry"
)

func names(findings []truhook.Finding) []string {
	out := []string{}
	for _, f := range findings {
		out = append(out, f.Name)
	}
	return out
}

type audited struct {
	idempotency.Store
	audit func() []truhook.Finding
}

func (a audited) Audit(context.Context) []truhook.Finding { return a.audit() }

// rules is a policy whose attempts outlast an outage.
func rules(r ...retry.Rule) retry.Policy {
	return retry.Policy{Attempts: 3, Delays: []retry.Delay{{Base: time.Hour}}, Rules: r}
}

func TestAudit_FindsWhatShouldBeLookedAt(t *testing.T) {
	t.Parallel()
	at := func(*truhook.Verified) (string, time.Time, error) { return "", time.Time{}, nil }
	for name, c := range map[string]struct {
		store idempotency.Store
		cfg   idempotency.Config
		want  []string
	}{
		"all is well":   {nil, idempotency.Config{Policy: truv.RetryPolicy(), DeadLetter: taken, Version: at}, []string{}},
		"nothing set":   {nil, idempotency.Config{Policy: truv.RetryPolicy()}, []string{"no-dead-letter", "no-version"}},
		"four seconds":  {nil, idempotency.Config{Policy: truval.RetryPolicy(), DeadLetter: taken, Version: at}, []string{"outage-outlasts-attempts"}},
		"bridged":       {nil, idempotency.Config{Policy: truval.RetryPolicy(), DeadLetter: taken, Version: at, HandleUndeduped: true}, []string{}},
		"not published": {nil, idempotency.Config{Policy: trulioo.RetryPolicy(), DeadLetter: taken, Version: at}, []string{"attempts-unpublished"}},
		"a long lease":  {nil, idempotency.Config{Lease: time.Minute, DeadLetter: taken, Version: at}, []string{"attempts-unpublished", "long-lease"}},
		"one attempt":   {nil, idempotency.Config{Policy: retry.Policy{Attempts: 1}, DeadLetter: taken, Version: at}, []string{"single-attempt"}},
		"one, bridged":  {nil, idempotency.Config{Policy: retry.Policy{Attempts: 1}, DeadLetter: taken, Version: at, HandleUndeduped: true}, []string{"single-attempt"}},
		"no delays":     {nil, idempotency.Config{Policy: retry.Policy{Attempts: 3}, DeadLetter: taken, Version: at}, []string{"outage-outlasts-attempts"}},
		"503 is the end": {nil, idempotency.Config{Policy: rules(retry.Rule{From: 200, To: 299, Outcome: retry.Delivered},
			retry.Rule{From: 300, To: 599, Outcome: retry.Final}), DeadLetter: taken, Version: at}, []string{"retry-not-asked"}},
		"503 is a success": {nil, idempotency.Config{Policy: rules(retry.Rule{From: 100, To: 599, Outcome: retry.Delivered}),
			DeadLetter: taken, Version: at}, []string{"retry-not-asked"}},
		"503 is not spoken of": {nil, idempotency.Config{Policy: rules(retry.Rule{From: 200, To: 299, Outcome: retry.Delivered}),
			DeadLetter: taken, Version: at}, []string{}},
		"another status": {nil, idempotency.Config{Policy: rules(retry.Rule{From: 503, To: 503, Outcome: retry.Final},
			retry.Rule{From: 500, To: 599, Outcome: retry.Retried}), DeadLetter: taken, Version: at}, []string{}},
		"the store's": {
			audited{memory(), func() []truhook.Finding { return []truhook.Finding{{Name: "eviction"}} }},
			idempotency.Config{Policy: truv.RetryPolicy(), DeadLetter: taken, Version: at}, []string{"eviction"},
		},
		"the store's panics": {
			audited{memory(), func() []truhook.Finding { panic("bug") }},
			idempotency.Config{Policy: truv.RetryPolicy(), DeadLetter: taken, Version: at}, []string{"audit-panicked"},
		},
	} {
		if c.store == nil {
			c.store = memory()
		}
		m, _ := middleware(t, c.store, c.cfg)
		findings := m.Audit(t.Context())
		assert.Equal(t, c.want, names(findings), name)
		for _, f := range findings {
			if f.Name != "eviction" {
				assert.NotEmpty(t, f.Severity, name)
				assert.NotEmpty(t, f.Remedy, name)
			}
		}
	}
	for _, m := range []*idempotency.Middleware{nil, {}} {
		assert.Equal(t, []string{"no-middleware"}, names(m.Audit(t.Context())))
	}
	var _ truhook.Auditor = (*idempotency.Middleware)(nil)
	var _ truhook.Auditor = (*idempotency.Memory)(nil)
}

func TestMemory_AuditWarnsBeforeItIsFull(t *testing.T) {
	t.Parallel()
	clock := &manual{at: time.Now()}
	for name, c := range map[string]struct {
		events, max int
		every       time.Duration
		want        []string
	}{
		"empty":         {0, 100, time.Second, []string{}},
		"one a second":  {600, 1_000_000, time.Second, []string{"memory-will-fill"}},
		"one a minute":  {600, 1_000_000, time.Minute, []string{}},
		"a first burst": {90, 0, 0, []string{}},
		"full":          {100, 100, time.Second, []string{"memory-full"}},
	} {
		s := idempotency.NewMemory(idempotency.MemoryConfig{Now: clock.Now, MaxEntries: c.max})
		for i := range c.events {
			claim := claimOf(i)
			_, err := s.Claim(t.Context(), claim)
			require.NoError(t, err)
			_, err = s.Order(t.Context(), claim.Key, clock.at, month)
			require.NoError(t, err)
			clock.at = clock.at.Add(c.every)
		}
		assert.Equal(t, c.want, names(s.Audit(t.Context())), name)
	}
	s := idempotency.NewMemory(idempotency.MemoryConfig{Now: clock.Now, MaxEntries: 100})
	for i := range 80 {
		_, err := s.Claim(t.Context(), func() idempotency.ClaimRequest { c := claimOf(i); c.Retain = time.Hour; return c }())
		require.NoError(t, err)
		clock.at = clock.at.Add(40 * time.Second)
	}
	assert.Equal(t, []string{"memory-nearly-full"}, names(s.Audit(t.Context())))
}
