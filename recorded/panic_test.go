package recorded_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/recorded"
)

// panicking returns a clock that panics on the calls that bad names, the first being 1.
func panicking(bad func(call int64) bool) func() time.Time {
	var calls atomic.Int64
	return func() time.Time {
		if bad(calls.Add(1)) {
			panic("truhook-test-only-secret")
		}
		return time.Now()
	}
}

var panickingClocks = map[string]func(call int64) bool{
	"on every call":        func(int64) bool { return true },
	"on every second call": func(n int64) bool { return n%2 == 0 },
	"on every third call":  func(n int64) bool { return n%3 == 0 },
	"at construction":      func(n int64) bool { return n == 1 },
	"in the first request": func(n int64) bool { return n == 2 },
	"in the first write":   func(n int64) bool { return n == 3 },
	"from then on":         func(n int64) bool { return n > 3 },
}

func TestRefused_AClockThatPanicsCostsNothing(t *testing.T) {
	t.Parallel()
	for name, bad := range panickingClocks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				var told hooks
				var c *recorded.Capture
				var captures atomic.Bool
				c, err := recorded.Refused(dir, recorded.RefusedConfig{
					MaxAge: time.Hour, Now: panicking(bad),
					OnError: func(err error) {
						told.add(err)
						if c != nil && captures.CompareAndSwap(false, true) { // and wants every lock that there is
							c.Capture(t.Context(), observed(truhook.SignatureMismatch, "y"))
						}
					},
				})
				require.NoError(t, err)
				for range 12 {
					c.Capture(t.Context(), observed(truhook.SignatureMismatch, "x"))
					require.NoError(t, c.Wait(t.Context()), "no place is lost")
				}
				assert.GreaterOrEqual(t, len(captured(t, dir)), 12)
				assert.Contains(t, told.texts(), "recorded: Now panicked: string")
				assert.NotContains(t, told.texts(), "secret")
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				assert.Empty(t, captured(t, dir), "what is too old is removed all the same")
			})
		})
	}
}

// oddError panics where its kind is asked for.
type oddError struct{}

func (oddError) Error() string { panic("Error") }
func (oddError) As(any) bool   { panic("As") }
func (oddError) Is(error) bool { panic("Is") }

func TestRefused_AnErrorThatPanicsTakesNoPlace(t *testing.T) {
	t.Parallel()
	c, err := recorded.Refused(t.TempDir(), recorded.RefusedConfig{})
	require.NoError(t, err)
	o := observed(truhook.SignatureMismatch, "x")
	o.Err = oddError{}
	for range 20 { // more than there are places
		assert.Panics(t, func() { c.Capture(t.Context(), o) }, "which the middleware of package truhook recovers")
	}
	synctest.Test(t, func(t *testing.T) { require.NoError(t, c.Wait(t.Context())) })
}

func TestMiddleware_AClockThatPanicsKeepsNoRequestFromItsHandler(t *testing.T) {
	t.Parallel()
	for name, bad := range panickingClocks {
		for _, unverified := range []bool{false, true} {
			dir := t.TempDir()
			var told hooks
			m, err := recorded.NewMiddleware(dir, "truv", redactor(t, recorded.RedactorConfig{}), recorded.Config{
				Unverified: unverified, Now: panicking(bad), OnError: told.add,
			})
			require.NoError(t, err)
			ran := 0
			h := m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { ran++; reading(w, r) }))
			for range 6 {
				r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}"))
				if !unverified {
					r = r.WithContext(truhook.NewContext(r.Context(), &truhook.Verified{Payload: []byte("{}")}))
				}
				require.NotPanics(t, func() { h.ServeHTTP(httptest.NewRecorder(), r) }, name)
				require.NoError(t, m.Wait(t.Context()))
			}
			assert.Equal(t, 6, ran, name)
			assert.Len(t, files(t, dir), 6, name)
			assert.Contains(t, told.texts(), "recorded: Now panicked: string", name)
		}
	}
}
