// Package panicked says where and by what a goroutine panicked, in words that repeat nothing of what was sent.
package panicked

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"runtime"
	"strings"
)

// Here returns how the function ended whose deferred function calls it, and has to call it itself: with the function
// and line that panicked, or that called runtime.Goexit. value is what it panicked with; nil: not known. The text of a
// value can hold what the sender sent, so only its type is told. Runtime errors describe themselves by numbers and
// types, and http.ErrAbortHandler is a constant: these are told by their text.
func Here(value any) string {
	place, exited := site()
	switch what := describe(value); {
	case exited:
		return "called runtime.Goexit at " + place
	case what == "":
		return "panicked at " + place
	default:
		return "panicked at " + place + ": " + what
	}
}

// site returns the function and line of the frame above the runtime's own, and whether it called runtime.Goexit.
func site() (place string, exited bool) {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(4, pcs)]) // Callers, site, Here, the deferred function
	for {
		frame, more := frames.Next()
		if !strings.HasPrefix(frame.Function, "runtime.") {
			return fmt.Sprintf("%s:%d", frame.Function, frame.Line), exited
		}
		exited = exited || frame.Function == "runtime.Goexit"
		if !more {
			return "an unknown place", exited
		}
	}
}

// describe returns the type of a panic's value, or its text where that is safe. The methods of an error are not ours,
// and may panic.
func describe(value any) (what string) {
	if value == nil {
		return ""
	}
	what = fmt.Sprintf("%T", value)
	defer func() { _ = recover() }()
	if value == http.ErrAbortHandler {
		return http.ErrAbortHandler.Error()
	}
	var re runtime.Error
	if err, ok := value.(error); ok && errors.As(err, &re) && ofGo(reflect.TypeOf(re)) {
		return re.Error()
	}
	return what
}

// ofGo reports whether a type is the runtime's own: anybody's type can have the method of runtime.Error.
func ofGo(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.PkgPath() == "runtime" || strings.HasPrefix(t.PkgPath(), "internal/")
}
