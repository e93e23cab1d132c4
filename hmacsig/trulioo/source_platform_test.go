package trulioo_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/truhook/truhook"
	"github.com/truhook/truhook/hmacsig"
	"github.com/truhook/truhook/hmacsig/trulioo"
)

// The secrets of these tests are made for them.
const (
	clientID     = "client-4711"
	clientSecret = "c$l;i&e=n%t#-secret"
)

type credential struct{ id, secret, from, until string }

// platform plays Trulioo: the token endpoint, the credentials endpoint, and whoever signs deliveries.
type platform struct {
	server *httptest.Server

	mu          sync.Mutex
	credentials []credential
	tokens      map[string]bool // those that are good
	tokenCalls  int
	calls       int
	fault       http.HandlerFunc // answers the credentials endpoint in its place
	tokenFault  http.HandlerFunc
	now         func() time.Time
	bad         []string // what was wrong with requests
}

// newPlatform serves over pipes in memory, so that the fake clock of a bubble goes on while nobody talks.
func newPlatform(t testing.TB, listener net.Listener) *platform {
	p := &platform{tokens: map[string]bool{}, now: time.Now}
	p.credentials = []credential{{"cred-1", "Secret^One#$=0123456789", "1999-01-01T00:00:00", ""}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /connect/token", p.token)
	mux.HandleFunc("GET /api/v2/client-webhooks/current-credential", p.current)
	p.server = httptest.NewUnstartedServer(mux)
	if listener != nil {
		_ = p.server.Listener.Close()
		p.server.Listener = listener
		p.server.Start() // plain: in FIPS mode, random bytes are not available under a fake clock
	} else {
		p.server.StartTLS()
	}
	t.Cleanup(p.server.Close)
	return p
}

func (p *platform) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

func (p *platform) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.tokenCalls++
	n, fault := p.tokenCalls, p.tokenFault
	p.mu.Unlock()
	_ = r.ParseForm()
	if r.PostForm.Get("client_id") != clientID || r.PostForm.Get("client_secret") != clientSecret ||
		r.PostForm.Get("grant_type") != "client_credentials" ||
		r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		p.set(func() { p.bad = append(p.bad, "token request") })
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":"invalid_client"}`)
		return
	}
	if fault != nil {
		fault(w, r)
		return
	}
	token := fmt.Sprintf("token-%d", n)
	p.set(func() { p.tokens[token] = true })
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":1800,"scope":""}`, token)
}

func (p *platform) current(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.calls++
	fault, credentials, now := p.fault, p.credentials, p.now()
	good := p.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	if r.URL.Query().Get("AccountIdentifier") != "acc+ou&nt" {
		p.bad = append(p.bad, "account "+r.URL.RawQuery)
	}
	p.mu.Unlock()
	w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
	if fault != nil {
		fault(w, r)
		return
	}
	if !good {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var listed []map[string]any
	for _, c := range credentials {
		var until any
		if c.until != "" {
			until = c.until
		}
		listed = append(listed, map[string]any{"credentialIdentifier": c.id, "secretValue": c.secret,
			"effectiveStartDateTimeUTC": c.from, "expirationDateTimeUTC": until})
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"accountIdentifier": "acc", "webhooks": []any{
		map[string]any{"webhookIdentifier": "w1", "webhookCallbackUrl": nil, "credentials": listed},
		map[string]any{"webhookIdentifier": "w2", "webhookCallbackUrl": "https://x.example", "credentials": listed[:1]},
	}}})
}

func (p *platform) client(t testing.TB, cfg trulioo.ClientConfig) *http.Client {
	t.Helper()
	cfg.HTTPClient = p.server.Client()
	client, err := trulioo.NewClient(p.server.URL+"/connect/token", clientID, clientSecret, cfg)
	require.NoError(t, err)
	return client
}

func (p *platform) source(t testing.TB, cfg hmacsig.CacheConfig) *trulioo.CredentialSource {
	t.Helper()
	s, err := trulioo.NewCredentialSource(p.client(t, trulioo.ClientConfig{Now: cfg.Now}),
		p.server.URL+"/api/v2/client-webhooks/current-credential", "acc+ou&nt", cfg)
	require.NoError(t, err)
	return s
}

func (p *platform) counts() (tokens, calls int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tokenCalls, p.calls
}

// bubble runs f with a platform that is reached over memory, under a fake clock.
func bubble(t *testing.T, f func(t *testing.T, p *platform)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		p := newPlatform(t, l)
		transport, ok := p.server.Client().Transport.(*http.Transport)
		require.True(t, ok)
		transport.DialTLSContext = l.dial // as if TLS had been spoken
		p.server.URL = "https://trulioo.example"
		f(t, p)
		p.set(func() { assert.Empty(t, p.bad) })
		transport.CloseIdleConnections()
	})
}

// pipes is a listener over net.Pipe.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-l.closed:
		return nil, errors.New("refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 443} }

func advance(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func signed(t testing.TB, secret string) *truhook.Delivery {
	t.Helper()
	k, err := hmacsig.NewKey("any", secret)
	require.NoError(t, err)
	d := &truhook.Delivery{Method: "POST", RequestURI: "/hook", Header: http.Header{}, Body: []byte(`{"id":"1"}`)}
	require.NoError(t, trulioo.Scheme().Sign(d.Header, k, hmacsig.Message{Body: d.Body}))
	return d
}

func verifier(t testing.TB, s hmacsig.KeySource, cfg hmacsig.Config) *hmacsig.Verifier {
	t.Helper()
	v, err := trulioo.New(s, cfg)
	require.NoError(t, err)
	return v
}

func reason(t testing.TB, v *hmacsig.Verifier, secret string) truhook.Reason {
	t.Helper()
	_, err := v.Verify(t.Context(), signed(t, secret))
	return truhook.ReasonOf(err)
}
