// Package lineartest checks that an [idempotency.Store] is linearizable: that whatever clients did at the same time
// could have been done one after the other. It is a module of its own because of the checker, porcupine.
//
// Package storetest asks the questions of the contract one by one; this one asks whether there is an order of events in
// which all the answers of a random history are right. A plain SET NX lease fails here within a second.
package lineartest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/truhook/truhook/idempotency"
)

// A Config says how much to do. Its zero value is right for a store in the same process.
type Config struct {
	_ [0]func()

	Clients    int           // zero: 8
	Keys       int           // zero: 60
	Operations int           // of each client; zero: 400
	Lease      time.Duration // zero: 4 ms; about the time of two calls, so that take-overs happen
	Seed       uint64        // of the random history; one seed is one history
}

type kind uint8

const (
	claim kind = iota
	extend
	complete
	release
	forget
)

func (k kind) String() string {
	return [...]string{"claim", "extend", "complete", "release", "forget"}[k]
}

type input struct {
	kind  kind
	key   int
	token idempotency.Token
}

type output struct {
	state   idempotency.State
	attempt uint32
	lost    bool
	held    bool // ErrInFlight
	unknown bool // the call failed: it may have had its effect or not
}

// A record is the state of one key. Time is not part of it: a lease may end at any moment.
type record struct {
	state   string // "", "pending", "released", "done"
	token   idempotency.Token
	attempt uint32
}

// steps returns the states that may follow, none if the answer cannot be.
func (r record) steps(in input, out output) []any {
	if out.unknown {
		return append(r.steps(in, r.answer(in, false)), append(r.steps(in, r.answer(in, true)), r)...)
	}
	if in.kind == claim {
		switch mine := r.token == in.token; {
		case out.state == idempotency.Done && r.state == "done" && out.attempt == r.attempt:
			return []any{r}
		case out.state == idempotency.Busy && r.state == "pending" && !mine && out.attempt == r.attempt:
			return []any{r}
		case out.state != idempotency.Owned || r.state == "done":
			return nil
		case r.state == "pending" && mine && out.attempt == r.attempt:
			return []any{r}
		case (r.state != "pending" || !mine) && out.attempt == r.attempt+1: // also of a lease that is over
			return []any{record{"pending", in.token, out.attempt}}
		}
		return nil
	}
	if in.kind == forget {
		switch {
		case out.held && r.state != "pending":
			return nil
		case !out.held && r.state == "done":
			return []any{record{}}
		}
		return []any{r} // a pending record without an error: its lease was over
	}
	owned := r.token == in.token && r.state != ""
	switch {
	case out.lost && (!owned || r.state == "done" && in.kind != complete || r.state == "released" && in.kind != release):
		return []any{r}
	case out.lost || !owned:
		return nil
	case in.kind == complete && (r.state == "pending" || r.state == "done"):
		return []any{record{"done", r.token, r.attempt}}
	case in.kind == release && (r.state == "pending" || r.state == "released"):
		return []any{record{"released", r.token, r.attempt}}
	case in.kind == extend && r.state == "pending":
		return []any{r}
	}
	return nil
}

// answer returns one of the answers that this state allows: what a call did whose reply was lost.
func (r record) answer(in input, over bool) output {
	if in.kind != claim {
		return output{}
	}
	switch {
	case r.state == "done":
		return output{state: idempotency.Done, attempt: r.attempt}
	case r.state == "pending" && r.token == in.token:
		return output{state: idempotency.Owned, attempt: r.attempt}
	case r.state == "pending" && !over:
		return output{state: idempotency.Busy, attempt: r.attempt}
	}
	return output{state: idempotency.Owned, attempt: r.attempt + 1}
}

var model = porcupine.NondeterministicModel{
	Init: func() []any { return []any{record{}} },
	Step: func(state, in, out any) []any { return state.(record).steps(in.(input), out.(output)) },
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byKey := map[int][]porcupine.Operation{}
		for _, op := range history {
			byKey[op.Input.(input).key] = append(byKey[op.Input.(input).key], op)
		}
		parts := make([][]porcupine.Operation, 0, len(byKey))
		for _, part := range byKey {
			parts = append(parts, part)
		}
		return parts
	},
	DescribeOperation: func(in, out any) string {
		i, o := in.(input), out.(output)
		return fmt.Sprintf("%v(%d, %x) = %v %d lost=%t held=%t unknown=%t",
			i.kind, i.key, i.token[:3], o.state, o.attempt, o.lost, o.held, o.unknown)
	},
}

// Run plays a random history against the store and fails the test if it is not linearizable, or if two owners held one
// lease at the same time.
func Run(t *testing.T, store idempotency.Store, cfg Config) {
	t.Helper()
	if err := Check(store, cfg); err != nil {
		t.Error(err)
	}
}

// Check is Run without a test.
func Check(store idempotency.Store, cfg Config) error {
	h := play(store, cfg)
	if err := h.overlaps(); err != nil {
		return err
	}
	switch porcupine.CheckOperationsTimeout(model.ToModel(), h.operations, time.Minute) {
	case porcupine.Ok:
		return nil
	case porcupine.Illegal:
		return errors.New("lineartest: the history is not linearizable")
	}
	return errors.New("lineartest: the history could not be checked within a minute")
}

// A hold is a time in which a client must be the only owner: from the answer to its claim to the end of the lease,
// counted from before the claim was sent, or to the call that gave the event back.
type hold struct {
	key      int
	from, to int64
}

type history struct {
	mu         sync.Mutex
	operations []porcupine.Operation
	holds      []hold
}

func play(store idempotency.Store, cfg Config) *history {
	set := func(n *int, otherwise int) {
		if *n <= 0 {
			*n = otherwise
		}
	}
	set(&cfg.Clients, 8)
	set(&cfg.Keys, 60)
	set(&cfg.Operations, 400)
	if cfg.Lease <= 0 {
		cfg.Lease = 4 * time.Millisecond
	}
	h := &history{}
	scope := fmt.Sprintf("lineartest/%x", idempotency.NewToken())
	began := time.Now()
	clock := func() int64 { return int64(time.Since(began)) }
	var wg sync.WaitGroup
	for client := range cfg.Clients {
		wg.Add(1)
		go func() {
			defer wg.Done()
			random := rand.New(rand.NewPCG(cfg.Seed, uint64(client)))
			mine := map[int]idempotency.Token{} // the token last used for a key: also one that was lost long ago
			for n := range cfg.Operations {
				// The keys in use move on, or all of them would soon be done.
				key := (n*cfg.Keys/cfg.Operations + random.IntN(4)) % cfg.Keys
				h.one(store, cfg, client, random, scope, key, mine, clock)
			}
		}()
	}
	wg.Wait()
	return h
}

func (h *history) one(
	s idempotency.Store, cfg Config, client int, random *rand.Rand, scope string, key int,
	mine map[int]idempotency.Token, clock func() int64,
) {
	in := input{kind: claim, key: key}
	token, has := mine[key]
	if !has || random.IntN(4) == 0 {
		token = idempotency.NewToken()
		mine[key] = token
	} else {
		in.kind = [...]kind{claim, claim, extend, complete, release, release, release, forget}[random.IntN(8)]
	}
	in.token = token
	k := idempotency.Key{Scope: scope, ID: fmt.Sprint(key)}
	ctx := context.Background()
	var out output
	var err error
	sent := clock()
	switch in.kind {
	case claim:
		var r idempotency.Record
		r, err = s.Claim(ctx, idempotency.ClaimRequest{Key: k, Token: token, Lease: cfg.Lease, Retain: time.Hour})
		out.state, out.attempt = r.State, r.Attempt
	case extend:
		err = s.Extend(ctx, k, token, cfg.Lease)
	case complete:
		err = s.Complete(ctx, k, token)
	case release:
		err = s.Release(ctx, k, token)
	case forget:
		err = s.Forget(ctx, k)
	}
	answered := clock()
	out.lost = errors.Is(err, idempotency.ErrLost)
	out.held = errors.Is(err, idempotency.ErrInFlight)
	if out.unknown = err != nil && !out.lost && !out.held; out.unknown {
		answered = math.MaxInt64 / 2 // it may have its effect at any later time
	}

	h.mu.Lock()
	defer h.mu.Unlock()
	op := porcupine.Operation{ClientId: client, Input: in, Call: sent, Output: out, Return: answered}
	h.operations = append(h.operations, op)
	if err == nil && in.kind == claim && out.state == idempotency.Owned {
		h.holds = append(h.holds, hold{key, answered, sent + int64(cfg.Lease)})
	}
}

// overlaps looks for two claims of one key that both were granted within one lease, with no settlement by the first in
// between. The model cannot see that, as it knows no time.
func (h *history) overlaps() error {
	type settled struct{ from, to int64 }
	gone := map[input][]settled{}
	grants := map[int][]porcupine.Operation{}
	for _, op := range h.operations {
		in, out := op.Input.(input), op.Output.(output)
		if in.kind == release || in.kind == complete {
			who := input{key: in.key, token: in.token}
			gone[who] = append(gone[who], settled{op.Call, op.Return})
		}
		if in.kind == claim && out.state == idempotency.Owned && !out.unknown {
			grants[in.key] = append(grants[in.key], op)
		}
	}
	ends := map[[2]int64]int64{}
	for _, held := range h.holds {
		ends[[2]int64{int64(held.key), held.from}] = held.to
	}
	for key, all := range grants {
		for _, first := range all {
			owner := first.Input.(input)
			end := ends[[2]int64{int64(key), first.Return}]
			for _, second := range all {
				if second.Input.(input).token == owner.token || second.Call < first.Return || second.Return >= end {
					continue
				}
				ended := false
				for _, g := range gone[input{key: key, token: owner.token}] {
					ended = ended || g.to >= first.Call && g.from <= second.Return
				}
				if !ended {
					return fmt.Errorf("lineartest: key %d: two owners within one lease", key)
				}
			}
		}
	}
	return nil
}
