package policytest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/truhook/truhook/internal/policytest"
	"github.com/truhook/truhook/retry"
)

// judge counts what is reported, instead of failing.
type judge struct {
	testing.TB
	errors int
}

func (j *judge) Helper()               {}
func (j *judge) Error(...any)          { j.errors++ }
func (j *judge) Errorf(string, ...any) { j.errors++ }

func acme() retry.Policy {
	return retry.Policy{
		Provider: "acme", Attempts: 2,
		Rules: []retry.Rule{{From: 200, To: 299, Outcome: retry.Delivered}},
		Sources: []retry.Source{
			{Field: "Attempts", Page: `Acme, "Webhooks"`, Text: "two attempts"}, {Field: "Rules", Page: `Acme, "Webhooks", section "2xx"`, Text: "2xx is fine"},
			{Field: "Delays", Page: `Acme, "Webhooks"`}, {Field: "AckLimit", Page: `Acme, "Webhooks"`}, {Field: "ByHand", Page: `Acme, "Webhooks"`},
		},
	}
}

const page = "Page: Acme, \"Webhooks\"\n\ntwo attempts; 2xx is fine"

func TestSources_FindsAFieldWithoutASource(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(p *retry.Policy){
		"as it is":         func(*retry.Policy) {},
		"a number":         func(p *retry.Policy) { p.AckLimit = time.Second },
		"no source":        func(p *retry.Policy) { p.Sources = p.Sources[1:] },
		"another sentence": func(p *retry.Policy) { p.Sources[0].Text = "three attempts" },
		"another page":     func(p *retry.Policy) { p.Sources[0].Page = "Emca" },
		"a quoted zero":    func(p *retry.Policy) { p.Sources[2].Text = "two attempts" },
		"no such field":    func(p *retry.Policy) { p.Sources = append(p.Sources, retry.Source{Field: "Tries", Page: "x"}) },
		"invalid":          func(p *retry.Policy) { p.Attempts = -1 },
	} {
		j := &judge{TB: t}
		policytest.Sources(j, func() retry.Policy { p := acme(); change(&p); return p }, page)
		assert.Equal(t, name == "as it is", j.errors == 0, name)
	}
	shared := acme()
	j := &judge{TB: t}
	policytest.Sources(j, func() retry.Policy { return shared }, page)
	assert.NotZero(t, j.errors, "shared")
}

func TestUnpublished_FindsAnInvention(t *testing.T) {
	t.Parallel()
	none := func() retry.Policy { return retry.Unpublished("acme", `Acme, "Webhooks"`) }
	j := &judge{TB: t}
	policytest.Unpublished(j, none, "Acme, \"Webhooks\"\nWe post events.")
	assert.Zero(t, j.errors)
	policytest.Unpublished(j, none, "Acme, \"Webhooks\"\nWe retry within 5 s.")
	assert.Equal(t, 1, j.errors)
	j = &judge{TB: t}
	policytest.Unpublished(j, acme, page)
	assert.NotZero(t, j.errors)
}

func TestOutcomes_LooksAtEveryStatus(t *testing.T) {
	t.Parallel()
	j := &judge{TB: t}
	policytest.Outcomes(j, acme(), retry.Unknown, [5]retry.Outcome{1: retry.Delivered})
	assert.Zero(t, j.errors)
	policytest.Outcomes(j, acme(), retry.Retried, [5]retry.Outcome{1: retry.Delivered, 3: retry.Final})
	assert.Equal(t, 101, j.errors)
}
