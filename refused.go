package truhook

import (
	"bytes"
	"context"
	"log/slog"
	"math"
	"net/http"
	"sync/atomic"
	"time"
)

// refused is what happens to refused deliveries beside the response. Its times are those since the middleware was made,
// by the monotonic clock. Every refusal passes the same comparisons, whatever is turned on, so that its time tells
// nothing.
type refused struct {
	nextBody    atomic.Int64 // when the next body of a delivery that the head refused is read
	nextExplain atomic.Int64 // when the next explanation may begin; never while one runs
}

const never = math.MaxInt64

const (
	headBodyInterval   = time.Second
	explainDelay       = 50 * time.Millisecond // after which the response is on its way
	explainPause       = 100                   // times the duration of the last one
	explainedBytes     = 8 << 20
	explainedTime      = 10 * time.Millisecond
	explainedHeader    = 64 << 10
	maxLoggedFindings  = 3
	maxLoggedRuledOuts = 32
)

func (f *refused) set(explains, readsBodies bool) {
	if !explains {
		f.nextExplain.Store(never)
	}
	if !readsBodies {
		f.nextBody.Store(never)
	}
}

// readsBody reports whether the body of a delivery that its head refuses is read this time.
func (f *refused) readsBody(now time.Duration) bool {
	next := f.nextBody.Load()
	return int64(now) >= next && f.nextBody.CompareAndSwap(next, int64(now+headBodyInterval))
}

// explain explains d after the response, in one goroutine that lives for that only. d.Body is copied unless it is ours.
func (f *refused) explain(v Verifier, logger *slog.Logger, d *Delivery, err error, ourBody bool, now time.Duration) {
	next := f.nextExplain.Load()
	if int64(now) < next || !f.nextExplain.CompareAndSwap(next, never) {
		return
	}
	reason, scheme := refusal(err)
	copied, ok := copyToExplain(d, reason, ourBody)
	if !ok {
		f.nextExplain.Store(next)
		return
	}
	called := time.Now()
	time.AfterFunc(explainDelay, func() {
		start := time.Now()
		defer func() {
			_ = recover() // of a log handler
			end := time.Now()
			f.nextExplain.Store(int64(now + end.Sub(called) + explainPause*end.Sub(start)))
		}()
		cfg := ExplainConfig{Reason: reason, MaxHashedBytes: explainedBytes, Timeout: explainedTime}
		e := Explain(context.Background(), v, copied, cfg)
		writeExplanation(loggerOf(logger), scheme, reason, e)
	})
}

// copyToExplain returns a copy that outlives the request, unless the Reason or the size of the header rules it out.
func copyToExplain(d *Delivery, reason Reason, ourBody bool) (copied *Delivery, ok bool) {
	if status := reason.Status(); status != http.StatusUnauthorized && status != http.StatusForbidden {
		return nil, false
	}
	size := 0
	for name, lines := range d.Header {
		size += len(name)
		for _, line := range lines {
			size += len(line)
		}
	}
	if size > explainedHeader {
		return nil, false
	}
	body, head := d.Body, *d
	head.Body = nil
	copied = NewDelivery(head)
	if !ourBody {
		body = bytes.Clone(body)
	}
	copied.Body = body
	return copied, true
}

func writeExplanation(logger *slog.Logger, scheme string, reason Reason, e Explanation) {
	if len(e.Findings) == 0 {
		return // the Reason says it all
	}
	attrs := make([]slog.Attr, 0, 8)
	if scheme != "" {
		attrs = append(attrs, slog.String("provider", scheme))
	}
	attrs = append(attrs, slog.String("reason", string(reason)))
	for i, f := range e.Findings[:min(len(e.Findings), maxLoggedFindings)] {
		name := "cause"
		if i > 0 {
			name = "also"
		}
		if i > 1 {
			name = "and"
		}
		group := []slog.Attr{
			slog.String("name", f.Name), slog.Bool("proven", f.Proven), slog.String("subject", f.Subject),
			slog.String("problem", f.Problem), slog.String("remedy", f.Remedy),
		}
		if f.Proven && f.Offset >= 0 {
			group = append(group, slog.Int64("offset", f.Offset))
		}
		attrs = append(attrs, slog.Attr{Key: name, Value: slog.GroupValue(group...)})
	}
	attrs = append(attrs, slog.Bool("complete", e.Complete), slog.Int("tried", e.Tried),
		slog.Any("tried_without_success", e.RuledOut[:min(len(e.RuledOut), maxLoggedRuledOuts)]))
	logger.LogAttrs(context.Background(), levelOf(reason), "truhook: why a delivery was refused", attrs...)
}
