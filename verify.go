package truhook

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strconv"
	"strings"
)

var (
	errNoVerifier = errors.New("the middleware has no verifier")
	errNoVerdict  = errors.New("the verifier returned neither a verdict nor an error")
	errNoDelivery = errors.New("there is no delivery: the host gave nil")
)

// judge asks v about d. A panic and a missing verdict are Internal.
func judge(ctx context.Context, v Verifier, d *Delivery) (verified *Verified, err error) {
	defer recoverAs(&err, func() { verified = nil })
	verified, err = v.Verify(ctx, d)
	switch {
	case err != nil:
		return nil, ofReplacedBody(d, err)
	case verified == nil:
		return nil, &Error{Reason: Internal, Err: errNoVerdict}
	}
	return verified, nil
}

// ofReplacedBody says that a refusal can be the fault of this service: something in front has put other bytes in the
// place of the body, and the verifier refused these bytes.
func ofReplacedBody(d *Delivery, err error) error {
	_ = ReasonOf(err) // here, where a panic of an error of the caller's is recovered
	if judgesBody(err) && d.isReplaced() {
		err = fmt.Errorf("%d bytes are not what was announced, and: %w", len(d.Body), err)
		return &Error{Reason: BodyReplaced, Err: err}
	}
	return err
}

// isReplaced reports whether Body is another one than came. Whatever replaces a body may change the ContentLength of
// the request too, or may say that it is unknown; the header has what came.
func (d *Delivery) isReplaced() bool {
	if d.replaced || !d.served {
		return d.replaced
	}
	lines := d.HeaderValues("Content-Length")
	if len(lines) == 0 {
		return d.counted && len(d.Body) > 0
	}
	announced, err := strconv.ParseInt(lines[0], 10, 64)
	return err == nil && announced != int64(len(d.Body))
}

// judgesBody reports whether a refusal in the tree of err is about the body: of several verifiers the one whose scheme
// the delivery has can be any.
func judgesBody(err error) bool {
	for _, reason := range [...]Reason{SignatureMismatch, BodyHashMismatch, DecryptFailed, MalformedPayload} {
		if errors.Is(err, reason) {
			return true
		}
	}
	return false
}

// judgeHead asks p about the head of d; nil refuses nothing.
func judgeHead(ctx context.Context, p Prechecker, d *Delivery) (err error) {
	if p == nil {
		return nil
	}
	defer recoverAs(&err, func() {})
	err = p.Precheck(ctx, d)
	_ = ReasonOf(err) // as above
	return err
}

// recoverAs turns a panic into an Internal error that says where it happened. The text of a panic value can hold what
// the sender sent, so only its type is told; runtime errors describe themselves by numbers alone.
func recoverAs(err *error, undo func()) {
	value := recover()
	if value == nil {
		return
	}
	undo()
	*err = &Error{Reason: Internal, Err: fmt.Errorf("the verifier panicked at %s: %s", panicSite(3), panicText(value))}
}

// panicText returns the type of a panic's value, or the text of an error that is the runtime's own: anybody's type can
// have the method of runtime.Error. The methods of an error are not ours, and may panic.
func panicText(value any) (what string) {
	what = fmt.Sprintf("%T", value)
	defer func() { _ = recover() }()
	var re runtime.Error
	if err, ok := value.(error); !ok || !errors.As(err, &re) {
		return what
	}
	kind := reflect.TypeOf(re)
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	if path := kind.PkgPath(); path == "runtime" || strings.HasPrefix(path, "internal/") {
		return re.Error()
	}
	return what
}

// panicSite returns the function and line that panicked: the frame above the runtime's own. skip is how many frames
// lead here from the runtime, with runtime.Callers.
func panicSite(skip int) string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(skip, pcs)])
	for {
		frame, more := frames.Next()
		if !strings.HasPrefix(frame.Function, "runtime.") {
			return fmt.Sprintf("%s:%d", frame.Function, frame.Line)
		}
		if !more {
			return "an unknown place"
		}
	}
}
