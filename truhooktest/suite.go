package truhooktest

import (
	"bytes"
	"cmp"
	"context"
	"log"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/truhook/truhook/retry"
)

// A failure is one thing that is wrong with a receiver.
type failure struct{ Scenario, Reason, Detail string }

// check runs the scenario and returns what it found: in a bubble if scale is zero, else in real time.
func (sc scenario) check(t *testing.T, scale float64, setup func(t testing.TB) Receiver) []failure {
	t.Helper()
	if scale != 0 {
		return sc.checkNow(t, scale, setup(t))
	}
	w := watchdog{patience: cmp.Or(sc.patience, patience)}
	sc.pulse = &w.pulse
	var found []failure // nobody may read it while the bubble is there
	bubble := func() { Bubble(t, func(t *testing.T) { found = sc.checkNow(t, 0, setup(t)) }) }
	if !w.watch(bubble) {
		return []failure{sc.stands(w.patience)}
	}
	return found
}

// Bubble is synctest.Test in a bubble whose clock begins now. That of synctest begins in the year 2000, where an event
// of today comes from the future and a certificate of today is not valid yet.
func Bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	now := time.Now()
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		time.Sleep(time.Until(now))
		f(t)
	})
}

func (sc scenario) checkNow(t *testing.T, scale float64, r Receiver) []failure {
	if r.Sign == nil || r.WrongKey == nil || r.Event == nil || r.Start == nil {
		panic("truhooktest: TestReceiver: a required field of the Receiver is nil")
	}
	if sc.applies != nil && !sc.applies(r) {
		return nil
	}
	s := newSuite(t.Context(), sc, scale, r)
	defer s.end()
	sc.run(s)
	if s.note != "" {
		t.Log(s.note)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failures
}

// suite is one scenario that runs on one receiver.
type suite struct {
	Receiver
	ctx      context.Context
	scenario string
	provider *Provider
	virtual  bool          // time
	window   time.Duration // in which the provider makes all of its attempts, at least; zero: not published
	pulse    *atomic.Int64 // counts what happens; nil: nobody looks
	note     string        // for whoever reads the test's output
	log      lockedBuffer
	released chan struct{} // closed when the scenario is over
	crashed  chan struct{} // closed when the planned crash has happened

	storeUsed, storeDown atomic.Bool // an Instance.Store
	failing              atomic.Bool // every effect fails

	mu       sync.Mutex
	instance *Instance
	applied  map[string]int
	calls    int
	signed   []string // the values that the Signer set
	next     plan
	every    map[string]plan // by the event's id: what happens to each of its effects
	unsafe   map[string]bool // acknowledged before they were durable
	replied  map[string]bool // events of which an attempt was answered
	failures []failure
}

func newSuite(ctx context.Context, sc scenario, scale float64, r Receiver) *suite {
	window, _ := r.Policy.Window()
	if len(r.Policy.Rules) == 0 {
		r.Policy.Rules = []retry.Rule{
			{From: 200, To: 299, Outcome: retry.Delivered},
			{From: 100, To: 599, Outcome: retry.Retried},
			{From: retry.NoAnswer, To: retry.NoAnswer, Outcome: retry.Retried},
		}
	}
	if r.Policy.Attempts < 2 {
		r.Policy.Attempts, r.Policy.Delays = 3, []retry.Delay{{Base: time.Minute}}
	}
	if r.Settle == 0 {
		r.Settle = time.Minute
	}
	s := &suite{
		Receiver: r, ctx: ctx, scenario: sc.name, pulse: sc.pulse, virtual: scale == 0,
		released: make(chan struct{}), crashed: make(chan struct{}),
		window: window, applied: map[string]int{}, every: map[string]plan{}, unsafe: map[string]bool{}, replied: map[string]bool{},
	}
	s.provider = NewProvider(r.Policy, r.Sign, s.start(), Config{
		Path: r.Path, Scale: scale, Restart: s.start, WrongKey: r.WrongKey, StaleBy: r.MaxAge + time.Minute,
		ErrorLog: log.New(&s.log, "", 0),
		answered: s.answered,
		sent:     s.sent,
		slept:    s.beat,
	})
	return s
}

// start ends the instance before, if there is one, and starts the next.
func (s *suite) start() http.Handler {
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.ctx))
	i := &Instance{suite: s, ctx: ctx, cancel: cancel}
	s.mu.Lock()
	before := s.instance
	s.instance = i
	s.mu.Unlock()
	if before != nil {
		before.cancel()
	}
	h := s.Start(i)
	if h == nil {
		panic("truhooktest: Receiver.Start returned nil")
	}
	return h
}

// shutDown ends the instance; the next Restart of the provider starts another.
func (s *suite) shutDown() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.instance.cancel()
}

func (s *suite) end() {
	s.instance.cancel()
	close(s.released)
	s.provider.Close()
	if s.virtual {
		time.Sleep(s.Settle) // what looks at its Context now and then has seen its end, too
	}
}

func (s *suite) effect(i *Instance, id string, apply func() error) error {
	s.beat()
	if err := i.Err(); err != nil {
		return err
	}
	next := s.planOf(id)
	if next.slow > 0 {
		s.provider.sleep(i.ctx, next.slow)
		if err := i.Err(); err != nil {
			return err
		}
	}
	switch {
	case next.fail || s.failing.Load():
		return ErrInjected
	case next.panics && !s.wasAnswered(id):
		panic(ErrInjected)
	case next.panics: // what it would end now is no request, but the process
		return ErrInjected
	case next.crashBefore:
		s.kill(i)
	}
	if err := apply(); err != nil {
		return err
	}
	s.mu.Lock()
	s.applied[id]++
	s.mu.Unlock()
	switch {
	case next.storeDown:
		s.outage(true)
	case next.crashAfter:
		s.kill(i)
	}
	return nil
}

// kill ends the instance as a crash does: nothing runs on in this goroutine, not even what was deferred, until the
// scenario is over.
func (s *suite) kill(i *Instance) {
	i.cancel()
	close(s.crashed)
	<-s.released
	runtime.Goexit()
}

// called returns how often the receiver has called Instance.Effect.
func (s *suite) called() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

// effects returns how often the event had its effect, by now.
func (s *suite) effects(id string) int {
	if s.Effects != nil {
		return s.Effects(id)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.applied[id]
}

func (s *suite) accepted(id string) bool {
	if s.Accepted != nil {
		return s.Accepted(id)
	}
	return s.effects(id) > 0
}

// answered looks at the moment at which an answer has arrived, and nothing later has happened yet.
func (s *suite) answered(a Attempt) {
	s.beat()
	s.mu.Lock()
	s.replied[a.Event] = true
	s.mu.Unlock()
	if a.Outcome == retry.Delivered && a.Fault&forgeries == 0 && !s.accepted(a.Event) {
		s.mu.Lock()
		s.unsafe[a.Event] = true
		s.mu.Unlock()
	}
}

func (s *suite) wasAnswered(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.replied[id]
}

func (s *suite) sent(m message) {
	s.beat()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range m.signed {
		s.signed = append(s.signed, m.header.Get(name))
	}
}

// settle waits until a receiver that works later has worked.
func (s *suite) settle() { s.provider.sleep(s.ctx, s.Settle) }

func (s *suite) event(id string) Event { return Event{ID: id, Body: s.Event(id, 1)} }

func (s *suite) fail(reason, detail string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.failures {
		if f.Reason == reason {
			return
		}
	}
	s.failures = append(s.failures, failure{s.scenario, reason, detail})
}

func (s *suite) failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.failures) > 0
}

// lockedBuffer is a log that several goroutines may write.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
