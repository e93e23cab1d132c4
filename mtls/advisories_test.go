package mtls_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/mtls"
)

// nats-server compared relative names without counting, so that {A,A,B} matched {A,B,C}.
func TestAdvisory_CVE_2026_33248_NamesAreCounted(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	ou := func(names ...string) change {
		var set []value
		for _, n := range names {
			set = append(set, value{oidOU, asn1.TagUTF8String, n})
		}
		return func(c *x509.Certificate) { c.RawSubject = der(t, set) }
	}
	v, err := mtls.New(mtls.FromTLS(), mtls.Subjects(pool(root), "OU=a+OU=b+OU=c"), mtls.Config{})
	require.NoError(t, err)
	assert.Empty(t, verdict(t, v, over(root.issue(t, false, ou("a", "b", "c")))))
	for _, names := range [][]string{{"a", "a", "b"}, {"a", "b", "b"}, {"a", "b"}, {"a", "b", "c", "c"}, {"a", "a", "a"}, {"a", "b", "c", "d"}} {
		assert.Equal(t, truhook.WrongSubjectName, verdict(t, v, over(root.issue(t, false, ou(names...)))), names)
	}
	// Its parser also began a new attribute at each "=".
	v, err = mtls.New(mtls.FromTLS(), mtls.Subjects(pool(root), "CN=admin"), mtls.Config{})
	require.NoError(t, err)
	assert.Equal(t, truhook.WrongSubjectName, verdict(t, v, over(root.issue(t, false, named(rdns("O", "x CN=admin"))))))
}

// Caddy let every client in where the file of the authorities could not be loaded.
func TestAdvisory_CVE_2026_27586_NoAuthoritiesAreNotEveryone(t *testing.T) {
	t.Parallel()
	empty := x509.NewCertPool()
	require.False(t, empty.AppendCertsFromPEM([]byte("no certificate in here")), "the file that cannot be loaded")
	for name, peer := range map[string]mtls.Peer{
		"an empty pool": mtls.Subjects(empty, production), "no pool": mtls.Subjects(nil, production),
		"names of an empty pool": mtls.DNSNames(empty, "a.example"), "names without a pool": mtls.DNSNames(nil, "a.example"),
		"no pin": mtls.Pinned(), "an empty pin": mtls.Pinned(""), "nothing": {},
	} {
		_, err := mtls.New(mtls.FromTLS(), peer, mtls.Config{})
		require.Error(t, err, name)
	}
	var zero mtls.Verifier
	stranger := (*authority)(nil).issue(t, false, named(productionName()))
	assert.Equal(t, truhook.NoKey, verdict(t, &zero, over(stranger)))
}

// router is a server that asks for a client certificate by what it makes of the ClientHello. That mistakes happen there
// is the point: whoever came in without a certificate has to be refused behind it.
type router struct {
	*httptest.Server
	reasons chan truhook.Reason
}

func newRouter(t *testing.T, s *senders, choose func(*tls.ClientHelloInfo) bool) router {
	t.Helper()
	v, err := mtls.New(mtls.FromTLS(), mtls.Subjects(pool(s.root), production), mtls.Config{})
	require.NoError(t, err)
	r := router{reasons: make(chan truhook.Reason, 1)}
	m := truhook.NewMiddleware(v, truhook.Config{Observe: func(_ context.Context, o truhook.Observation) {
		r.reasons <- truhook.ReasonOf(o.Err)
	}})
	r.Server = httptest.NewUnstartedServer(m.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })))
	open := &tls.Config{Certificates: []tls.Certificate{s.server.client()}, MinVersion: tls.VersionTLS12}
	closed := open.Clone()
	closed.ClientAuth = tls.RequireAnyClientCert
	r.TLS = open.Clone()
	r.TLS.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if choose(hello) {
			return closed, nil
		}
		return open, nil
	}
	r.Listener, r.Config.ErrorLog = peeking{r.Listener}, log.New(io.Discard, "", 0)
	r.StartTLS()
	t.Cleanup(r.Close)
	return r
}

// peeking keeps what came first on each connection.
type peeking struct{ net.Listener }

func (l peeking) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return &peeked{Conn: c}, err
}

type peeked struct {
	net.Conn
	read []byte
}

func (c *peeked) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if len(c.read) < 16<<10 {
		c.read = append(c.read, p[:n]...)
	}
	return n, err
}

// first returns the content of the first record.
func (c *peeked) first() []byte { return c.read[5 : 5+binary.BigEndian.Uint16(c.read[3:])] }

// reason posts over conn and returns why the delivery was refused, or the error of the handshake.
func (r router) reason(t *testing.T, s *senders, serverName string, wrap func(net.Conn) net.Conn, cert *tls.Certificate) (truhook.Reason, error) {
	t.Helper()
	cfg := &tls.Config{RootCAs: pool(s.otherRoot), ServerName: serverName, InsecureSkipVerify: true} //nolint:gosec // an attacker
	if cert != nil {
		cfg.Certificates = []tls.Certificate{*cert}
	}
	c := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", r.Listener.Addr().String())
			if err != nil {
				return nil, err
			}
			return tls.Client(wrap(conn), cfg), nil
		},
	}}
	response, err := c.Post("https://receiver.test/", "application/json", strings.NewReader("{}"))
	if err != nil {
		return "", err
	}
	require.NoError(t, response.Body.Close())
	reason := <-r.reasons
	if reason != "" {
		assert.Equal(t, reason.Status(), response.StatusCode)
	}
	return reason, nil
}

func plain(c net.Conn) net.Conn { return c }

// Traefik chose the rules for a host by a name that it compared with its case, and a client in capitals met none.
func TestAdvisory_CVE_2026_53622_AHostInCapitalsGetsInNobody(t *testing.T) {
	t.Parallel()
	s := newSenders(t)
	r := newRouter(t, s, func(hello *tls.ClientHelloInfo) bool { return hello.ServerName == "receiver.test" })
	_, err := r.reason(t, s, "receiver.test", plain, nil)
	require.Error(t, err, "with its own name a client without a certificate does not get past the handshake")
	for _, name := range []string{"RECEIVER.TEST", "Receiver.test", "other.test", ""} {
		got, err := r.reason(t, s, name, plain, nil)
		require.NoError(t, err)
		assert.Equal(t, truhook.NoClientCertificate, got, name)
		got, err = r.reason(t, s, name, plain, s.certs["right"])
		require.NoError(t, err)
		assert.Equal(t, truhook.NoClientCertificate, got, "%s: a certificate that nobody asked for is not sent", name)
	}
	got, err := r.reason(t, s, "receiver.test", plain, s.certs["right"])
	require.NoError(t, err)
	assert.Empty(t, got)
}

// fragments cuts the first record that is written into records of a few bytes.
type fragments struct {
	net.Conn
	done bool
}

func (f *fragments) Write(p []byte) (int, error) {
	if f.done {
		return f.Conn.Write(p)
	}
	f.done = true
	var out []byte
	for chunk := range slices.Chunk(p[5:], 16) {
		out = append(out, p[0], p[1], p[2])
		out = binary.BigEndian.AppendUint16(out, uint16(len(chunk)))
		out = append(out, chunk...)
	}
	_, err := f.Conn.Write(out)
	return len(p), err
}

// Traefik read the name out of the first record only, and a ClientHello in several records met no rules.
func TestAdvisory_CVE_2026_32305_AClientHelloInFragmentsGetsInNobody(t *testing.T) {
	t.Parallel()
	s := newSenders(t)
	r := newRouter(t, s, func(hello *tls.ClientHelloInfo) bool {
		// What a router sees that does not put records together.
		return bytes.Contains(hello.Conn.(*peeked).first(), []byte("receiver.test"))
	})
	_, err := r.reason(t, s, "receiver.test", plain, nil)
	require.Error(t, err)
	got, err := r.reason(t, s, "receiver.test", func(c net.Conn) net.Conn { return &fragments{Conn: c} }, nil)
	require.NoError(t, err)
	assert.Equal(t, truhook.NoClientCertificate, got)
	got, err = r.reason(t, s, "receiver.test", plain, s.certs["right"])
	require.NoError(t, err)
	assert.Empty(t, got)
}

// crypto/tls resumed sessions under authorities that were trusted when they began and are no more.
func TestAdvisory_CVE_2025_68121_AResumedSessionIsJudgedByTodaysAuthorities(t *testing.T) {
	t.Parallel()
	s := newSenders(t)
	yesterday, err := mtls.New(mtls.FromTLS(), mtls.Subjects(pool(s.root), production), mtls.Config{})
	require.NoError(t, err)
	today, err := mtls.New(mtls.FromTLS(), mtls.Subjects(pool(newRoot(t)), production), mtls.Config{})
	require.NoError(t, err)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		r := newReceiver()
		r.handle("/yesterday", yesterday, 0)
		r.handle("/today", today, 0)
		srv := httptest.NewUnstartedServer(r)
		// The authorities of the handshake, which a resumption does not look at again, are everybody's here.
		srv.TLS = &tls.Config{Certificates: []tls.Certificate{s.server.client()}, ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12}
		srv.Config.ErrorLog = log.New(io.Discard, "", 0)
		srv.StartTLS()
		t.Cleanup(srv.Close)
		cache := tls.NewLRUClientSessionCache(1)
		c := func() *http.Client {
			return client(srv.Listener.Addr().String(), pool(s.otherRoot), s.certs["right"], cache, version)
		}
		got, _ := r.post(t, c(), "/yesterday", nil)
		require.Empty(t, got)
		got, response := r.post(t, c(), "/today", nil)
		require.True(t, response.TLS.DidResume)
		assert.Equal(t, string(truhook.UntrustedCertificate), got, "version %x", version)
	}
}

// crypto/x509 needed time beyond all measure for the name constraints of a chain with many names.
func TestAdvisory_CVE_2025_58187_ManyNamesOfAStrangerAreNotChecked(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	v, err := mtls.New(mtls.FromTLS(), mtls.Subjects(pool(root), production), mtls.Config{})
	require.NoError(t, err)
	work := mtls.CountWork(v)
	hostileRoot := (*authority)(nil).issue(t, true, func(c *x509.Certificate) {
		for i := range 1000 {
			c.ExcludedDNSDomains = append(c.ExcludedDNSDomains, fmt.Sprintf("%d.example", i))
		}
	})
	leaf := hostileRoot.issue(t, false, named(productionName()), withDNS(manyNames()...))
	assert.Equal(t, truhook.UntrustedCertificate, verdict(t, v, over(leaf, hostileRoot)))
	assert.LessOrEqual(t, work.Chains.Load(), int64(1), "crypto/x509 is asked once, and finds no root")
}

func manyNames() (names []string) {
	for i := range 2000 {
		names = append(names, fmt.Sprintf("name-%d.canary.example", i))
	}
	return names
}

// The error of crypto/x509 about a wrong name listed every name of the certificate, at a quadratic cost.
func TestAdvisory_CVE_2025_61729_AnErrorListsNoNames(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	v, err := mtls.New(mtls.FromTLS(), mtls.DNSNames(pool(root), "webhooks.example"), mtls.Config{})
	require.NoError(t, err)
	_, err = v.Verify(t.Context(), over(root.issue(t, false, withDNS(manyNames()...))))
	require.ErrorIs(t, err, truhook.WrongSubjectName)
	assert.Less(t, len(err.Error()), 1000)
	_, err = v.Verify(t.Context(), over(newRoot(t).issue(t, false, withDNS(manyNames()...))))
	require.ErrorIs(t, err, truhook.UntrustedCertificate)
	assert.NotContains(t, err.Error(), "canary")
}

// crypto/x509 did not bound its work where a sender offers many certificates from which chains could be made.
func TestAdvisory_CVE_2026_32280_ManyIntermediatesAreNotTriedOut(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	v, err := mtls.New(mtls.FromTLS(), mtls.Subjects(pool(root), production), mtls.Config{})
	require.NoError(t, err)
	work := mtls.CountWork(v)
	stranger := newRoot(t)
	sent := []*authority{stranger.issue(t, false, named(productionName()))}
	for range 40 { // all of one name, signed by one another's key
		stranger = stranger.issue(t, true, named(rdns("CN", "x")))
		sent = append(sent, stranger)
	}
	assert.Equal(t, truhook.ChainTooLong, verdict(t, v, over(sent...)))
	assert.Zero(t, work.Chains.Load())
	assert.NotEmpty(t, verdict(t, v, over(sent[:10]...)))
	assert.LessOrEqual(t, work.Candidates.Load(), int64(2))
}

// crypto/x509 did not apply an excluded name to a wildcard name in other letters.
func TestAdvisory_CVE_2026_33810_AnExcludedNameInCapitalsIsExcluded(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	limited := root.issue(t, true, func(c *x509.Certificate) {
		c.ExcludedDNSDomains, c.PermittedDNSDomainsCritical = []string{"evil.example"}, true
	})
	v, err := mtls.New(mtls.FromTLS(), mtls.Subjects(pool(root), production), mtls.Config{})
	require.NoError(t, err)
	assert.Empty(t, verdict(t, v, over(limited.issue(t, false, named(productionName()), withDNS("good.example")), limited)))
	for _, name := range []string{"evil.example", "*.evil.example", "*.EVIL.example", "*.Evil.Example", "EVIL.EXAMPLE"} {
		sent := []*authority{limited.issue(t, false, named(productionName()), withDNS(name)), limited}
		assert.Equal(t, truhook.UntrustedCertificate, verdict(t, v, over(sent...)), name)
	}
}
