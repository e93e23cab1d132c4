//go:build unix

package mtls_test

import (
	"context"
	"crypto/fips140"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook/internal/proxytest"
	"github.com/truhook/truhook/mtls"
)

func TestRealProxies(t *testing.T) {
	t.Parallel()
	for _, p := range []struct {
		name   string
		start  func(testing.TB, proxytest.Config) string
		source func(...netip.Prefix) mtls.Source
		itself string // what the proxy refuses itself even where it is lenient
		alias  string // a header of the client's own that the proxy lets pass, and the verdict on it
		want   string
		own    http.Header // what a client would write itself
		server string      // the verdict on a server's certificate where AllowServerUsage is set
	}{
		{"nginx", proxytest.Nginx, mtls.FromNginx, "expired, not yet valid, server usage", "X_SSL_Client_Escaped_Cert", "",
			http.Header{"X-Ssl-Client-Escaped-Cert": {"-"}, "X-Ssl-Client-Verify": {"SUCCESS"}}, "not-reached"},
		{"apache", proxytest.Apache, mtls.FromApache, "expired, not yet valid, server usage", "X_SSL_Client_Cert", "duplicate-header",
			http.Header{"X-Ssl-Client-Cert": {"-"}, "X-Ssl-Client-Verify": {"SUCCESS"}}, "not-reached"},
		{"haproxy", proxytest.HAProxy, mtls.FromHAProxy, "", "X_SSL_Client_DER", "duplicate-header",
			http.Header{"X-Ssl-Client-Der": {"-"}, "X-Ssl-Client-Used": {"1"}, "X-Ssl-Client-Verify": {"0"}},
			"untrusted-certificate"}, // it says 26, invalid purpose
		{"caddy", proxytest.Caddy, mtls.FromCaddy, "", "X_SSL_Client_DER", "duplicate-header", http.Header{"X-Ssl-Client-Der": {"-"}}, ""},
	} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			s := newSenders(t)
			r := s.serve(t, p.source(netip.MustParsePrefix("127.0.0.1/32")), true)
			backend := httptest.NewServer(r)
			t.Cleanup(backend.Close)
			cfg := proxytest.Config{
				Certificate: pemOf(s.server), Key: keyPEM(t, s.server), ClientCAs: pemOf(s.root, s.otherRoot),
				Backend: backend.Listener.Addr().String(),
			}
			strict := p.start(t, cfg)
			cfg.Lenient = true
			lenient := p.start(t, cfg)
			serverRoots := pool(s.otherRoot)

			for _, row := range handshakes() {
				want := row.want
				if strings.Contains(p.itself, row.cert) {
					want = "not-reached"
				} else if row.path == "/server" {
					want = p.server
				}
				got, _ := r.post(t, client(lenient, serverRoots, s.certs[row.cert], nil, 0), row.path, nil)
				assert.Equal(t, want, got, "%s at %s", row.cert, row.path)

				switch row.cert {
				case "expired", "not yet valid", "self-signed", "missing intermediate", "server usage":
					want = "not-reached"
				case "wrong issuer":
					if p.name == "caddy" { // it takes the first certificate of a file
						want = "not-reached"
					}
				}
				got, _ = r.post(t, client(strict, serverRoots, s.certs[row.cert], nil, 0), row.path, nil)
				assert.Equal(t, want, got, "%s at %s, strict", row.cert, row.path)
			}

			// A second connection resumes the session of the first: the chain is gone, the certificate is not.
			for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
				if fips140.Enabled() && p.name == "caddy" && version == tls.VersionTLS12 {
					continue // Debian's has no Extended Master Secret, which our client must ask for then
				}
				cache := tls.NewLRUClientSessionCache(1)
				resumed := false
				for range 2 {
					got, resp := r.post(t, client(strict, serverRoots, s.certs["right"], cache, version), "/", nil)
					assert.Empty(t, got)
					require.NotNil(t, resp)
					_, _ = io.Copy(io.Discard, resp.Body)
					resumed = resp.TLS.DidResume
				}
				assert.True(t, resumed, "TLS version %x", version)
			}

			// The client's own headers, with and without a certificate.
			got, _ := r.post(t, client(lenient, serverRoots, nil, nil, 0), "/", p.own)
			assert.Equal(t, "no-client-certificate", got)
			got, _ = r.post(t, client(lenient, serverRoots, s.certs["right"], nil, 0), "/", p.own)
			assert.Empty(t, got, "the proxy replaces them")
			got, _ = r.post(t, client(lenient, serverRoots, s.certs["right"], nil, 0), "/", http.Header{p.alias: {"x"}})
			assert.Equal(t, p.want, got, "an alias")

			// Past the proxy, from an address that is not the proxy's.
			direct := &http.Client{Transport: &http.Transport{DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).DialContext(ctx, "tcp", cfg.Backend)
			}}}
			got, _ = r.post(t, direct, "/", p.own)
			assert.Equal(t, "untrusted-proxy", got)
		})
	}
}
