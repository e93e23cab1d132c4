package inbox_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truval"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/retry"
)

type auditedQueue struct{ queue }

func (*auditedQueue) Audit(context.Context) []truhook.Finding {
	return []truhook.Finding{{Name: "of-the-queue"}}
}

type auditedStore struct{ idempotency.Store }

func (auditedStore) Audit(context.Context) []truhook.Finding {
	return []truhook.Finding{{Name: "of-the-store"}}
}

type brokenStore struct{ idempotency.Store }

func (brokenStore) Audit(context.Context) []truhook.Finding { panic("bug") }

func TestAudit_AsksQueueAndStore(t *testing.T) {
	t.Parallel()
	fn := func(context.Context, *truhook.Verified) error { return nil }
	dead := func(context.Context, *truhook.Verified, error) error { return nil }
	final := retry.Policy{Attempts: 2, Rules: []retry.Rule{{From: 100, To: 299, Outcome: retry.Delivered}, {From: 300, To: 599, Outcome: retry.Final}}}
	for name, c := range map[string]struct {
		of   truhook.Auditor
		want []string
	}{
		"a handler":           {handler(t, &queue{}, inbox.Config{}), []string{}},
		"its queue and store": {handler(t, &auditedQueue{}, inbox.Config{Store: auditedStore{memory()}}), []string{"of-the-queue", "of-the-store"}},
		"one attempt":         {handler(t, &auditedQueue{}, inbox.Config{Policy: retry.Policy{Attempts: 1}}), []string{"single-attempt", "of-the-queue"}},
		"503 is the end":      {handler(t, &queue{}, inbox.Config{Policy: final}), []string{"retry-not-asked"}},
		"Truval's":            {handler(t, &queue{}, inbox.Config{Policy: truval.RetryPolicy()}), []string{}},
		"a worker":            {worker(t, auditedStore{memory()}, idempotency.Config{DeadLetter: dead}, fn), []string{"of-the-store"}},
		"without a hook":      {worker(t, memory(), idempotency.Config{}, fn), []string{"no-dead-letter"}},
		"a panic":             {worker(t, brokenStore{memory()}, idempotency.Config{DeadLetter: dead}, fn), []string{"audit-panicked"}},
		"no handler":          {(*inbox.Handler)(nil), []string{"no-handler"}},
		"no worker":           {&inbox.Worker{}, []string{"no-worker"}},
	} {
		got := []string{}
		for _, f := range c.of.Audit(t.Context()) {
			got = append(got, f.Name)
		}
		assert.Equal(t, c.want, got, name)
	}
}
