package main

import (
	"context"
	"database/sql"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/truhook/truhook/otelhook"
)

// metrics are what Prometheus scrapes. otelhook/prometheus/alerts.yaml has the rules, otelhook/grafana a dashboard.
type metrics struct {
	registry *prometheus.Registry
	provider *metric.MeterProvider
	work     *otelhook.Hook
}

func newMetrics() (*metrics, error) {
	m := &metrics{registry: prometheus.NewRegistry()}
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(m.registry))
	if err != nil {
		return nil, err
	}
	m.provider = metric.NewMeterProvider(metric.WithReader(exporter))
	m.work, err = m.hook("work")
	return m, err
}

func (m *metrics) hook(provider string) (*otelhook.Hook, error) {
	return otelhook.New(otelhook.Config{Provider: provider, MeterProvider: m.provider})
}

// readiness is whether requests should be sent here: the database answers, and the end has not begun.
type readiness struct {
	db      *sql.DB
	stopped atomic.Bool
}

func newReadiness(db *sql.DB) *readiness { return &readiness{db: db} }

func (r *readiness) stop() { r.stopped.Store(true) }

func (r *readiness) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	ctx, cancel := context.WithTimeout(req.Context(), time.Second)
	defer cancel()
	if r.stopped.Load() || r.db.PingContext(ctx) != nil {
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// newAdmin returns the routes for operators.
func newAdmin(m *metrics, ready http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.Handle("GET /readyz", ready)
	return mux
}
