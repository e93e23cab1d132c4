package soak

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/truhook/truhook/integration/crash"
)

// A tally counts what was sent and how it was answered.
type tally struct {
	next, cancelled, halfClosed, hostile, outages, rotations, steps atomic.Int64

	away atomic.Int64 // stores that cannot be reached now

	mu                            sync.Mutex
	answers                       map[string]int // by what was sent and the status
	acknowledged                  []string
	throughRedis, throughPostgres int // of these
	falseAccepts, falseRefusals   []string
	odds                          []string
	times                         []timed
	samples                       []use
	everyForgery                  []forgery
	forgeriesJudged               int
}

// timed is how long an acknowledgement took, and when it came.
type timed struct{ at, took time.Duration }

func (d *driver) odd(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.odds = append(d.odds, fmt.Sprintf(format, args...))
}

func (d *driver) forgeries() []forgery {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.everyForgery == nil {
		d.everyForgery = forgeries()
	}
	return d.everyForgery
}

func (d *driver) count(what string, status int) {
	if d.answers == nil {
		d.answers = map[string]int{}
	}
	d.answers[fmt.Sprintf("%s %d", what, status)]++
}

// genuine judges the answer to a genuine delivery: acknowledged, or asked to come again.
func (d *driver) genuine(path, id string, status int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count("genuine "+path, status)
	if status != http.StatusOK && status != http.StatusServiceUnavailable {
		d.falseRefusals = append(d.falseRefusals, fmt.Sprintf("%s was answered %d", id, status))
	}
}

func (d *driver) refused(id, how string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.falseRefusals = append(d.falseRefusals, id+" "+how)
}

func (d *driver) forged(name string, status int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if status != http.StatusServiceUnavailable {
		d.forgeriesJudged++
	}
	d.count("forged", status)
	if status/100 == 2 {
		d.falseAccepts = append(d.falseAccepts, fmt.Sprintf("%s was answered %d", name, status))
	}
}

func (d *driver) oversize(status int) {
	if status == 0 { // a reset can overtake the answer
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count("oversized", status)
	if status/100 == 2 {
		d.falseAccepts = append(d.falseAccepts, fmt.Sprintf("an oversized body was answered %d", status))
	}
}

func (d *driver) acknowledge(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.acknowledged = append(d.acknowledged, id)
	switch {
	case strings.HasPrefix(id, "redis-"):
		d.throughRedis++
	case strings.HasPrefix(id, "postgres-"):
		d.throughPostgres++
	}
}

func (d *driver) took(t time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.times = append(d.times, timed{time.Since(d.began), t})
}

// enough reports whether everything has happened that is judged: under load a store's events can be few of many.
func (d *driver) enough() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.acknowledged) >= d.Least && min(d.throughRedis, d.throughPostgres) >= d.Least/4 &&
		d.forgeriesJudged >= 50 && len(d.samples) >= 3 &&
		d.outages.Load() >= 2 && d.rotations.Load() >= 1 && d.steps.Load() >= 2 && d.hostile.Load() >= 30
}

// judge compares what was sent with the effects.
func (d *driver) judge(s *Summary, effects map[string][]uint32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := crash.Judge(d.acknowledged, effects)
	s.Lost, s.Doubled, s.Repeated = r.Lost, r.Unannounced, r.Repeated
	s.FalseAccepts, s.FalseRefusals = slices.Clone(d.falseAccepts), slices.Clone(d.falseRefusals)
	for _, id := range slices.Sorted(maps.Keys(effects)) {
		if strings.HasPrefix(id, forgedEvent) {
			s.FalseAccepts = append(s.FalseAccepts, id+" had an effect")
		}
	}
	s.Events, s.Effects, s.Answers, s.Odd = len(d.acknowledged), r.Effects, maps.Clone(d.answers), slices.Clone(d.odds)
	s.Cancelled, s.HalfClosed, s.Hostile = d.cancelled.Load(), d.halfClosed.Load(), d.hostile.Load()
	s.Outages, s.Rotations, s.Steps = d.outages.Load(), d.rotations.Load(), d.steps.Load()
	s.latencies(d.times)
}
