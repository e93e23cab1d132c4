package idempotency_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/idempotency"
)

// A model is the contract of Store for one client at a time, in whole milliseconds, without a bound.
type model struct {
	now     int64
	records map[idempotency.Key]*modelRecord
	gates   map[idempotency.Key]modelGate
}

type modelRecord struct {
	state          string // "pending", "released", "done"
	token          idempotency.Token
	first          idempotency.Fingerprint
	attempt        uint32
	lease, expires int64
}

type modelGate struct{ at, first, latest int64 }

func (m *model) get(k idempotency.Key) *modelRecord {
	if r := m.records[k]; r != nil && (m.now < r.expires || r.state == "pending" && m.now < r.lease) {
		return r
	}
	delete(m.records, k)
	return nil
}

func (m *model) claim(c idempotency.ClaimRequest) idempotency.Record {
	r := m.get(c.Key)
	if r == nil {
		r = &modelRecord{state: "released", first: c.Fingerprint, expires: secondUp(m.now + c.Retain.Milliseconds())}
		m.records[c.Key] = r
	}
	switch {
	case r.state == "done":
		return idempotency.Record{State: idempotency.Done, Attempt: r.attempt, Fingerprint: r.first}
	case r.state == "pending" && r.token != c.Token && m.now < r.lease:
		left := time.Duration(r.lease-m.now) * time.Millisecond
		return idempotency.Record{State: idempotency.Busy, Attempt: r.attempt, Fingerprint: r.first, LeaseLeft: left}
	case r.state == "released" || r.token != c.Token:
		r.attempt++
	}
	r.state, r.token, r.lease = "pending", c.Token, m.now+c.Lease.Milliseconds()
	return idempotency.Record{State: idempotency.Owned, Attempt: r.attempt, Fingerprint: r.first}
}

func (m *model) settle(k idempotency.Key, t idempotency.Token, to string, lease time.Duration) error {
	r := m.get(k)
	if r == nil || r.token != t || r.state != "pending" && (r.state != to || to == "pending") {
		return idempotency.ErrLost
	}
	if r.state = to; to == "pending" {
		r.lease = m.now + lease.Milliseconds()
	}
	return nil
}

func (m *model) forget(k idempotency.Key) error {
	switch r := m.get(k); {
	case r == nil:
	case r.state == "done":
		delete(m.records, k)
	case r.state == "pending" && m.now < r.lease:
		return idempotency.ErrInFlight
	}
	return nil
}

func (m *model) order(k idempotency.Key, at int64, retain time.Duration) idempotency.Order {
	g, ok := m.gates[k]
	over := !ok || m.now >= max(g.first, g.latest)
	switch {
	case over || at > g.at:
		if over {
			g.first = secondUp(m.now + retain.Milliseconds())
		}
		m.gates[k] = modelGate{at, g.first, m.now + retain.Milliseconds()}
		return idempotency.Newer
	case at == g.at:
		return idempotency.Same
	}
	return idempotency.Older
}

func secondUp(ms int64) int64 { return (ms + 999) / 1000 * 1000 }

// A manual clock moves when it is told to, and is for one goroutine.
type manual struct{ at time.Time }

func (c *manual) Now() time.Time { return c.at }

func TestMemory_DoesWhatTheModelDoes(t *testing.T) {
	t.Parallel()
	operations := 1_000_000
	if raceEnabled || testing.Short() {
		operations = 100_000
	}
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			playModel(t, rand.New(rand.NewPCG(seed, 7)), operations/4)
		})
	}
}

func playModel(t *testing.T, random *rand.Rand, operations int) {
	clock := &manual{at: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	store := idempotency.NewMemory(idempotency.MemoryConfig{Now: clock.Now})
	m := &model{records: map[idempotency.Key]*modelRecord{}, gates: map[idempotency.Key]modelGate{}}
	ctx := context.Background()
	retentions := []time.Duration{20 * time.Second, 60 * time.Second}
	for i := range operations {
		n := random.IntN(600)
		k := idempotency.Key{Scope: "s", ID: fmt.Sprint(n)}
		retain := retentions[n%2]
		token := idempotency.Token{byte(random.IntN(3)), 1}
		lease := time.Duration(1+random.IntN(6000)) * time.Millisecond
		what := ""
		switch op := random.IntN(100); {
		case op < 40:
			c := idempotency.ClaimRequest{Key: k, Token: token, Lease: lease, Retain: retain}
			c.Fingerprint[0] = byte(random.IntN(3))
			got, err := store.Claim(ctx, c)
			require.NoError(t, err)
			if want := m.claim(c); got != want {
				what = fmt.Sprintf("claim: %+v, want %+v", got, want)
			}
		case op < 50:
			what = same("extend", store.Extend(ctx, k, token, lease), m.settle(k, token, "pending", lease))
		case op < 65:
			what = same("complete", store.Complete(ctx, k, token), m.settle(k, token, "done", 0))
		case op < 75:
			what = same("release", store.Release(ctx, k, token), m.settle(k, token, "released", 0))
		case op < 77:
			what = same("forget", store.Forget(ctx, k), m.forget(k))
		case op < 86:
			at := int64(random.IntN(1000))
			got, err := store.Order(ctx, k, time.UnixMicro(at), retain)
			require.NoError(t, err)
			if want := m.order(k, at, retain); got != want {
				what = fmt.Sprintf("order: %v, want %v", got, want)
			}
		default:
			d := int64(random.IntN(30))
			if random.IntN(200) == 0 {
				d = int64(random.IntN(40_000))
			}
			m.now += d
			clock.at = clock.at.Add(time.Duration(d) * time.Millisecond)
		}
		if what != "" {
			require.Failf(t, "the store and the model differ", "operation %d on %q at %d ms: %s", i, k.ID, m.now, what)
		}
	}
	require.Less(t, store.Len(), 1300, "what is over is cleared away")
}

func same(what string, got, want error) string {
	if errors.Is(got, want) || got == nil && want == nil {
		return ""
	}
	return fmt.Sprintf("%s: %v, want %v", what, got, want)
}
