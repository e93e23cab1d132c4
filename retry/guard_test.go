package retry_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/retry"
)

var errDown = errors.New("the database is down")

func succeed(*http.Request) error         { return nil }
func bury(_ *http.Request, _ error) error { return nil }

func TestTheErrorOfAHandlerDecidesTheAnswer(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		err, deadErr error
		want         int
		buried       bool
	}{
		"nil":                            {nil, nil, 200, false},
		"nil marked permanent":           {retry.Permanent(nil), nil, 200, false},
		"transient":                      {errDown, nil, 503, false},
		"permanent":                      {retry.Permanent(errDown), nil, 200, true},
		"permanent, wrapped":             {fmt.Errorf("charge: %w", retry.Permanent(errDown)), nil, 200, true},
		"permanent, joined":              {errors.Join(errDown, retry.Permanent(errDown)), nil, 200, true},
		"permanent, but cannot be kept":  {retry.Permanent(errDown), errDown, 503, true},
		"permanent, dead says permanent": {retry.Permanent(errDown), retry.Permanent(errDown), 503, true},
	}
	policies := []retry.Policy{retry.Truv(), retry.Truval(), retry.Trulioo(), retry.TransUnion(), {}}
	for name, tt := range tests {
		for _, p := range policies {
			t.Run(name+"/"+p.Provider, func(t *testing.T) {
				t.Parallel()
				var buried []error
				h := retry.Guard(p,
					func(r *http.Request) error {
						body, err := io.ReadAll(r.Body)
						require.NoError(t, err)
						assert.Equal(t, "event", string(body), "Guard read nothing of it")
						return tt.err
					},
					func(r *http.Request, err error) error {
						assert.NotNil(t, r)
						buried = append(buried, err)
						return tt.deadErr
					})
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("event")))

				assert.Equal(t, tt.want, w.Code)
				assert.Zero(t, w.Body.Len(), "the sender learns nothing else")
				if !tt.buried {
					assert.Empty(t, buried)
					return
				}
				require.Len(t, buried, 1)
				assert.ErrorIs(t, buried[0], errDown)
			})
		}
	}
}

func TestAPanicPassesThrough(t *testing.T) {
	t.Parallel()
	explode := func(*http.Request) error { panic(http.ErrAbortHandler) }
	h := retry.Guard(retry.Truval(), explode, bury)
	w := httptest.NewRecorder()
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() { h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", nil)) })
	assert.Empty(t, w.Result().Header, "nothing was answered")

	h = retry.Guard(retry.Truval(), func(*http.Request) error { return retry.Permanent(errDown) },
		func(*http.Request, error) error { panic("dead") })
	assert.PanicsWithValue(t, "dead", func() { h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", nil)) })
}

func TestAGuardWithoutAFunctionPanics(t *testing.T) {
	t.Parallel()
	assert.Panics(t, func() { retry.Guard(retry.Truv(), nil, bury) })
	assert.Panics(t, func() { retry.Guard(retry.Truv(), succeed, nil) })
}

func TestPermanentKeepsTheErrorAndItsText(t *testing.T) {
	t.Parallel()
	err := retry.Permanent(errDown)
	assert.Equal(t, errDown.Error(), err.Error())
	assert.ErrorIs(t, err, errDown)
	assert.True(t, retry.IsPermanent(err))
	assert.False(t, retry.IsPermanent(errDown))
	assert.False(t, retry.IsPermanent(nil))
	assert.NoError(t, retry.Permanent(nil))
}
