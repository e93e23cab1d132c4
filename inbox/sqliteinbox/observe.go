package sqliteinbox

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/truhook/truhook/idempotency"
)

// observe reports an event. A hook that panics must not make an event of ours fail.
func (q *Queue) observe(ctx context.Context, o idempotency.Observation) {
	if q.cfg.Observe == nil {
		return
	}
	defer func() { _ = recover() }()
	q.cfg.Observe(ctx, o)
}

// report observes what the engine does not see, and logs it: what the database refused, and what is dead.
func (q *Queue) report(ctx context.Context, o idempotency.Observation) {
	q.observe(ctx, o)
	count := q.log.count(o.Outcome)
	if count == 0 {
		return
	}
	to := q.cfg.Logger
	if to == nil {
		to = slog.Default()
	}
	attrs := []slog.Attr{
		slog.String("outcome", string(o.Outcome)), slog.String("scope", o.Key.Scope), slog.String("id", o.Key.ID),
		slog.Uint64("attempt", uint64(o.Attempt)), slog.Int("count", count),
	}
	text := "truhook: an event is dead: look at sqliteinbox.Queue.Dead"
	if o.Outcome == idempotency.StoreError {
		text = "truhook: the inbox's database has refused a call"
		attrs = append(attrs, slog.String("error", o.Err.Error()))
	}
	defer func() { _ = recover() }()
	to.LogAttrs(ctx, slog.LevelWarn, text, attrs...)
}

// outcomes counts what is logged: the first of each at once, then once a minute.
type outcomes struct {
	mu      sync.Mutex
	written map[idempotency.Outcome]time.Time
	since   map[idempotency.Outcome]int
}

// count returns how many the line to be written stands for; 0: none is written now.
func (l *outcomes) count(o idempotency.Outcome) int {
	if o != idempotency.StoreError && o != idempotency.DeadLettered {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.written == nil {
		l.written, l.since = map[idempotency.Outcome]time.Time{}, map[idempotency.Outcome]int{}
	}
	l.since[o]++
	if last, ok := l.written[o]; ok && time.Since(last) < time.Minute {
		return 0
	}
	count := l.since[o]
	l.written[o], l.since[o] = time.Now(), 0
	return count
}
