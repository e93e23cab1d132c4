package truhook_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
)

// lineOf returns the line that is logged when v refuses.
func lineOf(t *testing.T, v truhook.Verifier) map[string]any {
	t.Helper()
	var out bytes.Buffer
	m := truhook.NewMiddleware(v, truhook.Config{Logger: jsonLogger(&out)})
	m.Wrap(unreached(t)).ServeHTTP(httptest.NewRecorder(), signed([]byte("{}")))
	all := lines(t, &out)
	require.Len(t, all, 1)
	return all[0]
}

// panickingError panics when it is asked for its text.
type panickingError struct{}

func (panickingError) Error() string { panic("hunter2") }

func TestLogger_SaysWhyThisSideFailed(t *testing.T) {
	t.Parallel()
	down := errors.New("pq: the database is starting up")
	unavailable := func(err error) error {
		return &truhook.Error{Scheme: "sw", Reason: truhook.KeysUnavailable, Err: err}
	}
	request := &url.Error{Op: "Get", URL: "https://vault.example/v1/key?token=hunter2", Err: errors.New("connection refused")}
	for name, test := range map[string]struct {
		err        error
		text, kind any
	}{
		"a source of keys":               {unavailable(down), down.Error(), nil},
		"the same, said twice":           {unavailable(unavailable(down)), down.Error(), nil},
		"wrapped":                        {fmt.Errorf("around: %w", unavailable(down)), down.Error(), nil},
		"one of two, beside a forgery":   {errors.Join(&truhook.Error{Reason: truhook.SignatureMismatch, Err: errors.New("hunter2")}, unavailable(down)), nil, nil},
		"no text":                        {unavailable(nil), nil, nil},
		"a bare Reason":                  {fmt.Errorf("hunter2: %w", truhook.KeysStale), nil, nil},
		"an error without a Reason":      {fmt.Errorf("around: %w", errors.New("hunter2")), nil, "*errors.errorString"},
		"one of a type of its own":       {fmt.Errorf("around: %w", request), nil, "*errors.errorString"},
		"a verdict of ours":              {&truhook.Error{Reason: truhook.Internal, Err: down}, down.Error(), nil},
		"the URL of a request":           {unavailable(fmt.Errorf("x: %w", request)), "a request failed: connection refused", nil},
		"several lines":                  {unavailable(errors.New("a\nb\x00\xffc")), "a b ?c", nil},
		"a long text":                    {unavailable(errors.New(strings.Repeat("é", 1000))), strings.Repeat("é", 128) + "…", nil},
		"an Error method that panics":    {unavailable(panickingError{}), nil, nil},
		"a refusal that strangers cause": {&truhook.Error{Reason: truhook.SignatureMismatch, Err: errors.New("hunter2")}, nil, nil},
		"no longer there":                {&truhook.Error{Reason: truhook.Canceled, Err: errors.New("hunter2")}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			line := lineOf(t, truhook.VerifierFunc(func(context.Context, *truhook.Delivery) (*truhook.Verified, error) { return nil, test.err }))
			assert.Equal(t, test.text, line["error"])
			assert.Equal(t, test.kind, line["error_type"])
			assert.NotContains(t, fmt.Sprint(line), "hunter2")
		})
	}
}

func TestLogger_SaysWhereAVerifierPanicked(t *testing.T) {
	t.Parallel()
	v := truhook.VerifierFunc(func(context.Context, *truhook.Delivery) (*truhook.Verified, error) {
		for _, m := range []map[string]int{nil} {
			m["hunter2"] = 1
		}
		return nil, nil
	})
	line := lineOf(t, v)
	assert.Regexp(t, `^the verifier panicked at .*TestLogger_SaysWhereAVerifierPanicked.*:\d+: assignment to entry in nil map$`, line["error"])
}

func TestLogger_SaysWhatASourceOfKeysSaid(t *testing.T) {
	t.Parallel()
	source := hmacsig.KeySourceFunc(func(context.Context, hmacsig.Query) ([]hmacsig.Key, error) {
		return nil, errors.New("pq: password authentication failed")
	})
	v, err := hmacsig.New(truv.Scheme(), source, hmacsig.Config{})
	require.NoError(t, err)
	line := lineOf(t, v)
	assert.Equal(t, "pq: password authentication failed", line["error"])
	assert.Equal(t, "keys-unavailable", line["reason"])
	assert.Contains(t, line["help"], "docs/reasons.md")
}

func TestLogger_NamesTheCheckThatRefused(t *testing.T) {
	t.Parallel()
	refuse := func(*truhook.Delivery) error { return truhook.CheckFailed }
	pass := func(*truhook.Delivery) error { return nil }
	for name, test := range map[string]struct {
		checks []truhook.Check
		want   string
	}{
		"of ours":         {[]truhook.Check{truhook.HeaderEquals("X-Token", "hunter2")}, "HeaderEquals X-Token"},
		"the second":      {[]truhook.Check{truhook.HeadCheck("pass", pass), truhook.HeadCheck("geo fence", refuse)}, "geo fence"},
		"with the body":   {[]truhook.Check{truhook.NewCheck("late", func(_ context.Context, d *truhook.Delivery) error { return refuse(d) })}, "late"},
		"within an error": {[]truhook.Check{truhook.HeadCheck("wraps", func(*truhook.Delivery) error { return fmt.Errorf("hunter2: %w", truhook.CheckFailed) })}, "wraps"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, v := range []truhook.Verifier{
				truhook.Require(accepting("x"), test.checks[0], test.checks[1:]...),
				truhook.AnyOf(truhook.Require(accepting("x"), test.checks[0], test.checks[1:]...)),
			} {
				line := lineOf(t, v)
				assert.Equal(t, test.want, line["check"])
				assert.Equal(t, "check-failed", line["reason"])
				assert.NotContains(t, fmt.Sprint(line), "hunter2")
			}
		})
	}
	assert.NotContains(t, lineOf(t, truhook.VerifierFunc(func(context.Context, *truhook.Delivery) (*truhook.Verified, error) {
		return nil, truhook.CheckFailed
	})), "check")
}
