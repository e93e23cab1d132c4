package idempotency

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/truhook/truhook/internal/dedupe"
	"github.com/truhook/truhook/retry"
)

// logged returns the line for an outcome by which something was dropped, lost, handed over or refused, or soon will be;
// no text for any other.
func logged(o Outcome) (slog.Level, string) {
	switch o {
	case Stale:
		return slog.LevelInfo, "a later event of the resource came first: not handled, as SkipStale is set"
	case Mismatch:
		return slog.LevelInfo, "another delivery of the event had other content"
	case VersionFailed:
		return slog.LevelInfo, "the event has no usable time: its order is unknown"
	case FutureVersion:
		return slog.LevelInfo, "the event's time is ahead of our clock: its order is unknown"
	case Failed:
		return slog.LevelWarn, "the handler failed, and Observe is told by what: the event is asked for again"
	case Panicked:
		return slog.LevelWarn, "the handler panicked: the event was given back"
	case TooOld:
		return slog.LevelWarn, "the event is older than the retention, or our clock is wrong"
	case DeadLettered:
		return slog.LevelWarn, "the handler failed for good: the event was handed over"
	case DeadLetterFailed:
		return slog.LevelWarn, "DeadLetter failed: the event is asked for again"
	case TimedOut:
		return slog.LevelWarn, "the handler's time is over"
	case Unavailable:
		return slog.LevelWarn, "the store cannot be asked: not handled"
	case NotVerified:
		return slog.LevelWarn, "no middleware verified the request: the order of the wraps is wrong"
	case BadKey:
		return slog.LevelWarn, "the event has no usable id, and Observe is told why: not handled"
	case NotDeduped:
		return slog.LevelWarn, "handled without a claim"
	case Unidentified:
		return slog.LevelWarn, "no id was found in the event: the digest of its body serves"
	case LeaseLost:
		return slog.LevelWarn, "the lease was lost while the handler ran"
	case Fenced:
		return slog.LevelWarn, "handled, but somebody had taken over: a second effect is likely"
	case CompleteFailed:
		return slog.LevelWarn, "handled, but the store could not be told: a redelivery is handled again"
	case StoreError:
		return slog.LevelWarn, "a call to the store failed"
	case LateOverflow:
		return slog.LevelWarn, "too many late handlers: the provider may give up before the response"
	case LatePanicked:
		return slog.LevelWarn, "a late handler panicked: the event was given back"
	}
	return 0, ""
}

// lineEvery is how often an outcome may write a line.
const lineEvery = time.Minute

// An outcomeLog writes the first of each outcome at once, then at most one line a minute with the count. The zero value
// is ready.
type outcomeLog struct {
	mu      sync.Mutex
	written map[Outcome]*lines
}

type lines struct {
	last  time.Time
	since int // the last line
}

func (l *outcomeLog) write(ctx context.Context, to *slog.Logger, scope string, o Observation) {
	defer func() { _ = recover() }() // neither a log handler nor an error's methods make an event of ours fail
	level, text := logged(o.Outcome)
	if text == "" {
		return
	}
	count := l.count(o.Outcome)
	if count == 0 {
		return
	}
	if to == nil {
		to = slog.Default()
	}
	if o.Key.Scope == "" {
		o.Key.Scope = scope
	}
	attrs := append(o.attrs(), slog.Int("count", count))
	switch o.Outcome {
	case StoreError, CompleteFailed, Unavailable, NotDeduped: // the store's words; a handler's may hold what was sent
		if o.Err != nil {
			attrs = append(attrs, slog.String("error", textOf(o.Err)))
		}
	case BadKey, VersionFailed: // as may those of your functions, but not those of this library
		var own dedupe.Words
		if errors.As(o.Err, &own) {
			attrs = append(attrs, slog.String("error", string(own)))
		}
	case Failed:
		var queue *dedupe.QueueError
		if errors.As(o.Err, &queue) {
			text = "the queue did not take the event: it is asked for again"
			attrs = append(attrs, slog.String("error", textOf(queue)))
		} else if retry.IsPermanent(o.Err) {
			text = "the handler failed for good, and there is no DeadLetter that takes the event: it is asked for again"
		}
	}
	to.LogAttrs(ctx, level, "truhook: "+text, attrs...)
}

// count returns how many observations the line to be written stands for; 0: none is written now.
func (l *outcomeLog) count(o Outcome) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.written == nil {
		l.written = map[Outcome]*lines{}
	}
	w := l.written[o]
	if w == nil {
		w = &lines{}
		l.written[o] = w
	}
	w.since++
	now := time.Now()
	if !w.last.IsZero() && now.Sub(w.last) < lineEvery {
		return 0
	}
	count := w.since
	w.last, w.since = now, 0
	return count
}
