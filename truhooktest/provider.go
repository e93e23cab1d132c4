package truhooktest

import (
	"context"
	"errors"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/truhook/truhook/retry"
)

// A Provider delivers events as a webhook provider does and keeps a record of it. It is safe for concurrent use.
type Provider struct {
	policy retry.Policy
	signer Signer
	config Config
	url    string
	dial   dialer
	memory *memory // nil: remote

	// transport is for attempts in memory that go well. All others have a connection of their own.
	transport *http.Transport

	mu       sync.Mutex
	handler  http.Handler
	attempts []Attempt
}

// memoryHost is where a receiver in memory is.
const memoryHost = "http://receiver.test"

// NewProvider returns a provider that delivers to h, over connections in memory. Close it. It panics if sign or h is
// nil, or the policy is not valid.
//
// In a testing/synctest bubble it has to be made, used and closed inside the bubble, and so has whatever h waits for.
func NewProvider(policy retry.Policy, sign Signer, h http.Handler, cfg Config) *Provider {
	if h == nil {
		panic("truhooktest: NewProvider: the handler is nil")
	}
	if cfg.Path == "" {
		cfg.Path = "/"
	}
	p := newProvider(policy, sign, cfg)
	p.url = memoryHost + cfg.Path
	p.handler = h
	if !cfg.RemoteAddr.IsValid() {
		cfg.RemoteAddr = netip.MustParseAddrPort("192.0.2.1:1234")
	}
	if cfg.ErrorLog == nil {
		cfg.ErrorLog = log.New(io.Discard, "", 0)
	}
	p.memory = &memory{errorLog: cfg.ErrorLog, remote: net.TCPAddrFromAddrPort(cfg.RemoteAddr)}
	p.memory.start(h)
	p.dial = p.memory.dial
	p.transport = newTransport(p.dial, 0)
	return p
}

// NewRemoteProvider returns a provider that delivers to a URL in real time, which Config.Scale makes shorter. A URL
// that is not http or https is an error. It panics if sign is nil or the policy is not valid. It needs no Close.
func NewRemoteProvider(policy retry.Policy, sign Signer, rawURL string, cfg Config) (*Provider, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("truhooktest: not a URL to deliver to")
	}
	p := newProvider(policy, sign, cfg)
	p.url = rawURL
	p.dial = (&net.Dialer{}).DialContext
	return p, nil
}

func newProvider(policy retry.Policy, sign Signer, cfg Config) *Provider {
	if sign == nil {
		panic("truhooktest: the Signer is nil")
	}
	if err := policy.Validate(); err != nil {
		panic(err.Error())
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = policy.AckLimit
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.Scale <= 0 {
		cfg.Scale = 1
	}
	if cfg.Jitter == nil {
		cfg.Jitter = rand.Float64
	}
	if cfg.StaleBy <= 0 {
		cfg.StaleBy = time.Hour
	}
	return &Provider{policy: policy, signer: sign, config: cfg}
}

// Close cuts all connections, ends the server in memory and the contexts of its requests, and waits for the handlers
// that still run.
func (p *Provider) Close() {
	p.stop()
	if p.memory != nil {
		p.memory.conns.Wait()
	}
}

func (p *Provider) stop() {
	if p.memory != nil {
		p.memory.stop()
		p.transport.CloseIdleConnections()
	}
}

// Restart cuts all connections and ends the contexts of all requests, as the end of the receiver's process does, and
// starts the handler of Config.Restart.
func (p *Provider) Restart() {
	p.stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.config.Restart != nil {
		p.handler = p.config.Restart()
	}
	if p.memory != nil {
		p.memory.start(p.handler)
	}
}

// Deliver delivers e by the policy's schedule until an attempt is not Retried or no attempt is left, and returns its
// record. Where an attempt sends duplicates, the first request decides. It ends early with ctx.
func (p *Provider) Deliver(ctx context.Context, e Event) []Attempt {
	var all []Attempt
	if !p.sleep(ctx, e.Delay) {
		return nil
	}
	for next := range p.policy.Schedule() {
		wait := next.Wait.Base + time.Duration(p.config.Jitter()*float64(next.Wait.Jitter))
		if !p.sleep(ctx, wait) {
			return all
		}
		fault := e.fault(next.Number)
		if fault&Restart != 0 {
			p.Restart()
		}
		copies := p.attempt(ctx, e, next.Number, fault)
		all = append(all, copies...)
		if copies[0].Outcome != retry.Retried {
			break
		}
	}
	return all
}

// DeliverAll delivers all of the events, each by its own schedule and all beginning now, apart from their Delay. It
// returns their attempts in the order in which they began.
func (p *Provider) DeliverAll(ctx context.Context, events ...Event) []Attempt {
	records := make([][]Attempt, len(events))
	var all sync.WaitGroup
	for i, e := range events {
		all.Go(func() { records[i] = p.Deliver(ctx, e) })
	}
	all.Wait()
	attempts := slices.Concat(records...)
	slices.SortStableFunc(attempts, func(a, b Attempt) int { return a.At.Compare(b.At) })
	return attempts
}

// Attempts returns the record of everything that was delivered, in the order in which it ended.
func (p *Provider) Attempts() []Attempt {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.attempts)
}

// attempt makes one attempt with its duplicates; the first element is the one that decides.
func (p *Provider) attempt(ctx context.Context, e Event, number int, f Fault) []Attempt {
	m, err := p.sign(e.at(number), f)
	copies := make([]Attempt, e.copies(f))
	send := func(i int) {
		a := Attempt{Event: e.ID, Number: number, Duplicate: i > 0, Fault: f, At: time.Now(), Err: err}
		if err == nil {
			if p.config.sent != nil {
				p.config.sent(m)
			}
			p.send(ctx, m, &a)
		}
		copies[i] = a
		p.mu.Lock()
		p.attempts = append(p.attempts, a)
		p.mu.Unlock()
	}
	if f&ConcurrentDuplicate == 0 {
		for i := range copies {
			send(i)
		}
		return copies
	}
	var all sync.WaitGroup
	for i := range copies {
		all.Go(func() { send(i) })
	}
	all.Wait()
	return copies
}

func (p *Provider) scaled(d time.Duration) time.Duration {
	return time.Duration(float64(d) * p.config.Scale)
}

// sleep reports whether ctx outlived the wait.
func (p *Provider) sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	for ; d > 0; d -= time.Hour { // a wait of weeks is long in virtual time, too, where a receiver polls
		timer := time.NewTimer(p.scaled(min(d, time.Hour)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return false
		}
		if p.config.slept != nil {
			p.config.slept()
		}
	}
	return ctx.Err() == nil
}
