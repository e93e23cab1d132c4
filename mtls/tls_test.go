package mtls_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/mtls"
)

type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestTLSConfigRefusesInTheHandshake(t *testing.T) {
	t.Parallel()
	s := newSenders(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, row := range handshakes() {
			var ahead time.Duration
			cfg := mtls.Config{AllowServerUsage: row.path == "/server", Now: func() time.Time { return time.Now().Add(ahead) }}
			switch row.path {
			case "/later":
				ahead = 3 * time.Hour
			case "/earlier":
				ahead = -3 * time.Hour
			}
			v, err := mtls.New(mtls.FromTLS(), mtls.Subjects(pool(s.root), production), cfg)
			require.NoError(t, err)
			tlsConfig, err := v.TLSConfig(&tls.Config{Certificates: []tls.Certificate{s.server.client()}})
			require.NoError(t, err)
			errorLog := &logged{}
			r := newReceiver()
			r.handle("/", v, ahead)
			srv := httptest.NewUnstartedServer(r)
			srv.TLS, srv.Config.ErrorLog = tlsConfig, log.New(errorLog, "", 0)
			srv.StartTLS()

			got, _ := r.post(t, client(srv.Listener.Addr().String(), pool(s.otherRoot), s.certs[row.cert], nil, version), row.path, nil)
			srv.Close() // waits for the connection, and so for what it logs
			if row.want == "" {
				assert.Empty(t, got, "%s at %s", row.cert, row.path)
				continue
			}
			assert.Equal(t, "not-reached", got, "%s at %s", row.cert, row.path)
			want := row.want
			if row.cert == "none" {
				want = "didn't provide a certificate" // crypto/tls says so before it asks
			}
			assert.Contains(t, errorLog.String(), want, "%s at %s", row.cert, row.path)
		}
	}
}

func TestTLSConfigRefusesOnAResumedSession(t *testing.T) {
	t.Parallel()
	s := newSenders(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		var ahead atomic.Int64
		now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		v, err := mtls.New(mtls.FromTLS(), mtls.Subjects(pool(s.root), production), mtls.Config{Now: now})
		require.NoError(t, err)
		tlsConfig, err := v.TLSConfig(&tls.Config{Certificates: []tls.Certificate{s.server.client()}})
		require.NoError(t, err)
		r := newReceiver()
		r.handle("/", v, 0)
		srv := httptest.NewUnstartedServer(r)
		srv.TLS, srv.Config.ErrorLog = tlsConfig, log.New(&logged{}, "", 0)
		srv.StartTLS()
		t.Cleanup(srv.Close)
		cache := tls.NewLRUClientSessionCache(1)
		c := func() *http.Client {
			return client(srv.Listener.Addr().String(), pool(s.otherRoot), s.certs["right"], cache, version)
		}
		got, resp := r.post(t, c(), "/", nil)
		require.Empty(t, got)
		require.False(t, resp.TLS.DidResume)
		got, resp = r.post(t, c(), "/", nil)
		require.Empty(t, got, "the certificate is known on a resumed session")
		require.True(t, resp.TLS.DidResume)
		ahead.Store(int64(3 * time.Hour))
		got, _ = r.post(t, c(), "/", nil)
		assert.Equal(t, "not-reached", got, "version %x", version)
	}
}

func TestTLSConfigKeepsWhatBaseAsksFor(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	v, err := mtls.New(mtls.FromTLS(), mtls.Subjects(pool(root), production), mtls.Config{})
	require.NoError(t, err)
	mine := errors.New("mine")
	base := &tls.Config{
		MinVersion: tls.VersionTLS10, NextProtos: []string{"h2"}, ClientCAs: pool(newRoot(t)), InsecureSkipVerify: true,
		VerifyConnection: func(tls.ConnectionState) error { return mine },
	}
	got, err := v.TLSConfig(base)
	require.NoError(t, err)
	assert.Equal(t, uint16(tls.VersionTLS12), got.MinVersion)
	assert.Equal(t, tls.RequireAnyClientCert, got.ClientAuth)
	assert.Equal(t, []string{"h2"}, got.NextProtos)
	good := tls.ConnectionState{HandshakeComplete: true}
	good.PeerCertificates = over(root.issue(t, false, named(productionName()))).TLS.PeerCertificates
	assert.ErrorIs(t, got.VerifyConnection(good), mine)
	assert.Equal(t, tls.NoClientCert, base.ClientAuth, "base is not changed")

	got, err = v.TLSConfig(&tls.Config{MinVersion: tls.VersionTLS13})
	require.NoError(t, err)
	assert.Equal(t, uint16(tls.VersionTLS13), got.MinVersion)
	got, err = v.TLSConfig(nil)
	require.NoError(t, err)
	assert.NoError(t, got.VerifyConnection(good))
	assert.ErrorIs(t, got.VerifyConnection(tls.ConnectionState{}), truhook.NoClientCertificate)

	_, err = v.TLSConfig(&tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, nil }})
	assert.Error(t, err)
	behind, err := mtls.New(mtls.FromNginx(netip.MustParsePrefix("127.0.0.1/32")), mtls.Subjects(pool(root), production), mtls.Config{})
	require.NoError(t, err)
	_, err = behind.TLSConfig(nil)
	assert.Error(t, err)
}
