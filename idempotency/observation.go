package idempotency

import (
	"context"
	"log/slog"
	"time"
)

// An Observation is what Config.Observe is told. It holds no payload and no token. Key holds the provider's id of the
// event; Err may hold the text of your handler's error.
type Observation struct {
	Outcome Outcome
	Key     Key    // zero where there was none
	Attempt uint32 // 0: not claimed
	Order   Order

	// Duration is how long the handler, or DeadLetter, has run until now. Zero: it was not called.
	Duration time.Duration

	Err error // nil where there is nothing to say; a [PanicError] after a panic whose value is known

	// Fingerprint is that of this delivery and Stored that of the first; with Mismatch only.
	Fingerprint, Stored Fingerprint

	how string // it panicked, where, and by a value of which type; empty: it did not
}

// LogValue returns the outcome, the key, and whatever else is known, for log/slog. The text of Err is among it, which
// Config.Logger is not told.
func (o Observation) LogValue() slog.Value {
	attrs := append(o.attrs(), slog.Duration("duration", o.Duration))
	if o.Err != nil {
		attrs = append(attrs, slog.String("error", o.Err.Error()))
	}
	return slog.GroupValue(attrs...)
}

func (o Observation) attrs() []slog.Attr {
	attrs := []slog.Attr{
		slog.String("outcome", string(o.Outcome)), slog.String("scope", o.Key.Scope), slog.String("id", o.Key.ID),
		slog.Uint64("attempt", uint64(o.Attempt)),
	}
	if o.Order != OrderUnknown {
		attrs = append(attrs, slog.String("order", o.Order.String()))
	}
	if o.how != "" {
		attrs = append(attrs, slog.String("panic", o.how))
	}
	return attrs
}

// observe tells the observer and the log. A hook that panics must not make an event of ours fail.
func (m *Middleware) observe(ctx context.Context, o Observation) {
	m.log.write(ctx, m.cfg.Logger, m.scope, o)
	if m.cfg.Observe == nil {
		return
	}
	defer func() { _ = recover() }()
	m.cfg.Observe(ctx, o)
}
