package otelhook

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/retry"
)

// Work returns work in a span of its own, for what takes messages from a queue:
//
//	queue.Run(ctx, hook.Work(worker.Work))
//
// The span is of kind consumer, is called "process" and the provider, and follows the conventions of OpenTelemetry for
// messaging. It is linked to the span that received the delivery, where inbox.Config.Header keeps "traceparent": a
// redelivery may come days later, so it is no child of it. The text of an error can hold anything and is not exported;
// error.type is "permanent" or "retry".
func (h *Hook) Work(work func(ctx context.Context, m inbox.Message) error) func(ctx context.Context, m inbox.Message) error {
	if h == nil || h.tracer == nil || work == nil {
		return work
	}
	return func(ctx context.Context, m inbox.Message) (err error) {
		options := []trace.SpanStartOption{
			trace.WithSpanKind(trace.SpanKindConsumer), trace.WithNewRoot(),
			trace.WithAttributes(h.provider,
				attribute.String("messaging.system", "webhook"),
				attribute.String("messaging.operation.type", "process"),
				attribute.String("messaging.operation.name", "process"),
				attribute.Int("messaging.message.body.size", len(m.Payload)),
			),
		}
		received := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), propagation.HeaderCarrier(m.Header)))
		if received.IsValid() {
			options = append(options, trace.WithLinks(trace.Link{SpanContext: received}))
		}
		ctx, span := h.tracer.Start(ctx, "process "+h.provider.Value.AsString(), options...)
		done := false
		defer func() {
			switch {
			case !done:
				span.SetStatus(codes.Error, "panic")
				span.SetAttributes(attribute.String("error.type", "panic"))
			case err != nil:
				kind := "retry"
				if retry.IsPermanent(err) {
					kind = "permanent"
				}
				span.SetStatus(codes.Error, kind)
				span.SetAttributes(attribute.String("error.type", kind))
			}
			span.End()
		}()
		err = work(ctx, m)
		done = true
		return err
	}
}
