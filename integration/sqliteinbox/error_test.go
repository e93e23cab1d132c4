package sqliteinbox_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/inbox/sqliteinbox"
	"github.com/truhook/truhook/retry"
)

type pointer struct{ text string }

func (p *pointer) Error() string { return p.text }

// noPointer is the classic: a nil pointer in an error.
func noPointer() error { return (*pointer)(nil) }

type (
	badText   struct{}
	badUnwrap struct{}
	badIs     struct{}
	badAs     struct{}
	badPanic  struct{}
)

func (badText) Error() string   { panic("Error") }
func (badUnwrap) Error() string { return "text" }
func (badUnwrap) Unwrap() error { panic("Unwrap") }
func (badIs) Error() string     { return "text" }
func (badIs) Is(error) bool     { panic("Is") }
func (badAs) Error() string     { return "text" }
func (badAs) As(any) bool       { panic("As") }
func (b badPanic) Error() string { // which fmt recovers once
	panic(b)
}
func (badPanic) Unwrap() error { panic("Unwrap") }

// Nothing recovers in the goroutine in which a row is given back: what the methods of an error panic with would end the
// program, and again after each start.
func TestRun_AnErrorWhoseMethodsPanicCountsAsAPanic(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fn    func(idempotency.Claim) error
		plain bool // that it panicked is not reported, as an error stands before it
		dead  bool
	}{
		"a nil pointer":                  {fn: func(idempotency.Claim) error { return noPointer() }},
		"a nil pointer, wrapped":         {fn: func(idempotency.Claim) error { return fmt.Errorf("wrapped: %w", noPointer()) }, plain: true},
		"a nil pointer, permanent":       {fn: func(idempotency.Claim) error { return retry.Permanent(noPointer()) }, dead: true},
		"a nil pointer, by Claim.Fail":   {fn: func(c idempotency.Claim) error { c.Fail(noPointer()); return nil }},
		"Error panics":                   {fn: func(idempotency.Claim) error { return badText{} }},
		"Error panics with itself":       {fn: func(idempotency.Claim) error { return badPanic{} }},
		"Unwrap panics":                  {fn: func(idempotency.Claim) error { return badUnwrap{} }},
		"Unwrap panics, by Claim.Fail":   {fn: func(c idempotency.Claim) error { c.Fail(badUnwrap{}); return nil }},
		"Is panics":                      {fn: func(idempotency.Claim) error { return badIs{} }},
		"As panics":                      {fn: func(idempotency.Claim) error { return badAs{} }},
		"As panics, permanent":           {fn: func(idempotency.Claim) error { return retry.Permanent(badAs{}) }, dead: true},
		"panics with a nil pointer":      {fn: func(idempotency.Claim) error { panic(noPointer()) }},
		"panics with what panics":        {fn: func(idempotency.Claim) error { panic(badText{}) }},
		"panics with what panics itself": {fn: func(idempotency.Claim) error { panic(badPanic{}) }},
		"panics with an Unwrap":          {fn: func(idempotency.Claim) error { panic(badUnwrap{}) }},
		"panics with an As":              {fn: func(idempotency.Claim) error { panic(badAs{}) }},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, db *sql.DB) {
				s := &seen{}
				q := newQueue(t, db, sqliteinbox.Config{Observe: s.observe, MaxAttempts: 3})
				enqueue(t, q, "a")
				stop := start(t, q, func(ctx context.Context, _ *truhook.Verified) error {
					claim, _ := idempotency.FromContext(ctx)
					return c.fn(claim)
				})
				assert.EqualValues(t, 1, idle(t, q).Dead)
				stop()
				outcome, want := idempotency.Panicked, []idempotency.Outcome{}
				if c.plain {
					outcome = idempotency.Failed
				}
				if !c.dead {
					want = append(want, outcome, outcome)
				}
				s.events = slices.DeleteFunc(s.events, func(e idempotency.Observation) bool {
					return e.Outcome == idempotency.StoreError // of a machine that is busy
				})
				assert.Equal(t, append(want, idempotency.DeadLettered), s.outcomes())
				for _, e := range s.events {
					assert.NotPanics(t, func() { _ = e.Err.Error() })
					var p *idempotency.PanicError
					if !c.plain && assert.ErrorAs(t, e.Err, &p) {
						assert.NotEmpty(t, p.Stack)
					}
				}
				dead, err := q.Dead(t.Context(), 1)
				require.NoError(t, err)
				assert.NotEmpty(t, dead[0].Error)
				s.events = nil
				start(t, q, func(context.Context, *truhook.Verified) error { return nil })
				require.NoError(t, q.Replay(t.Context(), dead[0].Key))
				assert.Zero(t, idle(t, q).Dead)
			})
		})
	}
}
