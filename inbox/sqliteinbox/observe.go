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
	switch o.Outcome {
	case idempotency.StoreError:
		q.write(ctx, o, "the inbox's database has refused a call", slog.String("error", o.Err.Error()))
	case idempotency.DeadLettered:
		q.write(ctx, o, "an event is dead: look at sqliteinbox.Queue.Dead")
	}
}

// logPanic logs a panic beside the function, which settle observes. The engine logs those of the function.
func (q *Queue) logPanic(ctx context.Context, r *row, how string) {
	o := idempotency.Observation{Outcome: idempotency.Panicked, Key: r.key, Attempt: r.number()}
	q.write(ctx, o, "the inbox panicked: the event comes again", slog.String("panic", how))
}

// write writes a line, unless there was one of this outcome less than a minute ago.
func (q *Queue) write(ctx context.Context, o idempotency.Observation, text string, more ...slog.Attr) {
	count := q.log.count(o.Outcome)
	if count == 0 {
		return
	}
	to := q.cfg.Logger
	if to == nil {
		to = slog.Default()
	}
	attrs := append([]slog.Attr{
		slog.String("outcome", string(o.Outcome)), slog.String("scope", o.Key.Scope), slog.String("id", o.Key.ID),
		slog.Uint64("attempt", uint64(o.Attempt)), slog.Int("count", count),
	}, more...)
	defer func() { _ = recover() }()
	to.LogAttrs(ctx, slog.LevelWarn, "truhook: "+text, attrs...)
}

// outcomes counts what is logged: the first of each at once, then once a minute.
type outcomes struct {
	mu      sync.Mutex
	written map[idempotency.Outcome]time.Time
	since   map[idempotency.Outcome]int
}

// count returns how many the line to be written stands for; 0: none is written now.
func (l *outcomes) count(o idempotency.Outcome) int {
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
