package mtls_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/mtls"
)

// A receiver is a Truhook receiver that says why it refused, and whether it read a byte of the body before.
type receiver struct {
	mux     *http.ServeMux
	reached atomic.Int64
	read    atomic.Int64
}

func newReceiver() *receiver { return &receiver{mux: http.NewServeMux()} }

// handle answers requests for path with the verifier's verdict at an hour from now.
func (r *receiver) handle(path string, v truhook.Verifier, ahead time.Duration) {
	mw := truhook.NewMiddleware(v, truhook.Config{
		Logger: slog.New(slog.DiscardHandler),
		Now:    func() time.Time { return time.Now().Add(ahead) },
		OnReject: func(w http.ResponseWriter, _ *http.Request, err error) {
			w.Header().Set("X-Reason", string(truhook.ReasonOf(err)))
		},
	})
	r.mux.Handle(path, mw.Wrap(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		got, _ := truhook.FromContext(req.Context())
		id, _ := truhook.Detail[mtls.Identity](got)
		w.Header().Set("X-Identity", id.Name)
	})))
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.reached.Add(1)
	req.Body = counted{req.Body, &r.read}
	r.mux.ServeHTTP(w, req)
}

type counted struct {
	io.ReadCloser
	read *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// client connects to addr with the given certificate, whatever authorities the server names.
func client(addr string, serverRoots *x509.CertPool, cert *tls.Certificate, cache tls.ClientSessionCache, version uint16) *http.Client {
	cfg := &tls.Config{
		RootCAs: serverRoots, ServerName: "127.0.0.1", MinVersion: version, MaxVersion: version, ClientSessionCache: cache,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if cert == nil {
				return &tls.Certificate{}, nil
			}
			return cert, nil
		},
	}
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{
		TLSClientConfig: cfg,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		},
	}}
}

// post returns the reason that the receiver gave, "" if it accepted, and "not-reached" if somebody before it refused.
func (r *receiver) post(t testing.TB, c *http.Client, path string, header http.Header) (reason string, response *http.Response) {
	t.Helper()
	reached, read := r.reached.Load(), r.read.Load()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://receiver.test"+path, strings.NewReader(strings.Repeat("x", 64<<10)))
	require.NoError(t, err)
	for k, v := range header {
		req.Header[k] = v
	}
	resp, err := c.Do(req)
	c.CloseIdleConnections() // the next request makes a handshake of its own
	if r.reached.Load() == reached {
		if err == nil {
			_ = resp.Body.Close()
			t.Logf("refused by the proxy: %s", resp.Status)
		} else {
			t.Logf("refused by the proxy: %v", err)
		}
		return "not-reached", nil
	}
	require.NoError(t, err)
	defer resp.Body.Close()
	reason = resp.Header.Get("X-Reason")
	if reason != "" {
		assert.Equal(t, read, r.read.Load(), "the body was read before %s", reason)
		assert.Equal(t, truhook.Reason(reason).Status(), resp.StatusCode)
	} else {
		assert.Equal(t, http.StatusOK, resp.StatusCode)
		assert.NotEmpty(t, resp.Header.Get("X-Identity"))
	}
	return reason, resp
}

// senders are the certificates that the real handshakes are made with.
type senders struct {
	root, otherRoot, inter, inter2 *authority
	server                         *authority
	certs                          map[string]*tls.Certificate
}

func newSenders(t testing.TB) *senders {
	s := &senders{root: newRoot(t), otherRoot: newRoot(t), certs: map[string]*tls.Certificate{}}
	s.inter = s.root.issue(t, true)
	s.inter2 = s.inter.issue(t, true)
	s.server = s.otherRoot.issue(t, false, withUsage(x509.ExtKeyUsageServerAuth), func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)} })
	prod := named(productionName())
	for name, c := range map[string]tls.Certificate{
		"right":                s.inter.issue(t, false, prod).client(s.inter),
		"wrong subject":        s.inter.issue(t, false).client(s.inter),
		"injected subject":     s.inter.issue(t, false, named(rdns("O", "Evil, CN=webhooks.launchkey.com", "CN", "evil.example, CN=webhooks.launchkey.com"))).client(s.inter),
		"wrong issuer":         s.otherRoot.issue(t, false, prod).client(),
		"expired":              s.inter.issue(t, false, prod, valid(-2*time.Hour, -time.Hour)).client(s.inter),
		"not yet valid":        s.inter.issue(t, false, prod, valid(time.Hour, 2*time.Hour)).client(s.inter),
		"self-signed":          (*authority)(nil).issue(t, false, prod).client(),
		"missing intermediate": s.inter.issue(t, false, prod).client(),
		"too deep":             s.inter2.issue(t, false, prod).client(s.inter2, s.inter),
		"server usage":         s.inter.issue(t, false, prod, withUsage(x509.ExtKeyUsageServerAuth)).client(s.inter),
	} {
		s.certs[name] = &c
	}
	return s
}

// serve lets the receiver judge what source reads.
func (s *senders) serve(t testing.TB, source mtls.Source, intermediates bool) *receiver {
	t.Helper()
	r := newReceiver()
	cfg := mtls.Config{}
	with := func(change func(*mtls.Config)) truhook.Verifier {
		c := cfg
		change(&c)
		v, err := mtls.New(source, mtls.Subjects(pool(s.root), production), c)
		require.NoError(t, err)
		return v
	}
	bare := with(func(*mtls.Config) {})
	if intermediates {
		cfg.Intermediates = []*x509.Certificate{s.inter.cert, s.inter2.cert}
	}
	r.handle("/", with(func(*mtls.Config) {}), 0)
	r.handle("/later", with(func(*mtls.Config) {}), 3*time.Hour)
	r.handle("/earlier", with(func(*mtls.Config) {}), -3*time.Hour)
	r.handle("/bare", bare, 0)
	r.handle("/server", with(func(c *mtls.Config) { c.AllowServerUsage = true }), 0)
	return r
}

type handshake struct {
	cert, path string
	want       string // by a lenient front
}

// handshakes are the rows of every table; a proxy that refuses one itself has it in its own list.
func handshakes() []handshake {
	return []handshake{
		{"right", "/", ""},
		{"wrong subject", "/", "wrong-subject-name"},
		{"injected subject", "/", "wrong-subject-name"},
		{"wrong issuer", "/", "untrusted-certificate"},
		{"expired", "/", "certificate-expired"},
		{"right", "/later", "certificate-expired"},
		{"not yet valid", "/", "certificate-not-yet-valid"},
		{"right", "/earlier", "certificate-not-yet-valid"},
		{"self-signed", "/", "untrusted-certificate"},
		{"missing intermediate", "/bare", "untrusted-certificate"},
		{"too deep", "/", "chain-too-long"},
		{"server usage", "/", "wrong-certificate-usage"},
		{"server usage", "/server", ""},
		{"none", "/", "no-client-certificate"},
	}
}

func TestGosOwnServerRefusesEachWithItsReason(t *testing.T) {
	t.Parallel()
	s := newSenders(t)
	r := s.serve(t, mtls.FromTLS(), false)
	srv := httptest.NewUnstartedServer(r)
	srv.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, Certificates: []tls.Certificate{s.server.client()}}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, row := range handshakes() {
			c := client(srv.Listener.Addr().String(), pool(s.otherRoot), s.certs[row.cert], nil, version)
			got, _ := r.post(t, c, row.path, nil)
			assert.Equal(t, row.want, got, "%s at %s", row.cert, row.path)
		}
	}
}
