package truhook

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// guarded returns the clock of a Config without its panics: the real time counts then, and the logger is told, once a
// minute at the most. The line has the place and nothing of what the panic held.
func guarded(now func() time.Time, logger *slog.Logger) func() time.Time {
	var told atomic.Int64 // Unix nanoseconds of the real clock
	return func() (t time.Time) {
		defer func() {
			value := recover()
			if value == nil {
				return
			}
			t = time.Now()
			last := told.Load()
			if t.UnixNano()-last >= int64(logInterval) && told.CompareAndSwap(last, t.UnixNano()) {
				logPanic(logger, "truhook: Config.Now panicked, and the real time counts", value)
			}
		}()
		return now()
	}
}

// logPanic writes where a function of a Config panicked. It is called by the deferred function that has recovered.
func logPanic(logger *slog.Logger, text string, value any) {
	place := panicSite(4)
	defer func() { _ = recover() }()
	loggerOf(logger).LogAttrs(context.Background(), slog.LevelWarn, text,
		slog.String("place", place), slog.String("panic", panicText(value)))
}
