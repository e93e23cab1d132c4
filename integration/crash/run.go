package crash

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/truhook/truhook/internal/servertest"
)

// A Fault is one way to ill-treat the receiver or its store. It returns when everything is in order again.
type Fault struct {
	Name string
	Do   func() error
}

// KillServer kills the store's server and starts it again with its data.
func KillServer(s *servertest.Server) Fault {
	return Fault{"server killed", func() error {
		if err := s.Kill(); err != nil {
			return err
		}
		return s.Restart()
	}}
}

// A Config says what to ill-treat.
type Config struct {
	Receiver string  // by its name in Main
	Target   string  // what the receiver is given: where the store is
	Times    int     // how many faults
	Faults   []Fault // besides killing the receiver; one is chosen at random each time
	Spare    bool    // do not kill the receiver
	Replicas int     // of the receiver, behind a balancer that gives each request to the next; 0: one, and no balancer

	// Within is how long after the last delivery effects may come, as they do behind a queue. Zero: not at all.
	Within time.Duration

	// Effects returns the attempts of each event that had effects; nil: those that Effect has recorded.
	Effects func() (map[string][]uint32, error)
}

// A Report is what has happened.
type Report struct {
	Faults   map[string]int
	Events   int // acknowledged
	Attempts int // deliveries, of all events
	Effects  int
	Repeated int // events with more than one effect

	Lost        []string // acknowledged events without an effect
	Unannounced []string // events with two effects under one attempt
}

// String returns the report in one line.
func (r Report) String() string {
	var faults []string
	for _, name := range slices.Sorted(maps.Keys(r.Faults)) {
		faults = append(faults, fmt.Sprintf("%s %d", name, r.Faults[name]))
	}
	return fmt.Sprintf("%s; %d events, %d deliveries, %d effects, %d events repeated, %d lost, %d repeated unannounced",
		strings.Join(faults, ", "), r.Events, r.Attempts, r.Effects, r.Repeated, len(r.Lost), len(r.Unannounced))
}

// senders are few: what is tested is the order of things, not a load. More of them than the processors can serve would
// test the machine.
const senders = 8

// Run starts the receiver, delivers events to it while faults happen, delivers each event once more at the end, and
// reports.
func Run(tb testing.TB, cfg Config) Report {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), "effects")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		tb.Fatal(err)
	}
	if cfg.Effects == nil {
		cfg.Effects = func() (map[string][]uint32, error) { return ReadEffects(file) }
	}
	replicas := make([]*Process, max(1, cfg.Replicas))
	for i := range replicas {
		p := NewProcess(cfg.Receiver, cfg.Target, file)
		if err := p.Start(); err != nil {
			tb.Fatal(err)
		}
		defer func() { _ = p.Kill() }()
		replicas[i] = p
	}
	url := replicas[0].URL
	if cfg.Replicas > 0 {
		front := httptest.NewServer(balance(replicas))
		defer front.Close()
		url = func() string { return front.URL }
	}
	report, err := run(cfg, replicas, url)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Logf("%s: %v", cfg.Receiver, report)
	return report
}

func run(cfg Config, replicas []*Process, url func() string) (report Report, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute+time.Duration(cfg.Times)*10*time.Second)
	defer cancel()
	provider := newProvider(url)
	stop := make(chan struct{})
	errs := make([]error, senders)
	var sending sync.WaitGroup
	for i := range senders {
		sending.Add(1)
		go func() {
			defer sending.Done()
			errs[i] = provider.send(ctx, stop)
		}()
	}
	report.Faults, err = disturb(ctx, cfg, replicas)
	close(stop)
	sending.Wait()
	if err = errors.Join(errors.Join(errs...), err); err != nil {
		return report, err
	}
	for _, event := range provider.acknowledged { // by hand, long after
		if err := provider.deliver(ctx, event); err != nil {
			return report, err
		}
	}
	report.Events, report.Attempts = len(provider.acknowledged), provider.attempts
	for deadline := time.Now().Add(cfg.Within); ; time.Sleep(200 * time.Millisecond) {
		effects, err := cfg.Effects()
		if err != nil {
			return report, err
		}
		report.judge(provider.acknowledged, effects)
		if len(report.Lost) == 0 || time.Now().After(deadline) {
			return report, nil
		}
	}
}

// disturb lets the faults happen, with a random moment before each.
func disturb(ctx context.Context, cfg Config, replicas []*Process) (map[string]int, error) {
	faults := cfg.Faults
	if !cfg.Spare {
		faults = append(slices.Clip(faults), Fault{"receiver killed", func() error {
			p := replicas[rand.IntN(len(replicas))] //nolint:gosec // nothing to guess
			if err := p.Kill(); err != nil {
				return err
			}
			return p.Start()
		}})
	}
	happened := map[string]int{}
	for range cfg.Times {
		select {
		case <-ctx.Done():
			return happened, ctx.Err()
		case <-time.After(time.Duration(20+rand.IntN(130)) * time.Millisecond): //nolint:gosec // nothing to guess
		}
		f := faults[rand.IntN(len(faults))] //nolint:gosec // nothing to guess
		if err := f.Do(); err != nil {
			return happened, fmt.Errorf("crash: %s: %w", f.Name, err)
		}
		happened[f.Name]++
	}
	return happened, nil
}

// Judge compares what was acknowledged with what was done.
func Judge(acknowledged []string, effects map[string][]uint32) Report {
	r := Report{Events: len(acknowledged)}
	r.judge(acknowledged, effects)
	return r
}

func (r *Report) judge(acknowledged []string, effects map[string][]uint32) {
	r.Effects, r.Repeated, r.Lost, r.Unannounced = 0, 0, nil, nil
	for _, event := range acknowledged {
		if len(effects[event]) == 0 {
			r.Lost = append(r.Lost, event)
		}
	}
	for _, event := range slices.Sorted(maps.Keys(effects)) {
		attempts := effects[event]
		r.Effects += len(attempts)
		if len(attempts) > 1 {
			r.Repeated++
		}
		// An attempt is granted once, so no two effects have the same one, and only one can be the first.
		if slices.Sort(attempts); len(slices.Compact(slices.Clone(attempts))) < len(attempts) {
			r.Unannounced = append(r.Unannounced, fmt.Sprintf("%s: attempts %v", event, attempts))
		}
	}
}

// ReadEffects reads the file that receivers write: the attempts of each event's effects.
func ReadEffects(file string) (map[string][]uint32, error) {
	b, err := os.ReadFile(file) //nolint:gosec // in the test's folder
	if err != nil {
		return nil, err
	}
	effects := map[string][]uint32{}
	for line := range strings.Lines(string(b)) {
		var event string
		var attempt uint32
		if _, err := fmt.Sscanf(line, "%s %d\n", &event, &attempt); err != nil {
			return nil, fmt.Errorf("crash: effect %q: %w", line, err)
		}
		effects[event] = append(effects[event], attempt)
	}
	return effects, nil
}
