package inbox_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/inbox"
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
	for name, c := range map[string]struct {
		of   truhook.Auditor
		want []string
	}{
		"a handler":           {handler(t, &queue{}, inbox.Config{}), []string{}},
		"its queue and store": {handler(t, &auditedQueue{}, inbox.Config{Store: auditedStore{memory()}}), []string{"of-the-queue", "of-the-store"}},
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
