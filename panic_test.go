package truhook_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

// panicsInAs is an error whose own methods panic, as those of a nil pointer in an error do.
type panicsInAs struct{}

func (panicsInAs) Error() string { panic(canary) }
func (panicsInAs) As(any) bool   { panic(canary) }

// likeRuntime has the method of runtime.Error, and a text that is not the runtime's.
type likeRuntime struct{}

func (likeRuntime) Error() string { return canary }
func (likeRuntime) RuntimeError() {}

func TestVerifier_WhateverItPanicsWithIsInternalAndNotTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		value any
		told  string
	}{
		"a text":                       {canary, "string"},
		"an error":                     {errors.New(canary), "*errors.errorString"},
		"an error that panics":         {panicsInAs{}, "truhook_test.panicsInAs"},
		"nearly an error of Go's":      {likeRuntime{}, "truhook_test.likeRuntime"},
		"http.ErrAbortHandler":         {http.ErrAbortHandler, "*errors.errorString"},
		"an error around one of Go's":  {fmt.Errorf("around: %w", indexError()), "index out of range"},
		"an error of Go's":             {indexError(), "index out of range"},
		"a nil pointer of an own type": {(*panicsInAs)(nil), "*truhook_test.panicsInAs"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			v := truhook.VerifierFunc(func(context.Context, *truhook.Delivery) (*truhook.Verified, error) { panic(c.value) })
			m := truhook.NewMiddleware(v, truhook.Config{Logger: slog.New(slog.NewTextHandler(&out, nil))})
			_, err := m.Verify(t.Context(), truhook.NewDelivery(truhook.Delivery{}))
			require.ErrorIs(t, err, truhook.Internal)
			assert.Contains(t, err.Error(), c.told)
			assert.Contains(t, err.Error(), "IsInternalAndNotTold.func", "where it was")
			assert.NotContains(t, err.Error()+out.String(), canary)
		})
	}
}

func indexError() (err error) {
	defer func() { err, _ = recover().(error) }()
	return []error{}[len(canary)]
}

func TestConfig_AClockThatPanicsIsTheRealOne(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	m := truhook.NewMiddleware(accepting("s"), truhook.Config{
		Now: func() time.Time { panic(canary) }, Logger: slog.New(slog.NewTextHandler(&out, nil)),
	})
	before := time.Now()
	d, err := m.ReadDelivery(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}")))
	require.NoError(t, err)
	assert.WithinRange(t, d.Received, before, time.Now())
	_, err = m.Verify(t.Context(), d)
	require.NoError(t, err)
	w := httptest.NewRecorder()
	m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })).
		ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}")))
	assert.Equal(t, http.StatusNoContent, w.Code)
	assert.Equal(t, 1, strings.Count(out.String(), "Config.Now panicked"), "one line a minute: %s", &out)
	assert.Contains(t, out.String(), "TestConfig_AClockThatPanicsIsTheRealOne")
	assert.NotContains(t, out.String(), canary)
}

func TestOnReject_APanicLeavesTheStatusOfTheReason(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		onReject func(w http.ResponseWriter)
		status   int
	}{
		"at once":           {func(http.ResponseWriter) { panic(canary) }, http.StatusUnauthorized},
		"behind its answer": {func(w http.ResponseWriter) { w.WriteHeader(http.StatusTeapot); panic(canary) }, http.StatusTeapot},
		"an odd error":      {func(http.ResponseWriter) { panic(panicsInAs{}) }, http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			m := truhook.NewMiddleware(refusing(truhook.SignatureMismatch), truhook.Config{
				Logger:   slog.New(slog.NewTextHandler(&out, nil)),
				OnReject: func(w http.ResponseWriter, _ *http.Request, _ error) { c.onReject(w) },
			})
			w := httptest.NewRecorder()
			m.Wrap(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}")))
			assert.Equal(t, c.status, w.Code)
			assert.Contains(t, out.String(), "OnReject panicked")
			assert.NotContains(t, out.String(), canary)
		})
	}
}

func TestOnReject_AbortHandlerIsForTheServer(t *testing.T) {
	t.Parallel()
	m := truhook.NewMiddleware(refusing(truhook.SignatureMismatch), truhook.Config{
		OnReject: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	})
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() {
		m.Wrap(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", nil))
	})
}
