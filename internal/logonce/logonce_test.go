package logonce_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/truhook/truhook/internal/logonce"
)

var start = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

func logTo(b *bytes.Buffer) *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
}

func TestLines_FirstAtOnceThenOneAMinute(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	var lines logonce.Lines
	attrs := make([]slog.Attr, 1, 9)
	attrs[0] = slog.String("a", "b")
	for _, after := range []time.Duration{0, 0, time.Second, 59 * time.Second, time.Minute, 61 * time.Second, 3 * time.Minute, time.Minute, 61 * time.Second} {
		lines.Write(t.Context(), logTo(&out), start.Add(after), slog.LevelWarn, "x", "lost", attrs...)
	}
	lines.Write(t.Context(), logTo(&out), start.Add(30*time.Second), slog.LevelWarn, "x", "lost", attrs...) // began earlier
	lines.Write(t.Context(), logTo(&out), start, slog.LevelInfo, "y", "other")
	assert.Equal(t, `level=WARN msg=lost a=b count=1
level=WARN msg=lost a=b count=4
level=WARN msg=lost a=b count=2
level=WARN msg=lost a=b count=1
level=INFO msg=other count=1
`, out.String(), "the clock goes back in between, and the line is written then")
}

func TestLines_KindsAreBounded(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	var lines logonce.Lines
	for i := range 10_000 {
		lines.Write(t.Context(), logTo(&out), start, slog.LevelInfo, fmt.Sprint(i), "x")
	}
	assert.Equal(t, 257, strings.Count(out.String(), "\n"))
}

type handler struct {
	slog.Handler
	enabled bool
	handle  func()
}

func (h handler) Enabled(context.Context, slog.Level) bool  { return h.enabled }
func (h handler) Handle(context.Context, slog.Record) error { h.handle(); return nil }

func TestLines_HandlerThatPanicsOrLogsHoldsNoLock(t *testing.T) {
	t.Parallel()
	var lines logonce.Lines
	var again func()
	logger := slog.New(handler{enabled: true, handle: func() { again(); panic("x") }})
	again = func() { lines.Write(t.Context(), logger, start, slog.LevelInfo, "k", "within") }
	lines.Write(t.Context(), logger, start, slog.LevelInfo, "k", "x")
	lines.Write(t.Context(), slog.New(slog.DiscardHandler), start, slog.LevelInfo, "k", "x")
	lines.Write(t.Context(), slog.New(handler{handle: func() { t.Error("not enabled") }}), start, slog.LevelInfo, "k2", "x")
}

func TestLines_ConcurrentUseWritesOneLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	var lines logonce.Lines
	logger := logTo(&out)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { lines.Write(t.Context(), logger, start, slog.LevelInfo, "k", "x") })
	}
	all.Wait()
	assert.Equal(t, 1, strings.Count(out.String(), "\n"))
}
