// Package clock reads the clock that a config has in the place of time.Now. Such a clock may panic, and nothing that
// this module does is worth less for it: the real time counts.
package clock

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/truhook/truhook/internal/logonce"
)

// between is how far apart two reports of one clock are.
const between = time.Minute

// Guard returns now without its panics: the real time counts then, and report is told, once a minute at most. A panic
// of report is dropped, and a nil report is nobody. A nil now is time.Now. name begins the text of the report, which
// does not hold what the panic held. report is called by whoever reads the clock, so it must not be read under a lock
// that report may want.
func Guard(name string, now func() time.Time, report func(error)) func() time.Time {
	if now == nil {
		return time.Now
	}
	var reported atomic.Int64 // Unix nanoseconds of the real clock
	return func() (t time.Time) {
		defer func() {
			value := recover()
			if value == nil {
				return
			}
			t = time.Now()
			last := reported.Load()
			if report == nil || t.UnixNano()-last < int64(between) || !reported.CompareAndSwap(last, t.UnixNano()) {
				return
			}
			defer func() { _ = recover() }()
			report(fmt.Errorf("%s: Now panicked: %T", name, value))
		}()
		return now()
	}
}

// Report returns what tells the logger and the hook of a config about its clock. A nil logger is slog.Default() as it
// is then, and a nil hook is nobody.
func Report(logger *slog.Logger, hook func(error)) func(error) {
	lines := &logonce.Lines{}
	return func(err error) {
		lines.Write(context.Background(), logger, time.Now(), slog.LevelWarn, "",
			"truhook: the clock of a config panicked, and the real time counts", slog.String("error", err.Error()))
		if hook != nil {
			hook(err)
		}
	}
}
