package truhook

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// refused is what happens to refused deliveries beside the response.
type refused struct {
	lastHead atomic.Int64 // when the body of a delivery that the head refused was read last, in Unix nanoseconds

	mu        sync.Mutex
	busy      bool
	notBefore time.Time // the next explanation
}

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

// readsBody reports whether the body of a delivery that its head refuses is read this time.
func (f *refused) readsBody(now time.Time) bool {
	last := f.lastHead.Load()
	since := now.UnixNano() - last
	if last != 0 && since >= 0 && since < int64(headBodyInterval) {
		return false
	}
	return f.lastHead.CompareAndSwap(last, now.UnixNano())
}

// explain explains d after the response, in one goroutine that lives for that only. d.Body is copied unless it is ours.
func (f *refused) explain(v Verifier, logger *slog.Logger, d *Delivery, err error, ourBody bool) {
	reason, scheme := refusal(err)
	if status := reason.Status(); status != http.StatusUnauthorized && status != http.StatusForbidden {
		return
	}
	if !f.begin(time.Now()) {
		return
	}
	copied, ok := copyToExplain(d, ourBody)
	if !ok {
		f.end(time.Now(), 0)
		return
	}
	time.AfterFunc(explainDelay, func() {
		start := time.Now()
		defer func() {
			_ = recover() // of a log handler
			end := time.Now()
			f.end(end, end.Sub(start))
		}()
		cfg := ExplainConfig{Reason: reason, MaxHashedBytes: explainedBytes, Timeout: explainedTime}
		e := Explain(context.Background(), v, copied, cfg)
		writeExplanation(loggerOf(logger), scheme, reason, e)
	})
}

func (f *refused) begin(now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.busy || now.Before(f.notBefore) {
		return false
	}
	f.busy = true
	return true
}

func (f *refused) end(now time.Time, took time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.busy, f.notBefore = false, now.Add(explainPause*took)
}

// copyToExplain returns a copy that outlives the request, unless the header is larger than what is explained.
func copyToExplain(d *Delivery, ourBody bool) (copied *Delivery, ok bool) {
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
		slog.Any("ruled_out", e.RuledOut[:min(len(e.RuledOut), maxLoggedRuledOuts)]))
	logger.LogAttrs(context.Background(), levelOf(reason), "truhook: why a delivery was refused", attrs...)
}
