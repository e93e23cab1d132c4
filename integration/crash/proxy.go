package crash

import (
	"context"
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
type Proxy struct{ p *toxiproxy.Proxy }

// NewProxy starts a proxy in this process.
func NewProxy(tb testing.TB, upstream string) *Proxy {
	tb.Helper()
	port, err := servertest.FreePort() // it is given up and taken again
	if err != nil {
		tb.Fatal(err)
	}
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := toxiproxy.NewProxy(server, tb.Name(), net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), upstream)
	if err := p.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.Stop)
	return &Proxy{p}
}

// Addr is where the proxy listens.
func (p *Proxy) Addr() string { return p.p.Listen }

// Poison makes every connection bad, until the returned func makes them good again.
func (p *Proxy) Poison(t Toxic) (cure func() error, err error) {
	if t.spec == "" {
		p.p.Stop()
		return p.p.Start, nil
	}
	if _, err := p.p.Toxics.AddToxicJson(strings.NewReader(t.spec)); err != nil {
		return nil, fmt.Errorf("crash: %s: %w", t.Name, err)
	}
	return func() error { return p.p.Toxics.RemoveToxic(context.Background(), "t") }, nil
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
