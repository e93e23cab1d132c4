package idempotency_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/idempotency"
	"github.com/truhook/truhook/retry"
)

var (
	modelDepth  = flag.Int("model-depth", 4, "how many steps are chosen in every possible way by TestExhaustive")
	modelFaults = flag.Int("model-faults", 2, "how many of these steps may be faults")
)

const (
	modelLease     = 2 * time.Second
	modelRetention = time.Hour
)

// A world is one run of three processes that have two events to deliver: the real middleware of each, over one real
// store. Each call of the store and each handler stops and waits for the scheduler, so that a run is a list of choices.
// A bubble of testing/synctest has the clock.
type world struct {
	store   idempotency.Store
	running atomic.Int64
	skew    atomic.Int64 // by which the store's clock was set

	mu      sync.Mutex // guards all that follows
	parked  []*step
	crashed map[int]bool
	shadow  map[string]*shadow // by event: what the store must know
	effects map[string]int
	told    map[string]bool // by event and attempt
	handed  map[string]bool
	forgot  map[string]bool
	wrong   []string
	trace   []string
}

// A shadow is the contract of the store for one event.
type shadow struct {
	owner idempotency.Token
	state string    // "", pending, released, done
	lease time.Time // by the store's clock
}

// clock is that of the store. It is set forward and back; those of the processes are not.
func (w *world) clock() time.Time { return time.Now().Add(time.Duration(w.skew.Load())) }

// A step is a call or a handler that waits to go on.
type step struct {
	process int
	name    string
	handler bool
	grant   chan string // execute, lose the reply, fail, or for a handler: succeed, fail, permanent
}

func (w *world) breaks(format string, args ...any) {
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
}

// park waits for the scheduler, or until ctx ends.
func (w *world) park(ctx context.Context, s *step) string {
	s.grant = make(chan string)
	w.mu.Lock()
	w.parked = append(w.parked, s)
	w.mu.Unlock()
	select {
	case what := <-s.grant:
		return what
	case <-ctx.Done():
		w.unpark(s)
		return "gone"
	}
}

func (w *world) dead(process int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.crashed[process]
}

func (w *world) unpark(s *step) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.parked = slices.DeleteFunc(w.parked, func(o *step) bool { return o == s })
}

var errDied = errors.New("the process has died")

// A seat is the store as one process sees it.
type seat struct {
	*world
	process int
}

func (s seat) call(ctx context.Context, name string, k idempotency.Key, do func(sh *shadow) error) error {
	if s.dead(s.process) {
		return errDied
	}
	what := s.park(ctx, &step{process: s.process, name: name + " " + k.ID})
	if s.dead(s.process) {
		return errDied
	}
	switch what {
	case "gone":
		return ctx.Err()
	case "fail":
		return errStore
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.shadow[k.ID]
	if sh == nil {
		sh = &shadow{}
		s.shadow[k.ID] = sh
	}
	err := do(sh)
	if what == "lose" {
		return errStore
	}
	return err
}

func (s seat) Claim(ctx context.Context, c idempotency.ClaimRequest) (r idempotency.Record, err error) {
	err = s.call(ctx, "claim", c.Key, func(sh *shadow) (err error) {
		now := s.clock()
		if r, err = s.store.Claim(ctx, c); err != nil || r.State != idempotency.Owned {
			return err
		}
		switch {
		case sh.state == "done":
			s.breaks("%s was done and is claimed again", c.Key.ID)
		case sh.state == "pending" && sh.owner != c.Token && now.Before(sh.lease):
			s.breaks("%s has two owners", c.Key.ID)
		}
		sh.owner, sh.state, sh.lease = c.Token, "pending", now.Add(c.Lease)
		return nil
	})
	return r, err
}

// settle checks that only the owner changes a record.
func (s seat) settle(ctx context.Context, name string, k idempotency.Key, t idempotency.Token, to string, do func() error) error {
	return s.call(ctx, name, k, func(sh *shadow) error {
		err := do()
		if err != nil {
			return err
		}
		if sh.owner != t || sh.state != "pending" && sh.state != to {
			s.breaks("a stranger's %s of %s, which is %q", name, k.ID, sh.state)
		}
		sh.state = to
		return nil
	})
}

func (s seat) Extend(ctx context.Context, k idempotency.Key, t idempotency.Token, lease time.Duration) error {
	return s.settle(ctx, "extend", k, t, "pending", func() error {
		err := s.store.Extend(ctx, k, t, lease)
		if err == nil {
			s.shadow[k.ID].lease = s.clock().Add(lease)
		}
		return err
	})
}

func (s seat) Complete(ctx context.Context, k idempotency.Key, t idempotency.Token) error {
	return s.settle(ctx, "complete", k, t, "done", func() error { return s.store.Complete(ctx, k, t) })
}

func (s seat) Release(ctx context.Context, k idempotency.Key, t idempotency.Token) error {
	return s.settle(ctx, "release", k, t, "released", func() error { return s.store.Release(ctx, k, t) })
}

func (s seat) Order(ctx context.Context, k idempotency.Key, at time.Time, retain time.Duration) (idempotency.Order, error) {
	return s.store.Order(ctx, k, at, retain)
}

func (s seat) Forget(ctx context.Context, k idempotency.Key) error { return s.store.Forget(ctx, k) }

// deliver lets a process deliver one event, once.
func (w *world) deliver(process int, m *idempotency.Middleware, name string) {
	res := m.Do(context.Background(), event(name), func(ctx context.Context) error {
		if w.dead(process) {
			return errDied
		}
		c, _ := idempotency.FromContext(ctx)
		what := w.park(context.Background(), &step{process: process, name: "handle " + name, handler: true})
		if w.dead(process) {
			return errDied
		}
		switch what {
		case "fail":
			return errHandler
		case "permanent":
			return retry.Permanent(errHandler)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.effects[name]++
		if told := fmt.Sprint(name, c.Attempt); w.told[told] && !w.forgot[name] {
			w.breaks("%s has a second effect that no attempt tells of", name)
		} else {
			w.told[told] = true
		}
		if what == "lose" { // it fails after its effect
			return errHandler
		}
		return nil
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.crashed[process] {
		return // nobody saw the response
	}
	if res.Status == 200 && w.effects[name] == 0 && !w.handed[name] {
		w.breaks("%s is acknowledged (%s) and nobody has it", name, res.Outcome)
	}
}

func (w *world) middleware(t *testing.T, process int) *idempotency.Middleware {
	m, err := idempotency.NewMiddleware(seat{w, process}, "test", id, idempotency.Config{
		Lease: modelLease, Retention: modelRetention, Wait: -1, Logger: silent,
		DeadLetter: func(_ context.Context, v *truhook.Verified, _ error) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.crashed[process] {
				return errDied
			}
			w.handed[string(v.Payload)] = true
			return nil
		},
	})
	require.NoError(t, err)
	return m
}

// stopped puts the steps in an order that is the same in each run, and returns how many there are.
func (w *world) stopped() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.SortStableFunc(w.parked, func(a, b *step) int {
		if a.process != b.process {
			return a.process - b.process
		}
		return strings.Compare(a.name, b.name)
	})
	return len(w.parked)
}

// options are what may happen next: those without a fault come first.
func (w *world) options(faults bool) (all []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.parked {
		all = append(all, fmt.Sprintf("%d execute", i))
	}
	if !faults {
		return all
	}
	processes := map[int]bool{}
	for i, s := range w.parked {
		all = append(all, fmt.Sprintf("%d lose", i), fmt.Sprintf("%d fail", i))
		if s.handler {
			all = append(all, fmt.Sprintf("%d permanent", i))
		}
		if !processes[s.process] {
			processes[s.process] = true
			all = append(all, fmt.Sprintf("%d crash", s.process))
		}
	}
	return append(all, "0 clock", "0 forward", "0 back", "0 prune", "0 forget", "1 forget")
}

// apply makes one choice happen.
func (w *world) apply(choice string) {
	var i int
	var what string
	_, _ = fmt.Sscanf(choice, "%d %s", &i, &what)
	switch what {
	case "crash":
		w.trace = append(w.trace, fmt.Sprintf("process %d dies", i))
		w.mu.Lock()
		w.crashed[i] = true
		all := slices.Clone(w.parked)
		w.mu.Unlock()
		for _, s := range all {
			if s.process == i {
				w.resume(s, "execute")
			}
		}
	case "clock":
		w.trace = append(w.trace, "a lease goes by")
		time.Sleep(modelLease + time.Millisecond)
	case "forward":
		w.trace = append(w.trace, "the store's clock is set forward by a lease")
		w.skew.Add(int64(modelLease + time.Millisecond))
	case "back":
		w.trace = append(w.trace, "the store's clock is set back by a lease")
		w.skew.Add(-int64(modelLease + time.Millisecond))
	case "prune":
		w.trace = append(w.trace, "a retention goes by")
		time.Sleep(modelRetention + time.Second)
		synctest.Wait()
		w.mu.Lock()
		for name, sh := range w.shadow {
			sh.state, w.forgot[name] = "", true
		}
		w.mu.Unlock()
	case "forget":
		name := []string{"a", "b"}[i]
		k := idempotency.Key{Scope: "test", ID: name}
		err := w.store.Forget(context.Background(), k)
		w.trace = append(w.trace, fmt.Sprintf("forget %s: %v", name, err))
		w.mu.Lock()
		sh := w.shadow[name]
		if err == nil && sh != nil && sh.state == "done" {
			sh.state, w.forgot[name] = "", true
		}
		w.mu.Unlock()
	default:
		w.mu.Lock()
		s := w.parked[i]
		w.mu.Unlock()
		w.trace = append(w.trace, fmt.Sprintf("%s by process %d: %s", s.name, s.process, what))
		w.resume(s, what)
	}
	synctest.Wait()
}

func (w *world) resume(s *step, what string) {
	w.unpark(s)
	s.grant <- what
	synctest.Wait()
}

// newStore makes a store with a clock.
type newStore func(now func() time.Time) idempotency.Store

func memoryBy(now func() time.Time) idempotency.Store {
	return idempotency.NewMemory(idempotency.MemoryConfig{Now: now})
}

// play runs the world along path, then without faults to its end, and returns how many choices each step had.
func play(t *testing.T, store newStore, path []int, depth, faults int) (widths []int, w *world) {
	w = &world{
		crashed: map[int]bool{}, shadow: map[string]*shadow{}, effects: map[string]int{},
		told: map[string]bool{}, handed: map[string]bool{}, forgot: map[string]bool{},
	}
	w.store = store(w.clock)
	begin := func(process int, names ...string) {
		m := w.middleware(t, process)
		for _, name := range names {
			w.running.Add(1)
			go func() {
				defer w.running.Add(-1)
				w.deliver(process, m, name)
			}()
			synctest.Wait() // deliveries arrive in an order; what they do then is chosen
		}
	}
	begin(1, "a", "a") // two deliveries at once in one process
	begin(2, "a")
	begin(3, "b")
	for steps := 0; w.running.Load() > 0; steps++ {
		synctest.Wait()
		stopped := w.stopped()
		if stopped == 0 { // the engine itself waits, before it repeats a call
			time.Sleep(10 * time.Millisecond)
			require.Less(t, steps, 10_000, "it does not end: %v", w.trace)
			continue
		}
		choice := 0
		options := w.options(len(widths) < depth && faults > 0)
		if len(widths) < depth {
			if len(widths) < len(path) {
				choice = path[len(widths)]
			}
			widths = append(widths, len(options))
		}
		if choice >= stopped {
			faults--
		}
		w.apply(options[choice])
	}
	// Whatever happened: when the provider comes again, the event is handled, or somebody has it. A clock that was set
	// back makes a lease longer.
	time.Sleep(10 * modelLease)
	for i, name := range []string{"a", "b"} {
		w.running.Add(1)
		m := w.middleware(t, 4+i)
		go func() {
			defer w.running.Add(-1)
			w.deliver(4+i, m, name)
		}()
		for synctest.Wait(); w.running.Load() > 0; synctest.Wait() {
			if w.stopped() == 0 {
				time.Sleep(10 * time.Millisecond)
				continue
			}
			w.apply("0 execute")
		}
		w.mu.Lock()
		if w.effects[name] == 0 && !w.handed[name] {
			w.breaks("%s is lost", name)
		}
		w.mu.Unlock()
	}
	return widths, w
}

// explore plays every path, and returns how many there were and the first that breaks a rule.
func explore(t *testing.T, store newStore, depth, faults int) (runs int, broken *world) {
	for path := []int{}; ; {
		var widths []int
		var w *world
		synctest.Test(t, func(t *testing.T) { widths, w = play(t, store, path, depth, faults) })
		runs++
		if len(w.wrong) > 0 {
			return runs, w
		}
		for len(path) < len(widths) {
			path = append(path, 0)
		}
		for len(path) > 0 && path[len(path)-1]+1 >= widths[len(path)-1] {
			path = path[:len(path)-1]
		}
		if len(path) == 0 {
			return runs, nil
		}
		path[len(path)-1]++
	}
}

// Three processes deliver two events to the real middleware over the real Memory. Every order of their steps, to a
// depth, and every fault between them (a lost reply, a failed call, a handler that fails before or after its effect, or
// for good, a process that dies, a lease or a retention that goes by, a clock of the store that is set forward or back,
// a record that is forgotten) keeps these rules: no event is acknowledged that nobody has, none is lost when the
// provider comes again, no record has two owners at a time, no stranger settles one, and a second effect is told by its
// attempt. "make model" goes deeper.
func TestExhaustive_EveryInterleavingKeepsTheRules(t *testing.T) {
	t.Parallel()
	depth := *modelDepth
	if raceEnabled {
		depth = min(depth, 2)
	}
	runs, broken := explore(t, memoryBy, depth, *modelFaults)
	t.Logf("%d runs, %d steps deep with at most %d faults", runs, depth, *modelFaults)
	if broken != nil {
		t.Fatalf("%s\nafter %s", strings.Join(broken.wrong, "; "), strings.Join(broken.trace, "\n      "))
	}
	assert.Greater(t, runs, 100)
}
