// Package logonce writes log lines whose number somebody outside could drive up: the first of a kind at once, then at
// most one a minute, which says how many there were.
package logonce

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Interval is the time between two lines of one kind.
const Interval = time.Minute

// maxKinds bounds the memory; further kinds share one line.
const maxKinds = 256

// Lines are the lines of one component. The zero value is ready. Lines are safe for concurrent use and must not be
// copied.
type Lines struct {
	mu    sync.Mutex
	kinds map[string]*kind
}

type kind struct {
	last    time.Time
	pending int // since the last line
}

// Write logs msg with attrs and the number of times as "count", unless a line of this kind was written less than
// Interval ago. kind is one of a closed list, or of few; it is not logged. A nil logger is slog.Default() as it is now.
// now may go back. A panic of the logger's handler is recovered: a log must not change what happens.
func (l *Lines) Write(
	ctx context.Context, logger *slog.Logger, now time.Time, level slog.Level, kind, msg string, attrs ...slog.Attr,
) {
	defer func() { _ = recover() }()
	if logger == nil {
		logger = slog.Default()
	}
	if !logger.Enabled(ctx, level) {
		return
	}
	if count := l.due(now, kind); count > 0 {
		logger.LogAttrs(ctx, level, msg, append(attrs[:len(attrs):len(attrs)], slog.Int("count", count))...)
	}
}

// due returns how many times the next line stands for, or 0 if it is not due.
func (l *Lines) due(now time.Time, name string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.kinds[name]
	if k == nil && len(l.kinds) >= maxKinds {
		name = ""
		k = l.kinds[name]
	}
	if k == nil {
		if l.kinds == nil {
			l.kinds = map[string]*kind{}
		}
		k = &kind{}
		l.kinds[name] = k
	}
	k.pending++
	// What began before the last line is not a clock that goes back.
	if since := now.Sub(k.last).Abs(); !k.last.IsZero() && since < Interval {
		return 0
	}
	count := k.pending
	k.last, k.pending = now, 0
	return count
}
