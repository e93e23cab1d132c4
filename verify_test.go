package truhook_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
)

const canary = "canary-from-the-wire"

type loudError struct{ text string }

func (e loudError) Error() string { return e.text }

// panics are ways to panic whose value, or what it says, can hold what the sender sent.
var panics = map[string]func(){
	"a string":         func() { panic(canary) },
	"an error":         func() { panic(errors.New(canary)) },
	"an own error":     func() { panic(loudError{canary}) },
	"a wrapped error":  func() { panic(fmt.Errorf("%s: %w", canary, errPlain)) },
	"bytes":            func() { panic([]byte(canary)) },
	"nil":              func() { panic(nil) },
	"a nil map":        func() { emptyMap()[canary] = 1 },
	"out of range":     func() { s := canary; _ = s[len(s)+len(panicSites)] },
	"a nil pointer":    func() { var d *truhook.Delivery; _ = d.Host },
	"a type assertion": func() { var v any = canary; _ = v.(int) },
	"a runtime error in": func() {
		defer func() { panic(fmt.Errorf("%s: %w", canary, recover().(error))) }()
		var s []int
		_ = s[7]
	},
	"ErrAbortHandler": func() { panic(http.ErrAbortHandler) },
}

var panicSites []string // empty; keeps the compiler from seeing the index above

func TestVerify_PanicInTheVerifierBecomesA500ThatIsReported(t *testing.T) {
	t.Parallel()
	for name, f := range panics {
		verify := truhook.VerifierFunc(func(context.Context, *truhook.Delivery) (*truhook.Verified, error) {
			f()
			return &truhook.Verified{}, nil
		})
		head := func(context.Context, *truhook.Delivery) error { f(); return nil }
		for place, v := range map[string]truhook.Verifier{
			"Verify":         verify,
			"Precheck":       headed{accepting("x"), head},
			"AllOf":          truhook.AllOf(accepting("x"), verify),
			"AnyOf":          truhook.AnyOf(refusing(truhook.Refused), verify),
			"NewCheck":       truhook.Require(accepting("x"), truhook.NewCheck("c", head)),
			"HeadCheck":      truhook.Require(accepting("x"), truhook.HeadCheck("c", func(*truhook.Delivery) error { f(); return nil })),
			"head in AnyOf":  truhook.AnyOf(headed{accepting("x"), head}),
			"head in Requre": truhook.Require(headed{accepting("x"), head}, pass),
		} {
			t.Run(name+" in "+place, func(t *testing.T) {
				t.Parallel()
				w, o := judge(t, v, truhook.Config{}, unreached(t), signed([]byte(canary)))
				requireRefused(t, truhook.Internal, w, o)
				require.NotContains(t, fmt.Sprintf("%v %+v %#v", o.Err, o.Err, o.Err), canary)
				require.Regexp(t, `panicked at github\.com/truhook/truhook_test\..*:\d+: `, o.Err.Error())
			})
		}
	}
}

func TestVerify_PlaceOfAPanicIsTheLineThatPanicked(t *testing.T) {
	t.Parallel()
	v := truhook.VerifierFunc(panicsHere)
	_, o := judge(t, v, truhook.Config{}, unreached(t), signed(nil))
	require.Contains(t, o.Err.Error(), "truhook_test.panicsHere:")
}

func panicsHere(context.Context, *truhook.Delivery) (*truhook.Verified, error) {
	var d *truhook.Delivery
	return &truhook.Verified{Payload: d.Body}, nil
}

func TestVerify_PanicOfVerifyWithoutAServerIsAnErrorToo(t *testing.T) {
	t.Parallel()
	m := truhook.NewMiddleware(truhook.VerifierFunc(panicsHere), truhook.Config{})
	v, err := m.Verify(t.Context(), &truhook.Delivery{})
	require.Nil(t, v)
	require.Equal(t, truhook.Internal, truhook.ReasonOf(err))
}

func TestVerify_PanicOfTheHandlerIsNotOurs(t *testing.T) {
	t.Parallel()
	h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	require.PanicsWithValue(t, http.ErrAbortHandler, func() {
		judge(t, accepting("x"), truhook.Config{}, h, signed(nil))
	})
}

func TestVerify_PanicOfTheObserverIsDropped(t *testing.T) {
	t.Parallel()
	for _, v := range []truhook.Verifier{accepting("x"), refusing(truhook.Refused)} {
		calls := 0
		m := truhook.NewMiddleware(v, truhook.Config{Observe: func(context.Context, truhook.Observation) { calls++; panic("x") }})
		_, err := m.Verify(t.Context(), &truhook.Delivery{})
		_, want := v.Verify(t.Context(), &truhook.Delivery{})
		require.Equal(t, want, err, "the verdict stands")
		got := status(m.Wrap(noContent()), signed(nil))
		require.Equal(t, want == nil, got == http.StatusNoContent)
		require.Equal(t, 2, calls)
	}
}

func TestVerify_PanicDoesNotTellTheSender(t *testing.T) {
	t.Parallel()
	v := truhook.VerifierFunc(func(context.Context, *truhook.Delivery) (*truhook.Verified, error) { panic(canary) })
	for _, http2 := range []bool{false, true} {
		s := serve(t, truhook.NewMiddleware(v, truhook.Config{}).Wrap(unreached(t)), http2)
		code, body := post(t, s, "x", strings.NewReader("x"))
		require.Equal(t, http.StatusInternalServerError, code)
		require.Equal(t, "Internal Server Error\n", body)
	}
}

func emptyMap() map[string]int { return nil }

// treacherous is an error that panics while its Reason is looked for.
type treacherous struct{}

func (treacherous) Error() string { return "x" }
func (treacherous) Unwrap() error { panic("hunter2") }

func TestVerify_NoVerdictStandsBesideAPanic(t *testing.T) {
	t.Parallel()
	v := truhook.VerifierFunc(func(context.Context, *truhook.Delivery) (*truhook.Verified, error) {
		return &truhook.Verified{Payload: []byte("x")}, treacherous{}
	})
	verified, err := truhook.NewMiddleware(v, truhook.Config{}).Verify(t.Context(), &truhook.Delivery{})
	require.ErrorIs(t, err, truhook.Internal)
	require.Nil(t, verified)
	for name, v := range map[string]truhook.Verifier{
		"Verify": v, "Precheck": headed{accepting("x"), func(context.Context, *truhook.Delivery) error { return treacherous{} }},
	} {
		w, o := judge(t, v, truhook.Config{}, unreached(t), signed([]byte("x")))
		requireRefused(t, truhook.Internal, w, o)
		require.NotContains(t, o.Err.Error(), "hunter2", name)
	}
}
