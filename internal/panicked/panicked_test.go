package panicked_test

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/truhook/truhook/internal/panicked"
)

const payload = "123-45-6789"

// ending runs f in a goroutine of its own and returns how it ended; known says whether the value is told.
func ending(f func(), known bool) (how string) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			value := recover()
			if !known {
				value = nil
			}
			how = panicked.Here(value)
		}()
		f()
	}()
	<-done
	return how
}

type hostile struct{ error }

func (hostile) Unwrap() error { panic(payload) }

// a pretender has the method of runtime.Error, and a text of its own.
type pretender struct{ error }

func (pretender) RuntimeError() {}

type custom struct{ text string }

func panicsHere()        { panic(payload) }
func indexesHere(i int)  { _ = []int{1}[i] }
func derefsHere(p *int)  { *p = 1 }
func exitsHere()         { runtime.Goexit() }
func assertsHere(v any)  { _ = v.(fmt.Stringer) }
func panicsNilHere()     { panic(nil) } //nolint:govet // as handlers do
func deferredPanicHere() { defer panicsHere() }

func TestHere_PlaceAndTypeAreToldAndNoPayload(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		f    func()
		want string // after the function's name, or all of it
	}{
		"a text":                             {panicsHere, `panicked at .*_test\.panicsHere:\d+: string`},
		"in a deferred call":                 {deferredPanicHere, `panicked at .*_test\.panicsHere:\d+: string`},
		"an index":                           {func() { indexesHere(len(payload)) }, `panicked at .*_test\.indexesHere:\d+: runtime error: index out of range \[11\] with length 1`},
		"a nil pointer":                      {func() { derefsHere(nil) }, `panicked at .*_test\.derefsHere:\d+: runtime error: invalid memory address.*`},
		"a type assertion":                   {func() { assertsHere(payload) }, `panicked at .*_test\.assertsHere:\d+: interface conversion: string is not fmt\.Stringer: missing method String`},
		"nil":                                {panicsNilHere, `panicked at .*_test\.panicsNilHere:\d+: panic called with nil argument.*`},
		"an error":                           {func() { panic(errors.New(payload)) }, `panicked at .*: \*errors\.errorString`},
		"a value":                            {func() { panic(custom{payload}) }, `panicked at .*: panicked_test\.custom`},
		"its Unwrap panics":                  {func() { panic(hostile{}) }, `panicked at .*: panicked_test\.hostile`},
		"a runtime error of another package": {func() { panic(pretender{errors.New(payload)}) }, `panicked at .*: panicked_test\.pretender`},
		"a nil map":                          {func() { fill(nil) }, `panicked at .*: assignment to entry in nil map`},
		"an unhashable key":                  {func() { _ = map[any]int{[1]any{[]string{payload}}: 1} }, `panicked at .*: runtime error: hash of unhashable type \[\]string`},
		"not comparable":                     {func() { panic([]string{payload}) }, `panicked at .*: \[\]string`},
		"an aborted handler":                 {func() { panic(http.ErrAbortHandler) }, `panicked at .*: net/http: abort Handler`},
		"runtime.Goexit":                     {exitsHere, `called runtime\.Goexit at .*_test\.exitsHere:\d+`},
		"a wrapped runtime error": {func() {
			defer func() { panic(fmt.Errorf("%s: %w", payload, recover().(error))) }()
			indexesHere(1)
		}, `panicked at .*: runtime error: index out of range \[1\] with length 1`},
	} {
		how := ending(c.f, true)
		assert.Regexp(t, "^"+c.want+"$", how, name)
		assert.NotContains(t, how, payload, name)
	}
}

func TestHere_UnknownValueLeavesThePlace(t *testing.T) {
	t.Parallel()
	assert.Regexp(t, `^panicked at .*_test\.panicsHere:\d+$`, ending(panicsHere, false))
	assert.Regexp(t, `^called runtime\.Goexit at .*_test\.exitsHere:\d+$`, ending(exitsHere, false))
}

func fill(m map[string]int) { m[payload] = 1 }
