package otelhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/truv"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/inbox"
	"github.com/truhook/truhook/otelhook"
	"github.com/truhook/truhook/retry"
	"github.com/truhook/truhook/truhooktest"
)

const secret = "canary-secret-made-for-tests"

// A bench is one hook with what it reports to.
type bench struct {
	hook   *otelhook.Hook
	reader *sdkmetric.ManualReader
	spans  *tracetest.SpanRecorder
	traces *sdktrace.TracerProvider
	meters *sdkmetric.MeterProvider
}

func newBench(t testing.TB, readers ...sdkmetric.Reader) *bench {
	t.Helper()
	b := &bench{reader: sdkmetric.NewManualReader(), spans: tracetest.NewSpanRecorder()}
	options := []sdkmetric.Option{sdkmetric.WithReader(b.reader)}
	for _, r := range readers {
		options = append(options, sdkmetric.WithReader(r))
	}
	b.meters = sdkmetric.NewMeterProvider(options...)
	b.traces = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(b.spans))
	var err error
	b.hook, err = otelhook.New(otelhook.Config{Provider: "truv", MeterProvider: b.meters, TracerProvider: b.traces})
	require.NoError(t, err)
	return b
}

// collected returns all that metrics export, as text, and the sums of a counter by its attributes.
func (b *bench) collected(t testing.TB, counter string) (text string, sums map[string]int64) {
	t.Helper()
	var all metricdata.ResourceMetrics
	require.NoError(t, b.reader.Collect(t.Context(), &all))
	data, err := json.Marshal(all)
	require.NoError(t, err)
	sums = map[string]int64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if sum, ok := m.Data.(metricdata.Sum[int64]); ok && m.Name == counter {
				for _, point := range sum.DataPoints {
					sums[point.Attributes.Encoded(attribute.DefaultEncoder())] = point.Value
				}
			}
		}
	}
	return string(data), sums
}

// receiver verifies, dedupes and reports.
func (b *bench) receiver(t testing.TB, handle func(ctx context.Context, v *truhook.Verified) error) http.Handler {
	t.Helper()
	v, err := truv.New(secret)
	require.NoError(t, err)
	once, err := idempotency.NewMiddleware(idempotency.NewMemory(idempotency.MemoryConfig{}), "canary-scope", truv.EventID,
		idempotency.Config{Policy: truv.RetryPolicy(), Observe: b.hook.Event})
	require.NoError(t, err)
	verify := truhook.NewMiddleware(v, truhook.Config{Observe: b.hook.Delivery})
	return otelhttp.NewHandler(verify.Wrap(once.Handle(handle)), "truv",
		otelhttp.WithTracerProvider(b.traces), otelhttp.WithMeterProvider(b.meters))
}

func request(t testing.TB, body string) *http.Request {
	t.Helper()
	key, err := hmacsig.NewKey("k", secret)
	require.NoError(t, err)
	r := truhooktest.NewRequest(t, truhooktest.HMAC(truv.Scheme(), key), "/hooks", truhooktest.Event{ID: "canary-id", Body: []byte(body)})
	r.Header.Set("X-Canary", "canary-header")
	return r
}

const payload = `{"webhook_id":"canary-id","event_type":"order-created","ssn":"canary-body"}`

func TestHook_CountsVerdictsReasonsAndOutcomes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	h := b.receiver(t, func(context.Context, *truhook.Verified) error { return nil })
	h.ServeHTTP(httptest.NewRecorder(), request(t, payload))
	h.ServeHTTP(httptest.NewRecorder(), request(t, payload))
	forged := request(t, payload)
	forged.Header.Set("X-WEBHOOK-SIGN", "v1="+strings.Repeat("0", 64))
	h.ServeHTTP(httptest.NewRecorder(), forged)

	_, deliveries := b.collected(t, "truhook.deliveries")
	assert.Equal(t, map[string]int64{
		"truhook.provider=truv,truhook.verdict=verified":                              2,
		"error.type=signature-mismatch,truhook.provider=truv,truhook.verdict=refused": 1,
	}, deliveries)
	text, events := b.collected(t, "truhook.events")
	assert.Equal(t, int64(1), events["truhook.outcome=handled,truhook.provider=truv"], "%v", events)
	assert.Equal(t, int64(1), events["truhook.outcome=duplicate,truhook.provider=truv"], "%v", events)
	for _, instrument := range []string{"truhook.verify.duration", "truhook.body.size"} {
		assert.Contains(t, text, instrument)
	}
	var verdicts []string
	for _, span := range b.spans.Ended() {
		for _, a := range span.Attributes() {
			if a.Key == "truhook.verdict" || a.Key == "error.type" {
				verdicts = append(verdicts, a.Value.AsString())
			}
		}
	}
	assert.Equal(t, []string{"verified", "verified", "refused", "signature-mismatch"}, verdicts)
}

func TestHook_FaultOfOursIsNoRefusal(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.hook.Delivery(t.Context(), truhook.Observation{Err: truhook.KeysStale})
	_, deliveries := b.collected(t, "truhook.deliveries")
	assert.Equal(t, map[string]int64{"error.type=keys-stale,truhook.provider=truv,truhook.verdict=failed": 1}, deliveries)
}

// No header, body, id or secret reaches an exporter.
func TestHook_NothingThatWasSentIsExported(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	h := b.receiver(t, func(context.Context, *truhook.Verified) error { return errors.New("canary-error of canary-id") })
	h.ServeHTTP(httptest.NewRecorder(), request(t, payload))
	forged := request(t, payload)
	forged.Header.Set("X-WEBHOOK-SIGN", "v1=canary-signature")
	h.ServeHTTP(httptest.NewRecorder(), forged)
	work := b.hook.Work(func(context.Context, inbox.Message) error { return errors.New("canary-error") })
	_ = work(t.Context(), inbox.Message{
		Key: idempotency.Key{Scope: "canary-scope", ID: "canary-id"}, Payload: []byte("canary-body"), Resource: "canary-resource",
		Header: http.Header{"Traceparent": {"canary-traceparent"}, "X-Canary": {"canary-header"}},
	})
	metrics, _ := b.collected(t, "")
	var traces strings.Builder
	for _, span := range b.spans.Ended() {
		fmt.Fprintln(&traces, span.Name(), span.Attributes(), span.Events(), span.Status(), span.Links())
	}
	require.NotEmpty(t, traces.String())
	assert.NotContains(t, metrics, "canary")
	assert.NotContains(t, traces.String(), "canary")
}

func TestWork_IsAConsumerSpanLinkedToTheReceivingOne(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	permanent := retry.Permanent(errors.New("closed"))
	for _, result := range []error{nil, errors.New("down"), permanent} {
		err := b.hook.Work(func(ctx context.Context, _ inbox.Message) error {
			assert.True(t, trace.SpanContextFromContext(ctx).IsValid())
			return result
		})(t.Context(), inbox.Message{Header: http.Header{"Traceparent": {parent}}, Payload: []byte("12345")})
		assert.Equal(t, result, err)
	}
	assert.Panics(t, func() {
		_ = b.hook.Work(func(context.Context, inbox.Message) error { panic("bug") })(t.Context(), inbox.Message{})
	})
	spans := b.spans.Ended()
	require.Len(t, spans, 4)
	for i, kind := range []string{"", "retry", "permanent", "panic"} {
		attributes := attribute.NewSet(spans[i].Attributes()...)
		value, _ := attributes.Value("error.type")
		assert.Equal(t, kind, value.AsString())
		assert.Equal(t, trace.SpanKindConsumer, spans[i].SpanKind())
		assert.Equal(t, "process truv", spans[i].Name())
		if kind != "panic" {
			require.Len(t, spans[i].Links(), 1)
			assert.Equal(t, "4bf92f3577b34da6a3ce929d0e0e4736", spans[i].Links()[0].SpanContext.TraceID().String())
			assert.NotEqual(t, spans[i].Links()[0].SpanContext.TraceID(), spans[i].SpanContext().TraceID())
		}
	}
}

func TestKeys_AgeAndExpiryAreSeconds(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	now := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	panics := false
	require.NoError(t, b.hook.Keys(func() []otelhook.KeyTimes {
		if panics {
			panic("bug")
		}
		return []otelhook.KeyTimes{{ID: "2026", Since: now.Add(-time.Hour), NotAfter: now.Add(-time.Minute)}}
	}, func() time.Time { return now }))
	text, _ := b.collected(t, "")
	assert.Regexp(t, `"truhook.key.age".*"Value":3600`, text)
	assert.Regexp(t, `"truhook.credential.expiry".*"Value":-60`, text)
	panics = true
	b.collected(t, "")
	require.Error(t, b.hook.Keys(nil, nil))
}

func TestHook_NilAndZeroReportNothing(t *testing.T) {
	t.Parallel()
	for _, h := range []*otelhook.Hook{nil, {}} {
		h.Delivery(t.Context(), truhook.Observation{})
		h.Event(t.Context(), idempotency.Observation{})
		assert.Nil(t, h.Work(nil))
		require.Error(t, h.Keys(nil, nil))
	}
	_, err := otelhook.New(otelhook.Config{})
	require.Error(t, err)
	_, err = otelhook.New(otelhook.Config{Provider: "global"})
	require.NoError(t, err)
}

// What the alert rules and the dashboard name is what the exporter for Prometheus gives.
func TestDashboard_NamesMetricsAndLabelsThatThereAre(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry))
	require.NoError(t, err)
	b := newBench(t, exporter)
	h := b.receiver(t, func(context.Context, *truhook.Verified) error { return nil })
	h.ServeHTTP(httptest.NewRecorder(), request(t, payload))
	b.hook.Delivery(t.Context(), truhook.Observation{Err: truhook.SignatureMismatch, VerifyDuration: 1})
	b.hook.Event(t.Context(), idempotency.Observation{Outcome: idempotency.Handled, Duration: time.Second})
	require.NoError(t, b.hook.Keys(func() []otelhook.KeyTimes {
		return []otelhook.KeyTimes{{ID: "k", Since: time.Unix(1, 0), NotAfter: time.Unix(2, 0)}}
	}, time.Now))
	families, err := registry.Gather()
	require.NoError(t, err)
	metrics, labels := map[string]bool{}, map[string]bool{"le": true}
	for _, f := range families {
		metrics[f.GetName()], metrics[f.GetName()+"_bucket"] = true, true
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = true
			}
		}
	}
	for _, name := range []string{"prometheus/alerts.yaml", "grafana/dashboard.json"} {
		data, err := os.ReadFile(name)
		require.NoError(t, err)
		found := regexp.MustCompile(`\btruhook_[a-z_]+|\berror_type\b`).FindAllString(string(data), -1)
		require.NotEmpty(t, found)
		for _, one := range found {
			assert.True(t, metrics[one] || labels[one], "%s names %s, which nothing exports: %v", name, one, metrics)
		}
	}
	data, err := os.ReadFile("grafana/dashboard.json")
	require.NoError(t, err)
	assert.True(t, json.Valid(data))
	for _, o := range regexp.MustCompile(`truhook_outcome="([a-z-]+)"`).FindAllStringSubmatch(string(must(os.ReadFile("prometheus/alerts.yaml"))), -1) {
		assert.Equal(t, string(idempotency.DeadLettered), o[1])
	}
}

func must(data []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return data
}
