package otelhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
)

const name = "github.com/truhook/truhook/otelhook"

// Config adjusts a [Hook]. Provider is required.
type Config struct {
	_ [0]func()

	// Provider is the value of truhook.provider: the name of the provider, or of the endpoint where one provider has
	// several. It comes from the configuration, never from a request.
	Provider string

	// MeterProvider and TracerProvider are where instruments and spans come from; nil: the global ones.
	MeterProvider  metric.MeterProvider
	TracerProvider trace.TracerProvider
}

// A Hook reports to OpenTelemetry what one endpoint does. It is safe for concurrent use and must not be copied. A nil
// or zero Hook reports nothing.
type Hook struct {
	provider attribute.KeyValue
	meter    metric.Meter
	tracer   trace.Tracer

	deliveries      metric.Int64Counter
	verifyDuration  metric.Float64Histogram
	bodySize        metric.Int64Histogram
	events          metric.Int64Counter
	handlerDuration metric.Float64Histogram
}

// New returns a hook. A missing Provider is an error, and so is an instrument that the MeterProvider refuses.
func New(cfg Config) (*Hook, error) {
	if cfg.Provider == "" {
		return nil, errors.New("otelhook: Config.Provider is empty")
	}
	if cfg.MeterProvider == nil {
		cfg.MeterProvider = otel.GetMeterProvider()
	}
	if cfg.TracerProvider == nil {
		cfg.TracerProvider = otel.GetTracerProvider()
	}
	h := &Hook{
		provider: attribute.String("truhook.provider", cfg.Provider),
		meter:    cfg.MeterProvider.Meter(name),
		tracer:   cfg.TracerProvider.Tracer(name),
	}
	var errs [5]error
	h.deliveries, errs[0] = h.meter.Int64Counter("truhook.deliveries",
		metric.WithUnit("{delivery}"), metric.WithDescription("Deliveries by verdict and reason."))
	h.verifyDuration, errs[1] = h.meter.Float64Histogram("truhook.verify.duration",
		metric.WithUnit("s"), metric.WithDescription("How long a verdict takes."),
		metric.WithExplicitBucketBoundaries(1e-6, 2e-6, 5e-6, 1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 5e-3, 1e-2, 0.1, 1, 10))
	h.bodySize, errs[2] = h.meter.Int64Histogram("truhook.body.size",
		metric.WithUnit("By"), metric.WithDescription("Bytes of the bodies that were read."),
		metric.WithExplicitBucketBoundaries(256, 1<<10, 4<<10, 16<<10, 64<<10, 256<<10, 1<<20, 4<<20))
	h.events, errs[3] = h.meter.Int64Counter("truhook.events",
		metric.WithUnit("{event}"), metric.WithDescription("Events by what became of them."))
	h.handlerDuration, errs[4] = h.meter.Float64Histogram("truhook.handler.duration",
		metric.WithUnit("s"), metric.WithDescription("How long the handler of an event takes."),
		metric.WithExplicitBucketBoundaries(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("otelhook: %w", err)
	}
	return h, nil
}

// verdict says whose fault it is, if it is one.
func verdict(o truhook.Observation) string {
	switch {
	case o.Verified != nil:
		return "verified"
	case truhook.ReasonOf(o.Err).Status() >= http.StatusInternalServerError:
		return "failed" // on this side: the delivery was not judged
	}
	return "refused"
}

// Delivery is for truhook.Config.Observe. It counts the delivery and sets truhook.provider, truhook.verdict and
// error.type on the span of ctx.
func (h *Hook) Delivery(ctx context.Context, o truhook.Observation) {
	if h == nil || h.deliveries == nil {
		return
	}
	judged := attribute.String("truhook.verdict", verdict(o))
	attributes := []attribute.KeyValue{h.provider, judged}
	sizes := metric.WithAttributes(attributes...)
	if o.Verified == nil {
		attributes = append(attributes, attribute.String("error.type", string(truhook.ReasonOf(o.Err))))
	}
	h.deliveries.Add(ctx, 1, metric.WithAttributes(attributes...))
	if o.VerifyDuration > 0 {
		h.verifyDuration.Record(ctx, o.VerifyDuration.Seconds(), sizes)
	}
	if o.Delivery != nil && o.Delivery.Body != nil {
		h.bodySize.Record(ctx, int64(len(o.Delivery.Body)), sizes)
	}
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.SetAttributes(attributes...)
	}
}

// Event is for idempotency.Config.Observe and for inbox.Config.Observe. It counts what became of the event and sets
// truhook.outcome on the span of ctx.
func (h *Hook) Event(ctx context.Context, o idempotency.Observation) {
	if h == nil || h.events == nil {
		return
	}
	outcome := attribute.String("truhook.outcome", string(o.Outcome))
	set := metric.WithAttributes(h.provider, outcome)
	h.events.Add(ctx, 1, set)
	if o.Duration > 0 {
		h.handlerDuration.Record(ctx, o.Duration.Seconds(), set)
	}
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.SetAttributes(h.provider, outcome)
	}
}
