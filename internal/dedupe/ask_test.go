package dedupe_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/truhook/truhook/internal/dedupe"
)

type pointer struct{ text string }

func (p *pointer) Error() string { return p.text }

type badText struct{}

func (badText) Error() string { panic("Error") }

type badUnwrap struct{ error }

func (badUnwrap) Unwrap() error { panic("Unwrap") }

type badIs struct{ error }

func (badIs) Is(error) bool { panic("Is") }

type badAs struct{ error }

func (badAs) As(any) bool { panic("As") }

type greedy struct{ error }

func (greedy) Is(error) bool { return true }

func TestAsk_FindsWhatPanicsAnywhereInAnError(t *testing.T) {
	t.Parallel()
	sound := errors.New("sound")
	for name, c := range map[string]struct {
		err  error
		want any // nil: nothing panics
	}{
		"nil":            {},
		"sound":          {err: sound},
		"sound, wrapped": {err: fmt.Errorf("%w, %w", sound, errors.Join(sound, sound))},
		"Error":          {err: badText{}, want: "Error"},
		"Unwrap":         {err: badUnwrap{sound}, want: "Unwrap"},
		"Is":             {err: badIs{sound}, want: "Is"},
		"As":             {err: badAs{sound}, want: "As"},
		"As, wrapped":    {err: fmt.Errorf("wrapped: %w", badAs{sound}), want: "As"},
		"Is, joined":     {err: errors.Join(sound, badIs{sound}), want: "Is"},
		"behind another": {err: fmt.Errorf("%w: %w", badUnwrap{sound}, badText{}), want: "Unwrap"},
		"that is all":    {err: greedy{sound}},
	} {
		value, stack := dedupe.Ask(c.err)
		assert.Equal(t, c.want, value, name)
		assert.Equal(t, c.want != nil, len(stack) > 0, name)
	}
	value, _ := dedupe.Ask((*pointer)(nil))
	assert.ErrorContains(t, value.(error), "nil pointer")
}
