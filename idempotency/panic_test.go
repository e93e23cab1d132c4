package idempotency_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/retry"
)

func TestDeadLetter_TakesOrTheEventComesAgain(t *testing.T) {
	t.Parallel()
	var dead []string
	var hookErr error
	store := memory()
	m, seen := middleware(t, store, idempotency.Config{
		Policy: truv.RetryPolicy(),
		DeadLetter: func(ctx context.Context, v *truhook.Verified, err error) error {
			c, _ := idempotency.FromContext(ctx)
			dead = append(dead, fmt.Sprintf("%s at %d: %v", v.Payload, c.Attempt, err))
			return hookErr
		},
	})
	do := func(id string, err error) idempotency.Outcome {
		return m.Do(t.Context(), event(id), func(context.Context) error { return err }).Outcome
	}
	hookErr = errors.New("no room")
	assert.Equal(t, idempotency.Failed, do("a", retry.Permanent(errHandler)), "the hook failed: the event is nowhere yet")
	assert.Equal(t, 1, seen.count(idempotency.DeadLetterFailed))
	hookErr = nil
	assert.Equal(t, idempotency.DeadLettered, do("a", retry.Permanent(errHandler)))
	assert.Equal(t, idempotency.Duplicate, do("a", nil))

	assert.Equal(t, []string{
		"a at 1: the handler failed", "a at 2: the handler failed",
	}, dead)
}

func goexit(f func()) bool {
	returned := false
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
		returned = true
	}()
	<-done
	return !returned
}

func TestPanic_PanicsAndGoexitReleaseAndGoOn(t *testing.T) {
	t.Parallel()
	for name, within := range map[string]time.Duration{"here": -1, "beside": time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := memory()
				m, seen := middleware(t, store, idempotency.Config{Policy: truv.RetryPolicy(), AnswerWithin: within})
				for _, value := range []any{"text", http.ErrAbortHandler, errHandler} {
					assert.PanicsWithValue(t, value, func() {
						m.Do(t.Context(), event("a"), func(context.Context) error { panic(value) })
					})
				}
				assert.True(t, goexit(func() {
					m.Do(t.Context(), event("a"), func(context.Context) error { runtime.Goexit(); return nil })
				}), "Goexit goes on")
				assert.Equal(t, 4, seen.count(idempotency.Panicked))
				h := m.Handle(func(context.Context, *truhook.Verified) error { panic(http.ErrAbortHandler) })
				w, panicked := post(h, event("a"))
				assert.Equal(t, http.ErrAbortHandler, panicked)
				assert.Zero(t, w.Body.Len())
				r := peek(t, store, "a")
				assert.Equal(t, idempotency.Owned, r.State, "given back")
				assert.EqualValues(t, 6, r.Attempt)
				if within > 0 {
					var p *idempotency.PanicError
					require.ErrorAs(t, seen.last(t, idempotency.Panicked).Err, &p)
					assert.Contains(t, string(p.Stack), "panic_test.go", "the stack is that of the handler")
				}
			})
		})
	}
}

// badPanic panics with itself when it is asked, which fmt recovers once.
type badPanic struct{}

func (b badPanic) Error() string { panic(b) }

func TestPanicError_HasATextWhateverTheValueIs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		value any
		want  string
	}{
		"Goexit":                      {nil, "called runtime.Goexit"},
		"a text":                      {"bug", "panicked: bug"},
		"an error":                    {errHandler, "panicked: " + errHandler.Error()},
		"an error that panics":        {badText{}, "PANIC=Error method: Error"},
		"an error that panics itself": {badPanic{}, "panicked: a idempotency_test.badPanic"},
		"a nil pointer":               {(*badUnwrap)(nil), "panicked: <nil>"},
	} {
		assert.NotPanics(t, func() {
			assert.Contains(t, (&idempotency.PanicError{Value: c.value}).Error(), c.want, name)
		}, name)
	}
}
