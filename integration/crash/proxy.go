package crash

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"github.com/truhook/truhook/internal/servertest"
)

// A Toxic is a way in which a connection can be bad.
type Toxic struct {
	Name string
	spec string // for toxiproxy; empty: nobody listens
}

// Toxics are all of them.
var Toxics = []Toxic{
	{"reply lost", `{"name": "t", "type": "timeout", "stream": "downstream", "attributes": {"timeout": 0}}`},
	{"request lost", `{"name": "t", "type": "timeout", "stream": "upstream", "attributes": {"timeout": 0}}`},
	{"reply cut off", `{"name": "t", "type": "limit_data", "stream": "downstream", "attributes": {"bytes": 1}}`},
	{"request cut off", `{"name": "t", "type": "limit_data", "stream": "upstream", "attributes": {"bytes": 20}}`},
	{"reset by the server", `{"name": "t", "type": "reset_peer", "stream": "downstream", "attributes": {"timeout": 0}}`},
	{"reset by the client", `{"name": "t", "type": "reset_peer", "stream": "upstream", "attributes": {"timeout": 0}}`},
	{"reply stalled", `{"name": "t", "type": "latency", "stream": "downstream", "attributes": {"latency": 60000}}`},
	{"request stalled", `{"name": "t", "type": "latency", "stream": "upstream", "attributes": {"latency": 60000}}`},
	{"trickle", `{"name": "t", "type": "slicer", "stream": "downstream", "attributes": {"average_size": 1, "delay": 1000000}}`},
	{"slow close", `{"name": "t", "type": "slow_close", "stream": "downstream", "attributes": {"delay": 60000}}`},
	{"refused", ""},
}

// A Proxy stands between a store and its server.
type Proxy struct {
	upstream string
	front    front
	current  *toxiproxy.Proxy
}

// NewProxy starts a proxy in this process.
func NewProxy(tb testing.TB, upstream string) *Proxy {
	tb.Helper()
	address, err := freeAddress() // that of the front is given up and taken again
	p := &Proxy{upstream: upstream, front: front{address: address, open: map[*net.TCPConn]bool{}}}
	if err := errors.Join(err, p.renew(), p.front.listen()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		p.front.stop()
		go p.current.Stop() // see try
	})
	return p
}

// renew lets a proxy without toxics take the place of the current one.
func (p *Proxy) renew() error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	next := toxiproxy.NewProxy(server, "store", address, p.upstream)
	if err := next.Start(); err != nil {
		return err
	}
	p.current = next
	p.front.turn(next.Listen)
	return nil
}

func freeAddress() (string, error) {
	port, err := servertest.FreePort()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), err
}

// Addr is where the proxy listens.
func (p *Proxy) Addr() string { return p.front.addr() }

// Poison makes every connection bad, until the returned func makes them good again.
func (p *Proxy) Poison(t Toxic) (cure func() error, err error) {
	if t.spec == "" {
		p.front.stop()
		return p.front.listen, nil
	}
	add := func(c *toxiproxy.Proxy) error {
		_, err := c.Toxics.AddToxicJson(strings.NewReader(t.spec))
		return err
	}
	hung, err := p.try(add)
	if hung && err == nil {
		_, err = p.try(add)
	}
	if err != nil {
		return nil, fmt.Errorf("crash: %s: %w", t.Name, err)
	}
	return func() error {
		_, err := p.try(func(c *toxiproxy.Proxy) error { return c.Toxics.RemoveToxic(context.Background(), "t") })
		return err
	}, nil
}

// try gives f some time. Toxiproxy can wait for ever for a connection that has ended; then another, without toxics,
// takes its place.
func (p *Proxy) try(f func(*toxiproxy.Proxy) error) (hung bool, err error) {
	done := make(chan error, 1)
	go func(c *toxiproxy.Proxy) { done <- f(c) }(p.current)
	select {
	case err := <-done:
		return false, err
	case <-time.After(10 * time.Second):
		return true, p.renew()
	}
}

// Fault poisons the connections for a while.
func (p *Proxy) Fault(t Toxic, while time.Duration) Fault {
	return Fault{t.Name, func() error {
		cure, err := p.Poison(t)
		if err != nil {
			return err
		}
		time.Sleep(while)
		return cure()
	}}
}
